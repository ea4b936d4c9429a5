"""Astana days and months: borders at UTC+5, at UTC+6 before 2024-03-01, and on the day of the change (Time)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.lib import astana

quick = settings(deadline=None, database=None)
days = st.dates(date(2006, 1, 1), date(2100, 12, 31))
months = days.map(lambda day: day.replace(day=1))
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 11, 30, 18, 59, 59, 999_999, tzinfo=UTC), date(2026, 11, 30)),
        (datetime(2026, 11, 30, 19, 0, tzinfo=UTC), date(2026, 12, 1)),
        (datetime(2026, 12, 31, 18, 59, 59, tzinfo=UTC), date(2026, 12, 31)),
        (datetime(2026, 12, 31, 19, 0, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2023, 12, 31, 17, 59, 59, tzinfo=UTC), date(2023, 12, 31)),
        (datetime(2023, 12, 31, 18, 0, tzinfo=UTC), date(2024, 1, 1)),
        (datetime(2024, 2, 29, 17, 59, 59, tzinfo=UTC), date(2024, 2, 29)),
        (datetime(2024, 2, 29, 18, 0, tzinfo=UTC), date(2024, 2, 29)),
        (datetime(2024, 2, 29, 18, 59, 59, tzinfo=UTC), date(2024, 2, 29)),
        (datetime(2024, 2, 29, 19, 0, tzinfo=UTC), date(2024, 3, 1)),
    ],
    ids=[
        "end of a month", "start of a month", "end of a year", "start of a year", "end of a year at +6",
        "start of a year at +6", "23:59:59 the first time", "23:00 the second time", "23:59:59 the second time",
        "the first month at +5",
    ],
)  # fmt: skip
def test_an_instant_lies_in_its_astana_day_and_month(instant: datetime, day: date) -> None:
    assert (astana.day_of(instant), astana.month_of(instant)) == (day, day.replace(day=1))


def test_the_zone_of_the_instant_does_not_matter() -> None:
    instant = datetime(2026, 11, 30, 19, 0, tzinfo=UTC)

    assert astana.month_of(instant.astimezone(astana.ZONE)) == astana.month_of(instant) == date(2026, 12, 1)


@pytest.mark.parametrize(
    ("day", "instant"),
    [
        (date(2026, 12, 1), datetime(2026, 11, 30, 19, 0, tzinfo=UTC)),
        (date(2024, 2, 29), datetime(2024, 2, 28, 18, 0, tzinfo=UTC)),
        (date(2024, 3, 1), datetime(2024, 2, 29, 19, 0, tzinfo=UTC)),
    ],
    ids=["at +5", "last day at +6", "first day at +5"],
)
def test_a_day_starts_at_astana_midnight(day: date, instant: datetime) -> None:
    start = astana.start_of(day)

    assert (start, start.tzinfo) == (instant, UTC)


@quick
@given(days)
def test_a_day_holds_its_start_and_nothing_before(day: date) -> None:
    start = astana.start_of(day)

    assert astana.day_of(start) == day
    assert astana.day_of(start - MOMENT) == day - timedelta(days=1)


@quick
@given(months)
def test_the_month_before_the_next_is_the_same(month: date) -> None:
    assert astana.previous_month(astana.next_month(month)) == month
    assert astana.next_month(astana.previous_month(month)) == month


@quick
@given(months)
def test_the_next_month_starts_when_this_one_ends(month: date) -> None:
    """B3."""
    start = astana.start_of(astana.next_month(month))

    assert astana.month_of(start) == astana.next_month(month)
    assert astana.month_of(start - MOMENT) == month


@pytest.mark.parametrize(
    ("month", "following"),
    [
        (date(2026, 11, 1), date(2026, 12, 1)),
        (date(2026, 12, 1), date(2027, 1, 1)),
        (date(2024, 1, 31), date(2024, 2, 1)),
    ],
    ids=["within a year", "over a year's end", "from a day within"],
)
def test_the_next_month_is_its_first_day(month: date, following: date) -> None:
    assert astana.next_month(month) == following
