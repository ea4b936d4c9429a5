"""Whether a member got an offer in the month that ends now."""

from django.utils.translation import gettext_lazy as _

from enrollment.audience.condition import yes_no

CONDITION = yes_no(
    place=101,
    code="offered_last_month",
    label=_("got an offer in the last month"),
    group=_("earlier offers"),
    test="EXISTS (SELECT FROM campaigns_placement sent WHERE sent.subscriber_id = s.id AND sent.offer_id IS NOT NULL"
    " AND sent.placed_at > %(now)s::timestamptz - interval '1 month')",
    meaning="A campaign chose an offer for the member in the month that ends now. Members held out got none.",
)
