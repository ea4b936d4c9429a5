"""The programme's clock: read at edges only, passed to everything else as `now`.

smart.local may install a movable source; production has none but the machine's.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def machine() -> datetime:
    """Return the machine's time, in UTC."""
    return datetime.now(UTC)  # noqa: TID251 - the one place


_source: Callable[[], datetime] = machine


def now() -> datetime:
    """Return the programme's time, in UTC."""
    return _source()


def ahead() -> timedelta:
    """How far the programme's time is ahead of the machine's: nothing, but for a movable or simulated clock.

    What must read the database's own clock (the gate) adds this to it.
    """
    return _source() - machine() if _source is not machine else timedelta()


def install(source: Callable[[], datetime]) -> Callable[[], datetime]:
    """Let another source tell the time (the local simulator's movable clock); return the one that told it so far."""
    global _source
    before, _source = _source, source
    return before
