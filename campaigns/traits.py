"""What a member did with offers, for audiences."""

from django.utils.translation import gettext_lazy as _

from enrollment.audience import traits
from enrollment.audience.traits import Trait

GROUP = _("earlier offers")


def register() -> None:
    """Let audiences ask for them."""
    for code, label, test in (
        (
            "redeemed",
            _("redeemed an offer before"),
            "EXISTS (SELECT FROM campaigns_redemption taken WHERE taken.subscriber_id = s.id)",
        ),
        (
            "offered_last_month",
            _("got an offer in the last month"),
            "EXISTS (SELECT FROM campaigns_placement sent WHERE sent.subscriber_id = s.id AND sent.offer_id IS NOT NULL"
            " AND sent.placed_at > %(now)s::timestamptz - interval '1 month')",
        ),
    ):
        traits.register(Trait(code, label, GROUP, test))
