"""Two beats by mistake: each rings for everything, the slots are done once, nobody is told twice (ADR 0002, B1, M9)."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from bonuses import lifecycle as bonuses
from bonuses.models import Grant, LedgerEntry
from core.jobs import schedule
from core.jobs.models import JobRun
from core.lib import clock
from messaging import outbox
from messaging.models import Message
from smart.local import processes
from smart.local.embedded import PROJECT
from tests.faults.gateway import Log, network
from tests.messaging.audience import check_log, make_audience, violated
from tests.messaging.conftest import astana, states

AUDIENCE = 400
RINGS = ("issue-month", "announce-bonuses", "announce-lapses", "send-messages", "sweep-messages", "expire-grants")


@pytest.fixture
def first(movable_clock: Callable[[datetime], None]) -> datetime:
    """It is noon in Astana on the first of December, for every process; this database may send."""
    now = astana(1, 12, month=12)
    movable_clock(now)
    outbox.make_partitions(now=now)
    bonuses.make_partitions(now=now)
    outbox.confirm_epoch(by="test", reason="a test database", now=now)
    return now


@pytest.fixture
def log() -> Iterator[Log]:
    with network() as running:
        yield running


@pytest.fixture
def start(environment: dict[str, str], log: Log, tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Start Celery processes on the test database and return their logs; they end with the test."""
    file = log.write_options(tmp_path / "transports.toml")
    given = {**environment, "TRANSPORTS_FILE": str(file)}
    started = []

    def celery(name: str, *arguments: str) -> Path:
        command = [sys.executable, "-W", "ignore", "-m", "celery", "-A", "smart", *arguments, "-l", "info"]
        started.append(processes.spawn(command, log=tmp_path / f"{name}.log", env=given, cwd=PROJECT))
        return tmp_path / f"{name}.log"

    yield celery
    for process in started:
        processes.kill_session(process)


def rings(beat: Path) -> Counter[str]:
    """How often a beat has rung for each entry of the schedule."""
    return Counter(re.findall(r"Sending due task (\S+)", beat.read_text()))


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_two_beats_and_one_worker_do_everything_once(start: Callable[..., Path], first: datetime, log: Log) -> None:
    people = make_audience(AUDIENCE, now=first)
    schedule.sync()
    PeriodicTask.objects.exclude(name__in=RINGS).update(enabled=False)
    second, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.update(interval=second)

    beats = [start(name, "beat", "--max-interval", "1", "--pidfile=") for name in ("beat-1", "beat-2")]
    worker = start("worker", "worker", "-Q", "smart,messages", "-c", "2", "--without-gossip", "--without-mingle")

    def told() -> bool:
        return states() == {"submitted": AUDIENCE}

    assert processes.wait_until(told, seconds=60, every=0.1), (states(), processes.last_line(worker))
    by_then = [rings(beat) for beat in beats]
    assert processes.wait_until(
        lambda: all(
            rings(beat)[name] >= before[name] + 3 for beat, before in zip(beats, by_then, strict=True) for name in RINGS
        ),
        seconds=20,
        every=0.1,
    ), [rings(beat) for beat in beats]

    assert Grant.objects.count() == Grant.objects.values("subscriber").distinct().count() == AUDIENCE
    assert LedgerEntry.objects.filter(kind="issue").count() == AUDIENCE
    runs = {run.name: run for run in JobRun.objects.filter(name__in=["issue_month", "announce_month"])}
    assert JobRun.objects.filter(name__in=runs).count() == 2, "a slot each"
    assert {run.state for run in runs.values()} == {"done"}
    assert {run.affected for run in runs.values()} == {AUDIENCE}
    assert Counter(Message.objects.values_list("subscriber_id", flat=True)) == dict.fromkeys(people, 1)
    assert sorted(log.taken) == sorted(Message.objects.values_list("pk", flat=True))
    check_log(log.taken)
    assert told()
    assert not violated(clock.now())
