"""One clock for the programme, its pages and its tests: what reads another one is right on some days only."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.lib import clock

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("core", "smart", "enrollment", "messaging", "bonuses", "campaigns", "surveys")
# Nonces, seen and forgotten by the database alone; and the gate, which adds how far the programme's time is ahead.
OF_THE_DATABASE = {
    "core/access/auth.py", "smart/ussd/sessions.py", "messaging/sql/epoch.py", "messaging/sql/passage.py",
}  # fmt: skip
_READS = re.compile(
    r"\b(?:clock|statement|transaction)_timestamp\(\)|\bcurrent_(?:date|time|timestamp)\b|\bauto_now|(?<![\w.])now\(\)",
    re.IGNORECASE,
)
_PYTHONS = re.compile(r"^def now\(\)|= now\(\)$|return now\(\)$", re.MULTILINE)


def test_the_database_is_asked_for_the_time_by_few() -> None:
    """Ruff holds Python's clocks; this, what SQL and Django's fields read."""
    found = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.suffix in (".py", ".sql") and "migrations" not in path.parts
        if _READS.search(_PYTHONS.sub("", path.read_text()))
    }

    assert found == OF_THE_DATABASE


def test_a_test_begins_at_its_now(now: datetime) -> None:
    assert timedelta() <= clock.now() - now < timedelta(minutes=5)
    assert abs(clock.machine() + clock.ahead() - clock.now()) < timedelta(minutes=1)


@pytest.mark.machine_clock
def test_a_test_of_processes_begins_at_the_machines_time(now: datetime) -> None:
    assert timedelta() <= clock.machine() - now < timedelta(minutes=5)


def test_the_clock_runs_on_from_where_it_is_moved(at: Callable[[datetime], None]) -> None:
    instant = datetime(2031, 1, 1, tzinfo=UTC)

    at(instant)
    began = time.monotonic()
    first = clock.now()

    assert instant <= first < instant + timedelta(minutes=5)
    while time.monotonic() == began:
        pass
    assert clock.now() > first


def test_it_stands_where_it_is_told_to(stand_at: Callable[[datetime], None], now: datetime) -> None:
    stand_at(now)

    assert clock.now() == clock.now() == now


def test_a_source_is_given_back_as_it_was(now: datetime) -> None:
    before = clock.install(lambda: now)

    assert clock.install(before)() == now
