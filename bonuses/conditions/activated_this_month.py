"""Whether a member has activated this month's bonus."""

from django.utils.translation import gettext_lazy as _

from bonuses import sql
from enrollment.audience.condition import yes_no

CONDITION = yes_no(
    place=91,
    code="activated_this_month",
    label=_("activated the bonus this month"),
    group=_("bonus"),
    test=sql.ACTIVATED.format(month="%(this_month)s"),
    meaning="Has activated the monthly bonus of this Astana month.",
)
