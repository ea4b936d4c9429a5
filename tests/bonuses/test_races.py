"""Real threads on a real PostgreSQL: whoever comes first, the units add up (B3, B5, B7, J6, B12)."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

import pytest
from django.db import connections

from bonuses import lifecycle as bonuses
from bonuses.models import Debit, Grant, LedgerEntry
from core.lib.errors import Refusal
from enrollment.models import Membership, Subscriber
from smart import programme
from tests.bonuses.conftest import Member, enroll, violated
from tests.bonuses.test_debits import ask, told
from tests.races import race

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
HOME = "40102"


def test_64_twins_of_a_debit_take_units_once(make_member: Member, now: datetime) -> None:
    member = make_member()
    bonuses.activate(subscriber=member, visited_plmn=HOME, now=now)
    ask(member, now=now, units=1)  # makes the client

    answers = race(*[lambda: ask(member, now=now, request_id="twin", units=7)] * 64)

    assert len({answer.body for answer in answers}) == 1
    assert LedgerEntry.objects.filter(kind="debit", units=7).count() == 1
    assert Grant.objects.get().remaining == 492


def test_64_debits_at_once_never_take_more_than_there_is(make_member: Member, now: datetime) -> None:
    member = make_member()
    bonuses.activate(subscriber=member, visited_plmn=HOME, now=now)
    ask(member, now=now, units=20)

    answers = race(*[lambda: ask(member, now=now, units=50)] * 64)

    assert sorted(told(answer)[1] for answer in answers) == [0] * 55 + [50] * 9
    assert Grant.objects.get().remaining == 30


@pytest.mark.parametrize("first", range(4))
def test_leaving_raced_against_the_months_issue_leaves_nothing_open(
    make_member: Member, now: datetime, first: int
) -> None:
    members = [make_member() for _ in range(8)]
    december = datetime(2026, 11, 30, 19, tzinfo=now.tzinfo)
    leavers = [lambda m=m: programme.opt_out(subscriber=m, by="test", now=december) for m in members]
    jobs = [lambda: bonuses.issue_month(now=december)] * 2
    runners = leavers + jobs
    random.Random(first).shuffle(runners)

    race(*runners)

    assert not Grant.objects.filter(state__in=("waiting", "active")).exists()
    assert not violated(december)


def test_two_beats_issue_a_month_once(make_member: Member, now: datetime) -> None:
    for _ in range(20):
        make_member()
    december = datetime(2026, 11, 30, 19, tzinfo=now.tzinfo)

    counts = race(*[lambda: bonuses.issue_month(now=december)] * 8)

    assert sum(count or 0 for count in counts) == 20
    assert Grant.objects.filter(month="2026-12-01").count() == 20


def test_debit_lapse_leaving_joining_and_issuing_raced_a_thousand_times(make_member: Member, now: datetime) -> None:
    """Eight threads, one act of each kind a round, at instants around the lapse and the month's turn (B12)."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    members = [make_member() for _ in range(4)]
    ask(members[0], now=now, units=1)
    at = now
    acts = 0
    with ThreadPoolExecutor(8) as pool:
        while acts < 1000:
            at += timedelta(hours=dice.choice((1, 7, 60, 167, 168)))
            chosen = [_act(dice, dice.choice(members[:2]), at) for _ in range(8)]
            list(pool.map(_alone, chosen))
            acts += len(chosen)

    bonuses.expire(now=at)
    assert not violated(at), f"seed {seed}"
    assert Debit.objects.filter(units_granted__gt=0).exists()
    assert LedgerEntry.objects.filter(kind="forfeit").exists()
    assert Membership.objects.filter(left_at__isnull=False).exists()


def _act(dice: random.Random, member: Subscriber, at: datetime) -> Callable[[], Any]:
    now = at + timedelta(milliseconds=dice.randrange(-1, 2))
    units, request = dice.randrange(1, 400), dice.choice(("a", "b", token_hex(4)))
    return dice.choice(
        (
            lambda: ask(member, now=now, units=units, allow_partial=True, request_id=f"{at:%j%H}{request}"),
            lambda: bonuses.activate(subscriber=member, visited_plmn=HOME, now=now),
            lambda: bonuses.expire(now=now),
            lambda: programme.opt_out(subscriber=member, by="test", now=now),
            lambda: enroll(member, now),
            lambda: bonuses.issue_month(now=now),
            lambda: bonuses.reward(subscriber=member, source=f"reward:{request}", now=now, units=units),
        )
    )


def _alone(act: Callable[[], Any]) -> None:
    """Refusals are answers; anything else is a failure of the race."""
    try:
        act()
    except Refusal:
        pass
    finally:
        connections.close_all()
