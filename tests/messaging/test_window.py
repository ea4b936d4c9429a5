"""The day's window in Astana, to the second; weekdays, holidays, and the next day that has one (M1)."""

from datetime import UTC, date, datetime, timedelta

import pytest

from messaging import window
from messaging.models import SendingPolicy
from messaging.sending.sender import Sender
from tests.messaging.conftest import Network, astana

MONDAY = date(2026, 11, 23)
SECOND = timedelta(seconds=1)


def test_the_window_opens_at_ten_and_closes_at_nine_in_the_evening() -> None:
    today = window.on(MONDAY, SendingPolicy())

    assert (today.opens, today.closes) == (astana(23, 10), astana(23, 21))


@pytest.mark.parametrize(
    ("day", "opens"),
    [
        (date(2024, 2, 29), datetime(2024, 2, 29, 4, tzinfo=UTC)),
        (date(2024, 3, 1), datetime(2024, 3, 1, 5, tzinfo=UTC)),
    ],
    ids=["UTC+6", "UTC+5"],
)
def test_ten_is_what_the_zone_says_on_that_day(day: date, opens: datetime) -> None:
    assert window.on(day, SendingPolicy()).opens == opens


@pytest.mark.parametrize(
    ("channel", "claims", "hands_over"),
    [
        ("sms", astana(23, 20, 50), astana(23, 20, 50)),
        ("ussd", astana(23, 20, 55), astana(23, 20, 59, 30)),
        ("ivr", astana(23, 20, 55), astana(23, 20, 58, 30)),
    ],
)
def test_the_days_last_instants_by_channel(channel: str, claims: datetime, hands_over: datetime) -> None:
    today = window.on(MONDAY, SendingPolicy())

    assert (today.claims_until(channel), today.hands_over_until(channel)) == (claims, hands_over)


@pytest.mark.parametrize("offset", range(7))
def test_each_weekday_is_its_own(offset: int) -> None:
    day = MONDAY + timedelta(days=offset)
    named = SendingPolicy.Weekday[day.strftime("%A").upper()]
    others = [one.value for one in SendingPolicy.Weekday if one != named]

    only, but = window.on(day, SendingPolicy(weekdays=[named])), window.on(day, SendingPolicy(weekdays=others))

    assert only.opens < only.closes
    assert but.opens == but.closes


def test_a_holiday_has_no_window() -> None:
    policy = SendingPolicy(holidays=[date(2026, 12, 16)])

    closed, next_day = (window.on(date(2026, 12, day), policy) for day in (16, 17))

    assert closed.opens == closed.closes
    assert next_day.opens < next_day.closes


def test_the_day_is_astanas() -> None:
    late_in_utc = datetime(2026, 11, 22, 20, tzinfo=UTC)  # one o'clock on Monday morning in Astana

    assert window.at(late_in_utc, SendingPolicy()) == window.on(MONDAY, SendingPolicy())


@pytest.mark.parametrize(
    ("now", "opening"),
    [
        (astana(23, 9, 59, 59), astana(23, 10)),
        (astana(23, 15), astana(23, 15)),
        (astana(23, 20, 50) - SECOND, astana(23, 20, 50) - SECOND),
        (astana(23, 20, 50), astana(25, 10)),
        (astana(24, 12), astana(25, 10)),
    ],
    ids=["early", "inside", "just inside", "too late", "on a day without"],
)
def test_what_comes_too_late_waits_for_the_next_day_that_has_a_window(now: datetime, opening: datetime) -> None:
    policy = SendingPolicy(holidays=[date(2026, 11, 24)])

    assert window.next_opening(now, policy) == opening


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("early", "claimed"), [(SECOND, 0), (timedelta(0), 1)], ids=["09:59:59", "10:00:00"])
def test_at_the_very_opening_messages_are_claimed(
    noon, make_member, put, monkeypatch, early: timedelta, claimed: int
) -> None:
    put(make_member(), not_before=noon - timedelta(hours=3))
    monkeypatch.setattr("messaging.sending.sender.clock.now", lambda: astana(23, 10) - early)

    taken, _fence = Sender(Network())._claim("sms", 5, SendingPolicy())

    assert len(taken) == claimed
