"""A made-up condition that takes a parameter: whether a member has redeemed an offer of a category."""

from collections.abc import Collection, Iterable
from datetime import datetime

from campaigns.models import Category
from enrollment.audience.condition import Audience, Choice, Condition, Test
from enrollment.audience.words import either


def _known(codes: Collection[str]) -> Iterable[str]:
    return Category.objects.filter(code__in=codes).values_list("code", flat=True)


def _sql(audience: Audience, now: datetime) -> Test:
    return (
        "EXISTS (SELECT FROM campaigns_redemption r JOIN campaigns_offer o ON o.id = r.offer_id"
        " JOIN campaigns_category c ON c.id = o.category_id"
        " WHERE r.subscriber_id = s.id AND c.code = ANY(%(redeemed_in)s))",
        {"redeemed_in": list(audience.chosen("redeemed_in"))},
    )


CONDITION = Condition(
    place=86,
    line=6,
    fields=(
        Choice(
            name="redeemed_in",
            label="categories redeemed",
            lead="redeemed something in",
            anything="any category",
            options=lambda: Category.objects.values_list("code", "code"),
            known=_known,
        ),
    ),
    meaning="Has redeemed an offer of one of the categories.",
    sql=_sql,
    words=lambda audience: f"who redeemed something in {either(audience.chosen('redeemed_in'))}",
)
