"""Astana time is what the zone data says; a machine whose data is too old must not act on it (Time).

Kazakhstan has had one zone, UTC+5, since 2024-03-01. Python and PostgreSQL each bring zone data of their own.
"""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_lazy as _

from core.lib.astana import ZONE
from core.lib.errors import Refusal

# An instant after the change of 2024-03-01; old zone data still gives it UTC+6.
_PROBE = datetime(2024, 7, 1, tzinfo=UTC)


class ZoneDataWrong(Refusal):
    """Python's or PostgreSQL's zone data gives Astana another offset than settings.ASTANA_UTC_OFFSET_HOURS."""

    code = "zone_data_wrong"
    sentence = _("The zone data of this machine is wrong for Astana; nothing is done.")
    status = 503


def offset_in_python() -> timedelta:
    """Astana's offset by Python's zone data."""
    return ZONE.utcoffset(_PROBE.astimezone(ZONE)) or timedelta()


def offset_in_database() -> timedelta:
    """Astana's offset by PostgreSQL's zone data."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT (%s::timestamptz AT TIME ZONE 'Asia/Almaty') - (%s::timestamptz AT TIME ZONE 'UTC')",
                       [_PROBE, _PROBE])  # fmt: skip
        return cursor.fetchone()[0]


def require_in_python() -> None:
    """Raise ZoneDataWrong unless Python's zone data agrees with the settings: no server starts without."""
    if offset_in_python() != timedelta(hours=settings.ASTANA_UTC_OFFSET_HOURS):
        raise ZoneDataWrong


def require() -> None:
    """Raise ZoneDataWrong unless both agree with the settings."""
    expected = timedelta(hours=settings.ASTANA_UTC_OFFSET_HOURS)
    if offset_in_python() != expected or offset_in_database() != expected:
        raise ZoneDataWrong
