"""Instants that are hard on calendars, counted from today, so that they stay ahead."""

from datetime import date, datetime, timedelta

from core.lib import astana

RUN = timedelta(hours=2)  # what comes before that might be over when its turn comes


def from_today(now: datetime) -> dict[str, datetime]:
    """Return the eight instants that follow a run begun now, by what they are, in the order in which they are tried."""
    now += RUN
    month = _month_but_january(now)
    year = date(astana.day_of(now).year + 1, 1, 1)
    morrow = astana.day_of(now) + timedelta(days=1)
    sunday = morrow + timedelta(days=6 - morrow.weekday())
    last, first = timedelta(seconds=-55), timedelta(seconds=30)
    return {
        "in a year": now + timedelta(days=365),
        "29 February, 23:57": astana.start_of(_leap_day(morrow)) + timedelta(hours=23, minutes=57),
        "a month's last minute": astana.start_of(month) + last,
        "a month's first minutes": astana.start_of(month) + first,
        "a year's last minute": astana.start_of(year) + last,
        "a year's first minutes": astana.start_of(year) + first,
        "20:59": astana.start_of(morrow) + timedelta(hours=21) + last,
        "09:59 on a Sunday": astana.start_of(sunday) + timedelta(hours=10) + last,
    }


def _month_but_january(now: datetime) -> date:
    """The next month but January: a year's turn is tried by itself."""
    month = astana.next_month(astana.month_of(now))
    return month if month.month > 1 else astana.next_month(month)


def _leap_day(first: date) -> date:
    """The first 29 February from a day on."""
    day = first
    while (day.month, day.day) != (2, 29):
        day += timedelta(days=1)
    return day
