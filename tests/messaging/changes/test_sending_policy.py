"""Which changes of the sending policy take one person, and what the others will do (M1, M4, M5, ADR 0027)."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import translation

from core.access import proposals
from core.access.models import Proposal
from messaging.changes.sending_policy import SUBJECT, is_tightening
from messaging.models import SendingPolicy
from tests.bonuses.conftest import make_member

__all__ = ["make_member"]

# Each pair tightens as it stands, and loosens the other way round.
PAIRS = {
    "is_paused": [(False, True)],
    "opens": [("10:00:00", "10:00:01"), ("10:00:00", "11:30:00")],
    "closes": [("21:00:00", "20:59:59"), ("21:00:00", "12:00:00")],
    "weekdays": [([], [1]), ([1, 2, 3], [2, 3]), ([1, 2, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6])],
    "holidays": [([], ["2026-12-16"]), (["2026-12-16"], ["2026-12-16", "2027-01-01"])],
    "offers_a_month": [(10, 9), (1, 0)],
    "offers_a_day": [(2, 1)],
    "surveys_a_month": [(2, 1)],
}
# Neither more nor less: something is let through that was not.
ASIDE = {"weekdays": ([1, 2], [2, 3]), "holidays": (["2026-12-16"], ["2026-12-17"])}
EACH = [(name, *pair) for name, pairs in PAIRS.items() for pair in pairs]


@pytest.fixture
def submit(db: None, now: datetime) -> Callable[..., Proposal | None]:
    """Somebody who may asks for fields of the policy."""
    person = User.objects.create_superuser("anna")
    return lambda **after: proposals.submit(kind="sending_policy", subject=SUBJECT, after=after, person=person, now=now)


def test_the_table_has_every_field() -> None:
    assert set(PAIRS) == {field.name for field in SendingPolicy._meta.fields} - {"id"}


@pytest.mark.parametrize(("name", "wide", "narrow"), EACH, ids=str)
def test_each_field_tightens_one_way_and_loosens_the_other(name: str, wide: Any, narrow: Any) -> None:
    assert is_tightening({name: wide}, {name: narrow})
    assert not is_tightening({name: narrow}, {name: wide})


@pytest.mark.parametrize("name", ASIDE)
def test_another_day_instead_of_one_is_a_loosening(name: str) -> None:
    before, after = ASIDE[name]

    assert not is_tightening({name: before}, {name: after})
    assert not is_tightening({name: after}, {name: before})


def test_every_day_is_every_day_however_it_is_written() -> None:
    assert is_tightening({"weekdays": []}, {"weekdays": [1, 2, 3, 4, 5, 6, 7]})
    assert is_tightening({"weekdays": [1, 2, 3, 4, 5, 6, 7]}, {"weekdays": []})


@pytest.mark.parametrize(("name", "wide", "narrow"), EACH, ids=str)
def test_one_field_that_loosens_makes_the_whole_a_loosening(name: str, wide: Any, narrow: Any) -> None:
    for other, pairs in PAIRS.items():
        if other != name:
            before, after = {other: pairs[0][0], name: narrow}, {other: pairs[0][1], name: wide}
            assert not is_tightening(before, after)
            assert not is_tightening(dict(reversed(before.items())), dict(reversed(after.items())))


def test_what_tightens_is_in_force_at_once(submit: Callable[..., Proposal | None]) -> None:
    assert submit(opens="11:00:00", closes="20:00:00", weekdays=[1, 2], holidays=["2026-12-16"]) is None
    assert submit(is_paused=True) is None

    policy = SendingPolicy.objects.get()
    assert (str(policy), policy.weekdays, policy.holidays) == ("11:00-20:00", [1, 2], [date(2026, 12, 16)])
    assert policy.is_paused


def test_what_tightens_and_loosens_waits_whole(submit: Callable[..., Proposal | None]) -> None:
    SendingPolicy.objects.update(offers_a_month=5)

    assert submit(offers_a_month=6, surveys_a_month=1) is not None

    assert list(SendingPolicy.objects.values_list("offers_a_month", "surveys_a_month")) == [(5, 2)]


@pytest.mark.parametrize("after", [{"opens": "09:59:00"}, {"closes": "21:00:01"}, {"surveys_a_month": 3}], ids=str)
def test_the_policy_is_never_proposed_wider_than_the_rules(
    submit: Callable[..., Proposal | None], after: dict[str, Any]
) -> None:
    with pytest.raises(proposals.ChangeInvalid):
        submit(**after)


def test_a_window_that_would_never_open_is_refused(submit: Callable[..., Proposal | None]) -> None:
    with pytest.raises(proposals.ChangeInvalid):
        submit(opens="20:00:00", closes="11:00:00")


def test_the_forecast_counts_members_hours_and_messages(
    submit: Callable[..., Proposal | None], make_member: Callable[..., object]
) -> None:
    for _number in range(3):
        make_member()
    SendingPolicy.objects.update(offers_a_month=5, opens="11:00", weekdays=[1, 2], is_paused=True)

    proposal = submit(offers_a_month=6, opens="10:00:00", weekdays=[1, 2, 3], is_paused=False)

    assert proposal is not None
    with translation.override("en"):
        assert proposal.change.forecast_in_words(proposal.forecast) == [
            "Members now: 3.",
            "Messages that wait and go on leaving: 3.",  # their welcomes
            "Hours a week in which messages may leave: 20:00 → 33:00.",
            "Offers a month to all members, at most: 15 → 18.",
        ]
        assert proposal.summary == (
            "everything paused: yes → no; opens: 11:00 → 10:00; days: Monday, Tuesday → Monday, Tuesday, Wednesday;"
            " offers a month: 5 → 6"
        )
