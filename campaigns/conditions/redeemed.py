"""Whether a member has ever redeemed an offer."""

from django.utils.translation import gettext_lazy as _

from enrollment.audience.condition import yes_no

CONDITION = yes_no(
    place=100,
    code="redeemed",
    label=_("redeemed an offer before"),
    group=_("earlier offers"),
    test="EXISTS (SELECT FROM campaigns_redemption taken WHERE taken.subscriber_id = s.id)",
    meaning="Has redeemed an offer of any partner, at any time.",
)
