"""Real processes on the test database: a broker, a worker, and kill -9."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import environ
import pytest
import pytest_django
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections

from smart.local import embedded, processes
from smart.local.embedded import PROJECT


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """The URL of a Valkey of our own."""
    port = embedded.free_port()
    valkey = processes.spawn(embedded.valkey_command(port, tmp_path), log=tmp_path / "valkey.log")
    yield f"redis://127.0.0.1:{port}/0"
    processes.kill_session(valkey)


@pytest.fixture
def environment(broker: str, movable_clock: Callable[..., None]) -> dict[str, str]:
    """What a process needs to work on the test database, by the clock that this test reads."""
    name = connection.settings_dict["NAME"]
    url = re.sub(r"/[^/?]*(?=\?|$)", f"/{name}", os.environ["DATABASE_URL"])
    return {**os.environ, "DATABASE_URL": url, "CELERY_BROKER_URL": broker, "SMART_LOCAL": "on"}


class Worker:
    """A Celery worker with its children, killed as a whole."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.log = log
        command = [sys.executable, "-m", "celery", "-A", "smart", "worker", "-Q", "smart", "-c", "1",
                   "--without-gossip", "--without-mingle"]  # fmt: skip
        self.process: subprocess.Popen[bytes] = processes.spawn(command, log=log, env=environment, cwd=PROJECT)

    def kill(self) -> None:
        """kill -9, parent and children at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def start_worker(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[[], Worker]]:
    """Start workers; whatever is left of them is killed at the end."""
    workers: list[Worker] = []

    def start() -> Worker:
        workers.append(Worker(environment, tmp_path / f"worker-{len(workers)}.log"))
        return workers[-1]

    yield start
    for worker in workers:
        processes.kill_session(worker.process)


def kill(server: embedded.Postgres) -> None:
    """kill -9 of the postmaster and every process of its."""
    assert server.process is not None
    parent = server.process.pid
    mine = [parent, *(pid for pid in _processes() if _parent_of(pid) == parent)]
    for pid in mine:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.process.wait()


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _parent_of(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


@pytest.fixture
def server(django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[embedded.Postgres]:
    """A PostgreSQL of our own that writes to disk what it commits; the tests' own server is left alone."""
    folder = Path(tempfile.mkdtemp(prefix="smart-killed-"))
    folder.chmod(0o755)  # as root the server runs as another user
    server = embedded.Postgres(folder, log=folder / "postgres.log")
    server.start()
    server.wait()
    usual = dict(settings.DATABASES["default"])
    named = environ.Env.db_url_config(server.url())
    options = {**usual["OPTIONS"], **named["OPTIONS"]}
    with django_db_blocker.unblock():
        connections.close_all()
        settings.DATABASES["default"].update({**named, "OPTIONS": options})
        connection.settings_dict.update({**named, "OPTIONS": options})
        try:
            call_command("migrate", verbosity=0)
            yield server
        finally:
            connections.close_all()
            settings.DATABASES["default"].update(usual)
            connection.settings_dict.update(usual)
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)
