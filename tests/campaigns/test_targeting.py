"""M7: the offer with the best score is redeemed more than any offer; what is learned is what is true.

How much more, and what learning adds to what profiles tell: docs/targeting.md, measured by bench/targeting.py.
"""

from datetime import UTC, datetime, timedelta

import pytest

from campaigns.campaign import scoring
from campaigns.models import Offer
from smart.local import trial
from tests.messaging.conftest import execute

pytestmark = [pytest.mark.django_db, pytest.mark.long]

NOW = datetime(2026, 12, 1, 7, tzinfo=UTC)
MEMBERS, DAYS = 1_500, 5


@pytest.fixture
def population(db: None) -> None:
    """What they do is drawn by ids: these begin at one, however many tests ran before."""
    for table in ("enrollment_subscriber", "campaigns_offer", "campaigns_campaign", "campaigns_variant"):
        execute(f"ALTER SEQUENCE {table}_id_seq RESTART")
    trial.populate(members=MEMBERS)


def arm(exploration: int, part: str) -> trial.Arm:
    return trial.run(part=part, exploration=exploration, members=MEMBERS, days=DAYS, now=NOW)


def test_choosing_is_redeemed_more_than_chance(population: None) -> None:
    """By far: the whole interval, and by a quarter at least."""
    chosen, by_chance = arm(trial.CHOSEN, "almaty"), arm(trial.ANY, "astana")

    assert (chosen.members, by_chance.members) == (MEMBERS, MEMBERS)
    assert trial.gain(chosen, by_chance).low > 0
    assert chosen.share > 1.25 * by_chance.share


def test_learning_finds_what_no_profile_tells(population: None) -> None:
    """Old age is fond of books, youth of the cinema: known from whom it was shown to by chance."""
    arm(trial.ANY, "almaty")
    offers = dict(Offer.objects.values_list("category__code", "pk"))

    rates = {
        (one.offer, one.segment): one.rate
        for one in scoring.rates(offers=offers.values(), now=NOW + timedelta(days=DAYS))
    }

    for gender in "fm":
        assert rates[offers["books"], "d" + gender] > rates[offers["books"], "c" + gender]
    old, young = (rates[offers["cinema"], age + "f"] + rates[offers["cinema"], age + "m"] for age in "db")
    assert young > old


def test_without_taste_there_is_nothing_to_gain(population: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same trial on people who like everything alike finds no difference: it does not find what is not there."""
    monkeypatch.setattr(trial.simulated, "_is_fond", lambda *_args: False)
    monkeypatch.setattr(trial.simulated.Taste, "of", lambda _self, **_known: 0.05)

    found = trial.gain(arm(trial.CHOSEN, "almaty"), arm(trial.ANY, "astana"))

    assert abs(found.value) < 0.04
