"""The instants are ahead and hard, and a run's clock is there in every process it starts."""

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.lib import astana, clock
from tests.dates import faked, instants
from tests.dates.__main__ import LEFT_OUT, ROOT

TODAYS = [
    "2026-12-01T00:00:00", "2026-12-31T23:59:59", "2027-01-01T00:00:00", "2027-11-30T12:00:00", "2027-12-05T10:00:00",
    "2028-02-28T23:58:00", "2028-02-29T12:00:00", "2096-03-01T00:00:00",
]  # fmt: skip


@pytest.mark.parametrize("today", TODAYS)
def test_eight_instants_are_ahead_and_what_they_are_called(today: str) -> None:
    now = datetime.fromisoformat(today).replace(tzinfo=astana.ZONE)

    found = instants.from_today(now)
    shown = {name: f"{at.astimezone(astana.ZONE):%m-%d %a %H:%M}" for name, at in found.items()}

    assert len(found) == 8
    assert min(found.values()) > now
    assert shown["29 February, 23:57"].startswith("02-29 ")
    assert shown["29 February, 23:57"].endswith(" 23:57")
    assert shown["a year's last minute"][:5] + shown["a year's last minute"][-5:] == "12-3123:59"
    assert shown["a year's first minutes"][:5] + shown["a year's first minutes"][-5:] == "01-0100:00"
    assert (shown["20:59"][-5:], shown["09:59 on a Sunday"][-9:]) == ("20:59", "Sun 09:59")
    last, first = found["a month's last minute"], found["a month's first minutes"]
    assert astana.next_month(astana.month_of(last)) == astana.month_of(first)
    assert last.astimezone(astana.ZONE).month != 12
    assert first - last < timedelta(minutes=2)


def test_what_is_left_out_is_there() -> None:
    """Else a folder that moved would be run without its processes."""
    assert [path for path in LEFT_OUT if not (ROOT / path).exists()] == []


@pytest.mark.skipif(not faked.is_here(), reason="no libfaketime on this machine")
def test_a_process_and_its_own_are_at_the_instant_and_sleep(tmp_path: Path) -> None:
    at = clock.machine() + timedelta(days=1000)
    ask = "import time, os; time.sleep(0.01); print(time.time(), flush=True); os.execlp('date', 'date', '+%s')"

    done = subprocess.run(
        [sys.executable, "-c", ask],
        env=faked.environment(at=at, folder=tmp_path), capture_output=True, text=True, check=True,
    )  # fmt: skip

    own, its = map(float, done.stdout.split())
    assert 0 <= own - at.timestamp() < 60
    assert -1 <= its - own < 60
