"""Who has redeemed an offer."""

from collections.abc import Callable

import pytest

from campaigns.models import Offer, Redemption
from tests.bonuses.conftest import Member
from tests.campaigns.conftest import NOW
from tests.enrollment.audience import fitting

pytestmark = pytest.mark.django_db


def test_an_offer_redeemed_at_any_time(make_member: Member, make_offer: Callable[..., Offer]) -> None:
    took, other = make_member(), make_member()
    offer = make_offer("approved")
    Redemption.objects.create(partner=offer.partner, offer=offer, subscriber=took, at=NOW, by="x")

    assert fitting(traits=["redeemed"]) == {took.pk}
    assert fitting(not_traits=["redeemed"]) == {other.pk}
