"""Random lives of two people against a small model of the rules; every invariant holds after each step (B1-B12)."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from secrets import token_hex

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bonuses import lifecycle as bonuses
from bonuses.models import Grant
from core.lib import astana
from enrollment import joining
from enrollment.models import Subscriber
from smart import programme
from tests.bonuses.conftest import enroll, violated
from tests.bonuses.test_debits import ask

HOME, ABROAD = "40102", "25001"
UNITS, VALID, PATIENCE = 500, timedelta(hours=168), timedelta(days=30)
who = st.sampled_from((0, 0, 0, 1))


@dataclass
class Life:
    """What the rules say one person has; `waiting` is (month, activate by), `active` lists [left, lapse]."""

    is_member: bool = False
    joined_at: datetime | None = None
    issued: set[date] = field(default_factory=set)
    waiting: tuple[date, datetime] | None = None
    active: list[tuple[int, datetime]] = field(default_factory=list)

    def issue(self, at: datetime) -> None:
        """The month's bonus is issued, once; an older one that waits is cancelled (B1, B6, J6)."""
        month = astana.month_of(at)
        if self.is_member and month not in self.issued:
            assert self.joined_at is not None
            self.issued.add(month)
            self.waiting = (month, max(astana.start_of(month), self.joined_at) + PATIENCE)

    def can_activate(self, at: datetime) -> bool:
        return bool(self.waiting and self.waiting[0] == astana.month_of(at) and self.waiting[1] > at)

    def spendable(self, at: datetime) -> int:
        return sum(left for left, lapse in self.active if lapse > at)

    def spend(self, units: int, at: datetime) -> None:
        """In order of lapse (B11)."""
        kept = []
        for left, lapse in sorted(self.active, key=lambda grant: grant[1]):
            part = min(units, left) if lapse > at else 0
            units -= part
            kept.append((left - part, lapse))
        self.active = kept


class Programme(RuleBasedStateMachine):
    """Join, leave, issue, activate, roam, debit, repeat, be rewarded, let time pass, sweep."""

    people: tuple[Subscriber, Subscriber]
    begin: datetime

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.at = self.begin
        self.lives = (Life(), Life())
        self.last: tuple[Subscriber, dict[str, object], bytes] | None = None
        self.is_swept = True

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undo.__exit__(None, None, None)

    @initialize()
    def begin_as_a_member(self) -> None:
        self.join(0)
        self.activate(0, times=1)

    @rule(n=who)
    def join(self, n: int) -> None:
        life = self.lives[n]
        if life.is_member:
            with pytest.raises(joining.AlreadyMember):
                enroll(self.people[n], self.at)
            return
        enroll(self.people[n], self.at)
        life.is_member, life.joined_at = True, self.at
        life.issue(self.at)

    @rule(n=who, hesitates=st.booleans())
    def leave(self, n: int, hesitates: bool) -> None:
        life = self.lives[n]
        if not life.is_member:
            with pytest.raises(joining.NotMember):
                programme.opt_out(subscriber=self.people[n], by="test", now=self.at)
            return
        if hesitates:
            return
        waits = UNITS if life.waiting and life.waiting[1] > self.at else 0

        lost = programme.opt_out(subscriber=self.people[n], by="test", now=self.at)

        assert lost == waits + life.spendable(self.at)
        life.is_member, life.waiting, life.active = False, None, []

    @rule()
    def month_is_issued(self) -> None:
        bonuses.issue_month(now=self.at)
        for life in self.lives:
            life.issue(self.at)

    @rule(n=who, times=st.integers(1, 2))
    def activate(self, n: int, times: int) -> None:
        life = self.lives[n]
        for _ in range(times):
            issued_before = set(life.issued)
            life.issue(self.at)
            if not life.is_member:
                with pytest.raises(joining.NotMember):
                    bonuses.activate(subscriber=self.people[n], visited_plmn=HOME, now=self.at)
            elif life.can_activate(self.at):
                bonuses.activate(subscriber=self.people[n], visited_plmn=HOME, now=self.at)
                life.waiting = None
                life.active.append((UNITS, self.at + VALID))
            else:
                assert issued_before == life.issued
                with pytest.raises((bonuses.AlreadyActivated, bonuses.NothingToActivate)):
                    bonuses.activate(subscriber=self.people[n], visited_plmn=HOME, now=self.at)

    @rule(n=who, plmn=st.sampled_from((ABROAD, "")))
    def roam(self, n: int, plmn: str) -> None:
        """B4: nothing is activated abroad, nor where the network cannot say."""
        before = sorted(Grant.objects.values_list("pk", "state"))

        with pytest.raises(
            (
                bonuses.Abroad,
                bonuses.WhereaboutsUnknown,
                joining.NotMember,
                bonuses.AlreadyActivated,
                bonuses.NothingToActivate,
            )
        ):
            bonuses.activate(subscriber=self.people[n], visited_plmn=plmn, now=self.at)

        assert sorted(Grant.objects.values_list("pk", "state")) == before

    @rule(n=who, units=st.integers(1, 700), is_partial=st.booleans())
    def debit(self, n: int, units: int, is_partial: bool) -> None:
        life, there = self.lives[n], self.lives[n].spendable(self.at)
        expected = min(units, there) if is_partial or units <= there else 0
        asked = {"request_id": token_hex(8), "units": units, "allow_partial": is_partial, "event_at": self.at}

        answer = ask(self.people[n], now=self.at, **asked)

        told = json.loads(answer.body)
        assert (told["units_granted"], told["units_left"]) == (expected, there - expected)
        life.spend(expected, self.at)
        self.last = (self.people[n], asked, answer.body)

    @precondition(lambda self: self.last is not None)
    @rule()
    def repeat(self) -> None:
        """The charging system asks again: the same bytes, and nothing is taken."""
        assert self.last is not None
        subscriber, asked, body = self.last
        if self.at - asked["event_at"] < timedelta(days=60):  # type: ignore[operator]
            assert ask(subscriber, now=self.at, **asked).body == body

    @rule(n=who, units=st.integers(1, 50), source=st.integers(1, 3))
    def reward(self, n: int, units: int, source: int) -> None:
        """B11: active at once, once per source and month."""
        life, name = self.lives[n], f"reward:{source}"
        if not life.is_member:
            with pytest.raises(joining.NotMember):
                bonuses.reward(subscriber=self.people[n], source=name, now=self.at, units=units)
            return
        known = set(Grant.objects.filter(subscriber=self.people[n]).values_list("pk", flat=True))

        grant = bonuses.reward(subscriber=self.people[n], source=name, now=self.at, units=units)

        if grant.pk not in known:
            life.active.append((units, self.at + VALID))

    @rule(hours=st.sampled_from((1, 23, 60, 168, 24 * 13)), millis=st.integers(-1, 1))
    def time_passes(self, hours: int, millis: int) -> None:
        self.at += timedelta(hours=hours, milliseconds=millis)
        self.is_swept = False

    @rule()
    def sweep(self) -> None:
        bonuses.expire(now=self.at)
        self.is_swept = True

    @invariant()
    def every_unit_is_accounted_for(self) -> None:
        found = violated(self.at)
        assert not (found if self.is_swept else found - {"nothing_open_after_lapse"})

    @invariant()
    def balances_are_what_the_rules_say(self) -> None:
        for subscriber, life in zip(self.people, self.lives, strict=True):
            assert bonuses.balance(subscriber=subscriber, now=self.at).units == life.spendable(self.at)


@pytest.mark.long
@pytest.mark.django_db
def test_any_life_keeps_the_rules(make_subscriber: Callable[..., Subscriber], now: datetime) -> None:
    people = make_subscriber(), make_subscriber()
    ask(people[0], now=now)  # makes the client

    machine = type("Lives", (Programme,), {"people": people, "begin": now})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
