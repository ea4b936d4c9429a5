"""Results for partners' software: what the portal shows, of one's own offers alone."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest

from campaigns.models import Campaign, Offer, Partner, PublishedResult
from tests.campaigns.conftest import NOW
from tests.campaigns.test_partner_api import Till, _frozen, till

__all__ = ["_frozen", "till"]
pytestmark = pytest.mark.django_db
FIGURES = {
    "totals": {"delivered": 4300, "redeemed": 1200},
    "parts": {"town": {"delivered": [{"almaty": 2100}, 2200]}, "hour": {"delivered": [{}, None]}},
}


@pytest.fixture
def published(make_offer: Callable[..., Offer]) -> Callable[[Partner | None], PublishedResult]:
    def publish(of: Partner | None = None) -> PublishedResult:
        offer = make_offer("approved", **({"of": of} if of else {}))
        ends: datetime = NOW + timedelta(days=5)
        campaign = Campaign.objects.create(
            name="December", channels=["sms"], starts_at=NOW, ends_at=ends, created_by="x", created_at=NOW
        )
        return PublishedResult.objects.create(campaign=campaign, offer=offer, day=date(2026, 11, 21), figures=FIGURES)

    return publish


def test_it_reads_what_is_published(till: Till, published: Callable[..., PublishedResult]) -> None:
    row = published()

    assert till.get("/results/").json() == {
        "results": [
            {
                "offerId": str(row.offer_id),
                "campaign": "December",
                "day": "2026-11-21",
                "isFinal": False,
                "totals": {"delivered": 4300, "redeemed": 1200},
                "parts": {
                    "town": {"delivered": [{"key": "almaty", "count": 2100}, {"count": 2200}]},
                    "hour": {"delivered": []},
                },
            }
        ]
    }


def test_anothers_results_are_not_there(
    till: Till, stranger: Partner, published: Callable[..., PublishedResult]
) -> None:
    published(stranger)

    assert till.get("/results/").json() == {"results": []}


def test_it_needs_its_scope(partner: Partner) -> None:
    assert Till(partner, scopes=["offers", "redeem"]).get("/results/").status_code == 403


def test_it_costs_the_same_however_long(
    till: Till, published: Callable[..., PublishedResult], django_assert_max_num_queries: Callable[..., object]
) -> None:
    published()
    till.get("/results/")

    with django_assert_max_num_queries(6):  # type: ignore[attr-defined]
        till.get("/results/")
