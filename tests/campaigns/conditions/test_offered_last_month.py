"""Who got an offer in the month that ends now."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from campaigns.models import Campaign, Offer, Placement, Variant
from tests.bonuses.conftest import Member
from tests.campaigns.conftest import NOW
from tests.enrollment.audience import fitting

pytestmark = pytest.mark.django_db


def test_an_offer_of_the_last_month_counts_and_being_held_out_does_not(
    make_member: Member, make_offer: Callable[..., Offer]
) -> None:
    got, held, long_ago = (make_member() for _ in range(3))
    offer = make_offer("approved")
    campaign = Campaign.objects.create(
        name="C", channels=["sms"], starts_at=NOW, ends_at=NOW + timedelta(days=1), created_by="x", created_at=NOW
    )
    variant = Variant.objects.create(campaign=campaign, offer=offer)
    given = {"campaign": campaign, "variant": variant, "offer": offer}
    Placement.objects.create(subscriber=got, placed_at=NOW - timedelta(days=3), **given)
    Placement.objects.create(subscriber=long_ago, placed_at=NOW - timedelta(days=32), **given)
    Placement.objects.create(subscriber=held, campaign=campaign, placed_at=NOW)

    assert fitting(traits=["offered_last_month"]) == {got.pk}
    assert fitting(not_traits=["offered_last_month"]) == {held.pk, long_ago.pk}
