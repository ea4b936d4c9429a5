"""The movable clock: forward only, seen by every process within a quarter of a second."""

import time
from datetime import datetime, timedelta

from django.db import DatabaseError
from django.utils.translation import gettext_lazy as _

from core.lib import clock
from core.lib.errors import Refusal
from smart.local.models import LocalClock

_FRESH_SECONDS = 0.25
_read_at = -1.0
_ahead = timedelta()


class OnlyForward(Refusal):
    """What has happened cannot unhappen: the ledger is append-only."""

    code = "only_forward"
    sentence = _("Time moves forward only, by a year at most.")
    status = 422


def ahead() -> timedelta:
    """How far the programme's time is ahead, as last read from the database."""
    global _read_at, _ahead
    if time.monotonic() - _read_at > _FRESH_SECONDS:
        try:
            _ahead = LocalClock.objects.values_list("ahead", flat=True).first() or timedelta()
        except DatabaseError:
            return _ahead  # not migrated yet, or the database is away: the last known
        _read_at = time.monotonic()
    return _ahead


def now() -> datetime:
    """The programme's time."""
    return clock.machine() + ahead()


def move_to(instant: datetime) -> datetime:
    """Move the programme's time forward to an instant; return it. Raises OnlyForward."""
    global _read_at
    present = now()
    if not present < instant <= present + timedelta(days=366):
        raise OnlyForward
    LocalClock.objects.update_or_create(pk=1, defaults={"ahead": instant - clock.machine()})
    _read_at = -1.0
    return now()
