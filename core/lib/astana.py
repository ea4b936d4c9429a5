"""Astana time: the zone Asia/Almaty, never a fixed offset (Time, B3, B5)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Almaty")


def month_of(instant: datetime) -> date:
    """Return the first day of the Astana calendar month that holds the instant."""
    return instant.astimezone(ZONE).date().replace(day=1)


def day_of(instant: datetime) -> date:
    """Return the Astana calendar day that holds the instant."""
    return instant.astimezone(ZONE).date()


def start_of(day: date) -> datetime:
    """Return the first instant of an Astana day, in UTC (the earlier one, should midnight come twice)."""
    return datetime.combine(day, time.min, ZONE).astimezone(UTC)


def next_month(month: date) -> date:
    """Return the first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def previous_month(month: date) -> date:
    """Return the first day of the month before."""
    return date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)


def years_before(day: date, years: int) -> date:
    """The same day so many years ago; of 29 February, the first of March: who was born on it is a year older then."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 3, 1) - timedelta(days=1)


def months_before(instant: datetime, months: int) -> datetime:
    """The instant of the same Astana day and hour so many months ago; of a day that month has not, its last."""
    local = instant.astimezone(ZONE)
    index = local.year * 12 + local.month - 1 - months
    year, month = divmod(index, 12)
    for day in range(local.day, 0, -1):
        try:
            return local.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("every month has a first day")
