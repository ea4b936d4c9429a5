"""Astana time: the zone Asia/Almaty, never a fixed offset (Time, B3, B5)."""

from datetime import UTC, date, datetime, time
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
