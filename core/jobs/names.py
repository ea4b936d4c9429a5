"""The periodic jobs that keep slots, in words."""

from django.utils.translation import gettext_lazy as _

NAMES = {
    "issue_month": _("issue the month's bonuses"),
    "end_lost_memberships": _("end memberships of lost lines"),
    "publish_results": _("publish results to partners"),
    "publish_survey_results": _("publish survey results to sponsors"),
    "issue_statements": _("write partners' statements"),
    "expire": _("lapse bonuses"),
    "announce_month": _("announce the month's bonuses"),
    "announce_lapses": _("announce what lapses tomorrow"),
}
