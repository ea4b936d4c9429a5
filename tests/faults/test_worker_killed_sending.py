"""The Celery worker that sends is killed a hundred times; no offer leaves twice, nothing is lost (M9)."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from celery import Celery

from core.lib import clock
from enrollment.models import Channel
from messaging import outbox
from messaging.models import Attempt, Message, MessageClass
from smart.local import processes
from smart.local.embedded import PROJECT
from tests.faults.gateway import Log, network
from tests.messaging.audience import check_log, make_audience, violated

CHILDREN, WHOLE = 80, 20  # kills: of one child, and of the worker with all its children
OFFERED, TOLD = 9000, 3000
LOOKS_EVERY = 0.005  # seconds
_ADDRESS = re.compile(rb"/receipts/[^/]+/((\d+)-[0-9a-f-]+)")


class Worker:
    """A worker of the queue of messages with two children; it is started again when it was killed as a whole."""

    def __init__(self, environment: dict[str, str], log: Path, dice: random.Random) -> None:
        self.environment, self.log, self.dice = environment, log, dice
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "celery", "-A", "smart", "worker", "-Q", "messages", "-c", "2",
                   "--without-gossip", "--without-mingle", "--without-heartbeat"]  # fmt: skip
        self.process: subprocess.Popen[bytes] = processes.spawn(
            command, log=self.log, env=self.environment, cwd=PROJECT
        )

    def children(self) -> list[int]:
        """The children that live; each thread of the worker may have forked some."""
        forked: list[int] = []
        with suppress(OSError):
            for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
                forked += [int(pid) for pid in (thread / "children").read_text().split()]
        return [pid for pid in forked if _lives(pid)]

    def kill(self) -> None:
        """kill -9, parent and children at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def kill_a_child(self) -> None:
        """kill -9 of a child; the worker starts another, and puts the child's task back into the queue."""
        assert processes.wait_until(self.children, seconds=60, every=LOOKS_EVERY), processes.last_line(self.log)
        os.kill(self.dice.choice(self.children()), signal.SIGKILL)


def _lives(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@pytest.fixture
def noon(movable_clock: Callable[[datetime], None], now: datetime) -> datetime:
    """Noon in Astana by the clock that every process of the local set-up reads; this database may send."""
    outbox.make_partitions(now=now)
    outbox.confirm_epoch(by="test", reason="a test database", now=now)
    return now


@pytest.fixture
def log() -> Iterator[Log]:
    with network() as running:
        yield running


@pytest.fixture
def dice() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
def worker(noon: datetime, broker: str, environment: dict[str, str], log: Log, dice: random.Random, tmp_path: Path
           ) -> Iterator[Worker]:  # fmt: skip
    file = log.write_options(tmp_path / "transports.toml")
    worker = Worker({**environment, "TRANSPORTS_FILE": str(file)}, tmp_path / "worker.log", dice)
    yield worker
    processes.kill_session(worker.process)


@pytest.fixture
def beat(broker: str) -> Celery:
    return Celery(broker=broker, set_as_current=False)


def fill(now: datetime) -> int:
    """An offer to most, a service message to some; return how many messages."""
    people = make_audience(OFFERED + TOLD, now=now)
    offered = outbox.put(
        stream=outbox.stream_for(code="offer-1", message_class=MessageClass.OFFER),
        subscribers=people[:OFFERED],
        channel=Channel.SMS,
        texts_by_language={"ru": "Чай -20%"},
        origin="campaign:1",
        not_before=now,
        not_after=now + timedelta(hours=8),
        now=now,
    )
    told = outbox.announce(
        kind="bonus_issued", subscribers=people[OFFERED:], values={"units": 500, "days": 30}, origin="bonus", now=now
    )
    return offered + told


def ring(beat: Celery) -> None:
    """What beat does: rings for two children to send, and sweeps at a time by which the leases of the dead are over:
    those of the living as well."""
    for _ in range(2):
        beat.send_task("smart.tasks.send_messages", queue="messages")
    outbox.sweep(now=clock.now() + timedelta(minutes=2))


def comes_to_send(beat: Celery, log: Log) -> bool:
    """Ring until the network has taken more than when this began."""
    before = len(log.gateway.requests)
    return rings_until(lambda: len(log.gateway.requests) > before, beat)


def rings_until(is_so: Callable[[], bool], beat: Celery) -> bool:
    for _ in range(60):
        ring(beat)
        if processes.wait_until(is_so, seconds=1, every=LOOKS_EVERY):
            return True
    return False


def is_all_sent() -> bool:
    return not Message.objects.filter(state__in=["waiting", "claimed"]).exists()


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_a_hundred_times_while_it_sends(
    noon: datetime, worker: Worker, beat: Celery, log: Log, dice: random.Random
) -> None:
    """Eighty times it loses a child, twenty times it dies as a whole: starting it takes seconds, forking a child none.

    What is lost goes on by itself: a dead child's task returns to the queue, a dead worker's is rung for again.
    """
    audience = fill(noon)
    deaths = [worker.kill] * WHOLE + [worker.kill_a_child] * CHILDREN
    dice.shuffle(deaths)

    for die in deaths:
        assert comes_to_send(beat, log), processes.last_line(worker.log)
        time.sleep(dice.uniform(0, 0.15))  # somewhere between a claim and the mark of some batch
        die()
        if worker.process.poll() is not None:
            worker.start()
    tried_by_then, taken_by_then = Attempt.objects.count(), len(log.taken)
    waiting_by_then = Message.objects.filter(state="waiting").count()
    assert rings_until(is_all_sent, beat), processes.last_line(worker.log)
    processes.stop(worker.process)

    assert tried_by_then > taken_by_then > len(deaths), "it died before it had begun"
    assert waiting_by_then > 0, "it had nothing left to die over"
    assert Attempt.objects.filter(outcome="uncertain").exists(), "nobody died between gate and mark"
    check_log(log.taken)
    addresses = {match.groups() for request in log.gateway.requests if (match := _ADDRESS.search(request.body))}
    assert len(addresses) == len(set(log.taken)), "what is repeated bears the same reference"
    states = Counter(Message.objects.values_list("state", flat=True))
    assert states.total() == audience == OFFERED + TOLD
    assert states.keys() <= {"submitted", "unknown"}, states
    assert set(Message.objects.filter(state="submitted").values_list("pk", flat=True)) <= set(log.taken)
    assert not Message.objects.filter(state="unknown").exclude(why="uncertain").exists()
    assert not violated(clock.now())
