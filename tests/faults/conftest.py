"""Real processes on the test database: a broker, a worker, and kill -9."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

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
def environment(broker: str) -> dict[str, str]:
    """What a process needs to work on the test database."""
    name = connection.settings_dict["NAME"]
    url = re.sub(r"/[^/?]*(?=\?|$)", f"/{name}", os.environ["DATABASE_URL"])
    return {**os.environ, "DATABASE_URL": url, "CELERY_BROKER_URL": broker}


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
