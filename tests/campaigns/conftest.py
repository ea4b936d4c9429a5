"""A partner's cast: Arbat Coffee is ours, Sinema a stranger; Dana submits, Erlan approves."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from campaigns.models import Offer, Partner
from campaigns.offers import approval
from campaigns.offers.drafts import Draft

NOW = datetime(2026, 11, 21, 7, tzinfo=UTC)
DRAFT = Draft(
    category="food",
    valid_from=date(2026, 12, 1),
    valid_to=date(2026, 12, 10),
    channels=("sms",),
    title_ru="Скидка 30% на всё меню",
    text_ru="Кофейня «Арбат»: -30% на всё меню до 10 декабря.",
    text_kk="«Арбат» кофеханасы: 10 желтоқсанға дейін барлық ас мәзіріне -30%.",
    interests=("food", "coffee"),
)


@pytest.fixture
def partner(db: None) -> Partner:
    return Partner.objects.create(name="Arbat Coffee", slug="arbat", hosts=["arbat.example"], created_at=NOW)


@pytest.fixture
def stranger(db: None) -> Partner:
    return Partner.objects.create(name="Sinema", slug="sinema", created_at=NOW)


@pytest.fixture
def make_offer(partner: Partner) -> Callable[..., Offer]:
    """An offer of Arbat Coffee in any state on the way to approval; keywords change the draft."""

    def make(state: str = "draft", of: Partner = partner, **changes: object) -> Offer:
        draft = replace(DRAFT, **changes)  # type: ignore[arg-type]
        offer = approval.create(partner=of, draft=draft, by="partner:dana", now=NOW)
        if state != "draft":
            offer = approval.submit(offer=offer, by="partner:dana", now=NOW)
        if state == "rejected":
            offer = approval.reject(offer=offer, reason="Чек", by="staff:erlan", now=NOW)
        if state in ("approved", "live", "ended"):
            offer = approval.approve(offer=offer, by="staff:erlan", now=NOW)
        if state == "ended":
            offer = approval.end(offer=offer, by="staff:erlan", now=NOW)
        return offer

    return make
