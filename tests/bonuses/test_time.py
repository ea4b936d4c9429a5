"""The programme's hours: Astana months, 168 hours, 30 days, late beats (Time, B1-B7, B11, J6)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from bonuses import lifecycle as bonuses
from bonuses.models import Grant, LedgerEntry
from core.jobs.models import JobRun
from core.lib import astana
from core.lib.astana import ZONE
from enrollment import joining
from enrollment.models import Subscriber
from smart import programme
from tests.bonuses.conftest import Member, enroll

pytestmark = pytest.mark.django_db
HOME = "40102"
MILLISECOND = timedelta(milliseconds=1)


def at(text: str) -> datetime:
    """An instant of Astana."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def activate(subscriber: Subscriber, now: datetime, plmn: str = HOME) -> Grant:
    return bonuses.activate(subscriber=subscriber, visited_plmn=plmn, now=now)


@pytest.mark.parametrize(
    ("instant", "month"),
    [
        ("2026-11-30T18:59:59.999+00:00", "2026-11-01"),
        ("2026-11-30T19:00:00+00:00", "2026-12-01"),
        ("2024-01-31T17:59:59.999+00:00", "2024-01-01"),  # UTC+6 until 2024-03-01
        ("2024-01-31T18:00:00+00:00", "2024-02-01"),
        ("2024-02-29T17:59:59.999+00:00", "2024-02-01"),
        ("2024-02-29T18:30:00+00:00", "2024-02-01"),  # 23:30 again: the 25th hour of 29 February
        ("2024-02-29T18:59:59.999+00:00", "2024-02-01"),
        ("2024-02-29T19:00:00+00:00", "2024-03-01"),
        ("2026-12-31T19:00:00+00:00", "2027-01-01"),
    ],
)
def test_months_turn_at_midnight_in_astana(instant: str, month: str) -> None:
    assert astana.month_of(datetime.fromisoformat(instant)).isoformat() == month


def test_29_february_2024_has_25_hours() -> None:
    length = astana.start_of(datetime(2024, 3, 1).date()) - astana.start_of(datetime(2024, 2, 29).date())

    assert length == timedelta(hours=25)


def test_the_python_and_database_months_agree(make_member: Member) -> None:
    for instant in ("2024-02-29T18:30:00+00:00", "2024-02-29T19:00:00+00:00", "2026-11-30T18:59:59.999+00:00"):
        now = datetime.fromisoformat(instant)
        grant = activate(make_member(joined_at=now), now)  # the CHECK compares the two

        assert grant.month == astana.month_of(now)


@pytest.mark.parametrize(
    ("joined", "later", "months"),
    [
        ("2026-11-30T23:59:59.999", "2026-12-01T00:00:00", ["2026-11-01", "2026-12-01"]),
        ("2024-02-29T23:59:59.999", "2024-03-01T00:00:00", ["2024-02-01", "2024-03-01"]),
        ("2026-12-30T12:00:00", "2027-01-30T12:00:00", ["2026-12-01", "2027-01-01"]),
    ],
)
def test_one_bonus_is_activated_in_each_month(make_member: Member, joined: str, later: str, months: list[str]) -> None:
    subscriber = make_member(joined_at=at(joined))

    activate(subscriber, at(joined))
    with pytest.raises(bonuses.AlreadyActivated):
        activate(subscriber, at(joined))
    activate(subscriber, at(later))

    assert [str(grant.month) for grant in Grant.objects.order_by("month")] == months


def test_on_the_31st_a_bonus_of_the_1st_is_over(make_member: Member) -> None:
    subscriber = make_member(joined_at=at("2026-12-15T12:00:00"))

    with pytest.raises(bonuses.NothingToActivate):
        activate(subscriber, at("2027-01-31T12:00:00"))


@pytest.mark.parametrize("activated", ["2024-02-26T12:00:00", "2024-02-29T22:30:00", "2026-11-23T12:00:00.123"])
def test_units_live_168_hours_to_the_millisecond(make_member: Member, activated: str) -> None:
    now = at(activated).astimezone(UTC)
    subscriber = make_member(joined_at=now)

    lapse = activate(subscriber, now).expires_at

    assert lapse == now + timedelta(hours=168)
    assert bonuses.balance(subscriber=subscriber, now=lapse - MILLISECOND).units == 500
    assert bonuses.balance(subscriber=subscriber, now=lapse).units == 0


@pytest.mark.parametrize(("after", "works"), [(timedelta(days=30) - MILLISECOND, True), (timedelta(days=30), False)])
def test_a_bonus_waits_30_days(make_member: Member, after: timedelta, works: bool) -> None:
    first = at("2026-12-01T00:00:00")
    subscriber = make_member(joined_at=first)

    if works:
        assert activate(subscriber, first + after).state == "active"
    else:
        with pytest.raises(bonuses.NothingToActivate):
            activate(subscriber, first + after)


def test_a_newer_bonus_cancels_the_one_that_waits(make_member: Member) -> None:
    subscriber = make_member(joined_at=at("2026-11-20T12:00:00"))

    bonuses.issue_month(now=at("2026-12-01T00:00:01"))

    old, new = Grant.objects.filter(subscriber=subscriber).order_by("month")
    assert (old.state, new.state) == ("cancelled", "waiting")
    assert LedgerEntry.objects.get(grant=old, key="forfeit").reason == "superseded"


@pytest.mark.parametrize(
    ("left", "back", "units"),
    [
        ("2026-11-10T12:00:00", "2026-11-20T12:00:00", 0),
        ("2026-11-30T23:59:00", "2026-12-01T00:00:00", 500),
    ],
    ids=["same month", "next month"],
)
def test_rejoining_gives_no_second_bonus_in_a_month(make_member: Member, left: str, back: str, units: int) -> None:
    subscriber = make_member(joined_at=at("2026-11-05T12:00:00"))
    programme.opt_out(subscriber=subscriber, by="test", now=at(left))

    enroll(subscriber, at(back))

    assert bonuses.balance(subscriber=subscriber, now=at(back)).activatable == units
    if not units:
        with pytest.raises(bonuses.NothingToActivate):
            activate(subscriber, at(back))


def everything() -> list[list[dict[str, Any]]]:
    """Grants and ledger entries, without their ids."""
    grants = Grant.objects.order_by("subscriber_id", "month").values()
    entries = LedgerEntry.objects.order_by("subscriber_id", "month", "key").values()
    return [
        [{k: v for k, v in row.items() if k not in ("id", "grant_id")} for row in rows] for rows in (grants, entries)
    ]


PUNCTUAL = ["2026-12-01T00:00:00", "2026-12-01T00:10:00", "2026-12-08T10:00:00", "2026-12-31T00:00:00",
            "2026-12-31T12:00:00"]  # fmt: skip


@pytest.mark.parametrize(
    "beats",
    [
        [beat for beat in PUNCTUAL for _twice in range(2)],
        ["2026-12-09T03:33:33", "2026-12-31T12:00:00"],
        ["2026-12-01T17:00:00", "2026-12-31T11:00:00", "2026-12-31T12:00:00"],
    ],
    ids=["doubled", "missed for a week", "late"],
)
def test_late_missed_and_doubled_beats_change_nothing(make_member: Member, beats: list[str]) -> None:
    def month(instants: list[str]) -> list[list[dict[str, Any]]]:
        with transaction.atomic():
            anna, boris = (
                make_member(joined_at=at("2026-11-20T12:00:00")),
                make_member(joined_at=at("2026-11-29T12:00:00")),
            )
            activate(anna, at("2026-11-25T12:00:00"))
            names = {anna.pk: "anna", boris.pk: "boris"}
            for instant in instants:
                bonuses.issue_month(now=at(instant))
                bonuses.expire(now=at(instant))
            told = everything()
            transaction.set_rollback(True)
        return [[{**row, "subscriber_id": names[row["subscriber_id"]]} for row in rows] for rows in told]

    assert month(beats) == month(PUNCTUAL)


def test_a_dial_before_the_months_issue_gets_the_new_bonus(make_member: Member) -> None:
    subscriber = make_member(joined_at=at("2026-11-20T12:00:00"))

    grant = activate(subscriber, at("2026-12-01T00:00:00"))

    assert str(grant.month) == "2026-12-01"
    assert Grant.objects.get(month="2026-11-01").state == "cancelled"
    assert bonuses.issue_month(now=at("2026-12-01T00:05:00")) == 0


@pytest.mark.parametrize(
    ("plmn", "policy", "refusal"),
    [
        ("40102", "refuse", None),
        ("40101", "refuse", None),
        ("401077", "refuse", None),
        ("25001", "refuse", bonuses.Abroad),
        ("43404", "refuse", bonuses.Abroad),  # Uzbekistan
        ("43701", "refuse", bonuses.Abroad),  # Kyrgyzstan
        ("440100", "refuse", bonuses.Abroad),  # Japan, though 401 is in it
        ("28601", "allow", bonuses.Abroad),
        ("", "refuse", bonuses.WhereaboutsUnknown),
        ("", "allow", None),
        ("401", "refuse", bonuses.WhereaboutsUnknown),
        ("40i02", "refuse", bonuses.WhereaboutsUnknown),
        ("٤٠١٠٢", "refuse", bonuses.WhereaboutsUnknown),
    ],
)
def test_not_while_roaming_abroad(
    make_member: Member, now: datetime, settings: Any, plmn: str, policy: str, refusal: type[Exception] | None
) -> None:
    settings.ROAMING_UNKNOWN = policy
    subscriber = make_member()

    if refusal is None:
        assert activate(subscriber, now, plmn).state == "active"
    else:
        with pytest.raises(refusal):
            activate(subscriber, now, plmn)
        assert Grant.objects.get().state == "waiting"


def test_a_reward_counts_neither_for_the_month_nor_the_wait(make_member: Member, now: datetime) -> None:
    subscriber = make_member()

    first = bonuses.reward(subscriber=subscriber, source="survey:1", now=now, units=50)
    again = bonuses.reward(subscriber=subscriber, source="survey:1", now=now, units=50)
    activate(subscriber, now)

    assert first.pk == again.pk
    assert (first.activated_at, first.expires_at) == (now, now + timedelta(hours=168))
    assert bonuses.balance(subscriber=subscriber, now=now).units == 550


def test_a_change_of_tariff_changes_nothing_about_a_bonus(make_member: Member, now: datetime) -> None:
    subscriber = make_member(tariff="A")
    before = everything()

    Subscriber.objects.filter(pk=subscriber.pk).update(tariff="B")

    assert everything() == before


@pytest.mark.parametrize(
    "change",
    [
        {"state": "expired"},
        {"remaining": 501},
        {"remaining": -1},
        {"units": 600},
        {"remaining": 499},
        {"state": "active"},
        {
            "activated_at": datetime(2026, 12, 2, tzinfo=UTC),
            "expires_at": datetime(2026, 12, 9, tzinfo=UTC),
            "state": "active",
        },
        {"state": "forfeited"},
        {"issued_at": datetime(2026, 1, 1, tzinfo=UTC)},
    ],
    ids=["never active", "too much", "negative", "more units", "spent while waiting", "no instants", "another month",
         "unclosed", "reissued"],
)  # fmt: skip
def test_the_database_refuses_an_illegal_grant(make_member: Member, now: datetime, change: dict[str, Any]) -> None:
    subscriber = make_member()

    with pytest.raises((IntegrityError, Exception), match=r"violates|refused"), transaction.atomic():
        Grant.objects.filter(subscriber=subscriber).update(**change)

    activate(subscriber, now)  # what is legal still works


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE bonuses_ledgerentry SET units = 1",
        "DELETE FROM bonuses_ledgerentry",
        "TRUNCATE bonuses_ledgerentry",
        "TRUNCATE bonuses_ledgerentry_default",
        "TRUNCATE bonuses_ledgerentry_2026_11",
        "DELETE FROM bonuses_grant",
        "UPDATE enrollment_consentevent SET key = '2'",
        "DELETE FROM enrollment_consentevent",
        "TRUNCATE enrollment_consentevent CASCADE",
        "DELETE FROM access_auditevent",
        "UPDATE enrollment_consenttext SET text_ru = 'x'",
        "DELETE FROM enrollment_membership",
    ],
)
def test_the_database_refuses_to_change_history(make_member: Member, now: datetime, statement: str) -> None:
    bonuses.make_partitions(now=now)
    subscriber = make_member()
    programme.opt_out(subscriber=subscriber, by="test", now=now)

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(Exception, match="refused"), transaction.atomic():
            cursor.execute(statement)


def test_rows_of_the_default_partition_move_when_their_month_is_made(make_member: Member) -> None:
    subscriber = make_member(joined_at=at("2026-11-20T12:00:00"))
    before = everything()

    made = bonuses.make_partitions(now=at("2026-11-21T12:00:00"))

    assert made == 12
    assert bonuses.make_partitions(now=at("2026-11-21T12:00:00")) == 0
    assert everything() == before
    assert activate(subscriber, at("2026-11-21T12:00:00")).state == "active"


def test_the_issue_of_a_day_is_done_once(make_member: Member, now: datetime) -> None:
    make_member()

    assert bonuses.issue_month(now=now) == 0
    assert bonuses.issue_month(now=now) is None
    assert JobRun.objects.get(name="issue_month").slot == "2026-11-23"


def test_the_month_that_turns_leaves_what_is_active(make_member: Member) -> None:
    """B6, B11: only what waits is superseded; an active bonus and a reward live on to their lapse."""
    subscriber = make_member(joined_at=at("2026-11-20T12:00:00"))
    activate(subscriber, at("2026-11-29T12:00:00"))
    bonuses.reward(subscriber=subscriber, source="survey:1", now=at("2026-11-29T12:00:00"), units=50)

    bonuses.issue_month(now=at("2026-12-01T00:00:01"))

    found = Grant.objects.order_by("month", "kind").values_list("month__month", "kind", "state", "remaining")
    assert list(found) == [
        (11, "monthly", "active", 500),
        (11, "survey", "active", 50),
        (12, "monthly", "waiting", 500),
    ]


def test_who_has_left_is_issued_nothing(make_member: Member) -> None:
    """B1, B7."""
    subscriber = make_member(joined_at=at("2026-11-20T12:00:00"))
    programme.opt_out(subscriber=subscriber, by="test", now=at("2026-11-25T12:00:00"))

    assert bonuses.issue_month(now=at("2026-12-01T00:00:01")) == 0
    assert not Grant.objects.filter(month="2026-12-01").exists()


def test_leaving_forfeits_what_waits_and_what_is_active(make_member: Member) -> None:
    """B7: the month's bonus, not activated yet, and what is left of a reward."""
    subscriber = make_member(joined_at=at("2026-11-20T12:00:00"))
    bonuses.reward(subscriber=subscriber, source="survey:1", now=at("2026-11-24T12:00:00"), units=50)

    lost = programme.opt_out(subscriber=subscriber, by="test", now=at("2026-11-25T12:00:00"))

    assert lost == 550
    assert set(Grant.objects.values_list("state", "remaining")) == {("forfeited", 0)}
    assert sorted(LedgerEntry.objects.filter(kind="forfeit").values_list("units", flat=True)) == [50, 500]


def test_a_reward_is_a_members(make_member: Member, now: datetime) -> None:
    """B11."""
    subscriber = make_member()
    programme.opt_out(subscriber=subscriber, by="test", now=now)

    with pytest.raises(joining.NotMember):
        bonuses.reward(subscriber=subscriber, source="survey:1", now=now)


def test_leaving_after_the_lapse_forfeits_nothing_more(make_member: Member, now: datetime) -> None:
    """B5, B7: time took the units at the lapse, though no sweep has come by."""
    subscriber = make_member()
    lapse = activate(subscriber, now).expires_at

    lost = programme.opt_out(subscriber=subscriber, by="test", now=lapse + timedelta(hours=1))

    grant = Grant.objects.get()
    assert (lost, grant.state, grant.closed_at) == (0, "expired", lapse)
    assert LedgerEntry.objects.get(kind="expire").at == lapse


@pytest.mark.parametrize(("early", "closed"), [(MILLISECOND, 0), (timedelta(0), 1)], ids=["before", "at the lapse"])
def test_the_sweep_writes_off_what_is_left_from_the_lapse_on(
    make_member: Member, now: datetime, early: timedelta, closed: int
) -> None:
    """B5, B12."""
    lapse = activate(make_member(), now).expires_at

    assert bonuses.expire(now=lapse - early) == closed

    written_off = LedgerEntry.objects.filter(kind="expire").values_list("units", "at")
    assert list(written_off) == [(500, lapse)] * closed


def test_the_months_issue_is_astanas_whatever_the_zone_of_the_clock(make_member: Member) -> None:
    """B1: 19:00 of 30 November in UTC is 1 December in Astana."""
    make_member(joined_at=at("2026-11-20T12:00:00"))

    assert bonuses.issue_month(now=datetime(2026, 11, 30, 19, tzinfo=UTC)) == 1
    assert Grant.objects.filter(month="2026-12-01").count() == 1


def test_a_bonus_waits_from_its_own_issue(make_member: Member) -> None:
    """B6: not from the month's first day."""
    make_member(joined_at=at("2026-11-20T12:00:00"))

    assert Grant.objects.get().activate_by == at("2026-12-20T12:00:00")


def test_who_activated_left_and_came_back_has_nothing_to_activate(make_member: Member) -> None:
    """J6: the bonus is not "activated already", for there is nothing left of it."""
    subscriber = make_member(joined_at=at("2026-11-05T12:00:00"))
    activate(subscriber, at("2026-11-06T12:00:00"))
    programme.opt_out(subscriber=subscriber, by="test", now=at("2026-11-07T12:00:00"))
    enroll(subscriber, at("2026-11-08T12:00:00"))

    with pytest.raises(bonuses.NothingToActivate):
        activate(subscriber, at("2026-11-08T12:00:00"))
