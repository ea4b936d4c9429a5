"""The doorbell is lost: broker, beat or clock. What is to be sent stands in PostgreSQL, and waits (ADR 0002, M1)."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from celery import Celery
from django.db import connection

from core.lib import clock
from messaging import outbox
from messaging.models import Message
from messaging.sending import dispatch, gate
from smart import tasks
from smart.local import embedded, processes
from smart.local.embedded import PROJECT
from tests.faults.gateway import Log, network
from tests.messaging.audience import check_log, make_audience, violated
from tests.messaging.conftest import Network, astana, make_member, noon, put, states

__all__ = ["make_member", "noon", "put"]

TASK = "smart.tasks.send_messages"
AUDIENCE = 300


class Broker:
    """A Valkey of our own that can be stopped and started where it was."""

    def __init__(self, folder: Path) -> None:
        self.port, self.folder = embedded.free_port(), folder
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        command = embedded.valkey_command(self.port, self.folder)
        self.process = processes.spawn(command, log=self.folder / "valkey.log")

    def stop(self) -> None:
        processes.kill_session(self.process)

    def ring(self) -> None:
        """What beat does every five seconds."""
        Celery(broker=self.url, set_as_current=False).send_task(TASK, queue="messages", retry=True)

    def flush(self) -> None:
        with Celery(broker=self.url, set_as_current=False).connection() as broker:
            broker.default_channel.client.flushall()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    yield broker
    broker.stop()


@pytest.fixture
def log() -> Iterator[Log]:
    with network() as running:
        yield running


@pytest.fixture
def worker(valkey: Broker, log: Log, tmp_path: Path, movable_clock: Callable[..., None]) -> Iterator[Path]:
    """A worker of the queue of messages, by the clock that this test reads; its log."""
    url = re.sub(r"/[^/?]*(?=\?|$)", f"/{connection.settings_dict['NAME']}", os.environ["DATABASE_URL"])
    file = log.write_options(tmp_path / "transports.toml", rate=60.0)
    environment = {**os.environ, "DATABASE_URL": url, "CELERY_BROKER_URL": valkey.url, "TRANSPORTS_FILE": str(file),
                   "SMART_LOCAL": "on"}  # fmt: skip
    command = [sys.executable, "-m", "celery", "-A", "smart", "worker", "-Q", "messages", "-c", "1",
               "--without-gossip", "--without-mingle"]  # fmt: skip
    path = tmp_path / "worker.log"
    process = processes.spawn(command, log=path, env=environment, cwd=PROJECT)
    yield path
    processes.stop(process, seconds=2)


def answer(people: list[int], number: int) -> None:
    """Tell of an activation: an answer leaves at any hour, so that this test runs at any hour."""
    values = {"units": 500, "lapse": "30.11 23:00"}
    outbox.announce(kind="activated", subscribers=people, values=values, origin=f"a:{number}", now=clock.now())


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_the_broker_stopped_and_flushed_while_a_worker_sends(valkey: Broker, worker: Path, log: Log) -> None:
    now = clock.now()
    outbox.make_partitions(now=now)
    outbox.confirm_epoch(by="test", reason="a test database", now=now)
    people = make_audience(AUDIENCE, now=now)
    answer(people, 1)

    def beat_rings_until(count: int) -> bool:
        for _ in range(6):
            valkey.ring()
            if processes.wait_until(lambda: len(log.taken) >= count, seconds=5):
                return True
        return False

    assert beat_rings_until(AUDIENCE // 4), processes.last_line(worker)
    valkey.stop()
    at_the_stop = len(log.taken)
    valkey.start()
    assert beat_rings_until(AUDIENCE)
    answer(people, 2)
    valkey.ring()
    valkey.flush()
    assert beat_rings_until(2 * AUDIENCE)
    assert processes.wait_until(lambda: states() == {"submitted": 2 * AUDIENCE}, seconds=60), states()

    assert at_the_stop < AUDIENCE, "it had sent everything before the broker stopped"
    assert sorted(log.taken) == sorted(Message.objects.values_list("pk", flat=True))
    check_log(log.taken)
    assert not violated(clock.now())


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch, settings: object) -> Network:
    """What the worker's turns hand over, in this process."""
    quiet = Network("quiet")
    settings.TRANSPORTS = [{"name": "quiet", "kind": "null"}]  # type: ignore[attr-defined]
    monkeypatch.setattr(dispatch, "_made", {"quiet": quiet})
    return quiet


@pytest.mark.django_db(transaction=True)
def test_a_beat_dead_for_three_hours_across_the_evening(
    noon: datetime, at: Callable[[datetime], None], make_member: Callable, put: Callable, handed: Network
) -> None:
    person = make_member()
    put(person)
    outbox.announce(kind="bonus_issued", subscribers=[person.pk], values={"units": 500, "days": 30}, origin="bonus",
                    now=noon)  # fmt: skip

    at(astana(23, 22, 30))  # it died at 19:30
    tasks.send_messages()
    tasks.sweep_messages()
    tasks.end_messages()
    assert handed.handed == []
    assert states() == {"waiting": 2}

    at(astana(24, 10))
    tasks.send_messages()
    assert [message.kind for message in handed.handed] == ["bonus_issued", "offer"]
    assert all(message.valid_until == astana(24, 21) for message in handed.handed)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("hours", [-1, 1], ids=["behind", "ahead"])
def test_a_clock_an_hour_off_sends_nothing(
    noon: datetime,
    make_member: Callable,
    put: Callable,
    handed: Network,
    hours: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(make_member())
    right = clock.machine
    monkeypatch.setattr(clock, "machine", lambda: right() + timedelta(hours=hours))

    with pytest.raises(gate.ClocksDisagree):
        tasks.send_messages()

    assert handed.handed == []
    assert states() == {"waiting": 1}
