"""Whether a member activated last month's bonus."""

from django.utils.translation import gettext_lazy as _

from bonuses import sql
from enrollment.audience.condition import yes_no

CONDITION = yes_no(
    place=90,
    code="activated_last_month",
    label=_("activated the bonus last month"),
    group=_("bonus"),
    test=sql.ACTIVATED.format(month="%(last_month)s"),
    meaning="Activated the monthly bonus in the Astana month before this one.",
)
