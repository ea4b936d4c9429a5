"""`make run`: PostgreSQL, Valkey, web, worker, beat and the operator simulator under one small supervisor.

DATABASE_URL and CELERY_BROKER_URL (environment or .env) name real services; then the embedded one is not started.
A child that dies is told in one sentence and started again after 1, 2, 4 and 8 s; the fifth death in a row stops
everything. When this process is killed, the kernel tells its children to end (Linux), PostgreSQL cleanly.
What the children print is in the data folder, under log/.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from core.lib.http.client import HttpClient, RequestFailed
from messaging.channels.kind import kinds, with_a_process
from smart.local import embedded, ground, processes, steps
from smart.local.accounts import DEMO_ACCOUNTS, DEMO_PARTNERS_PEOPLE, DEMO_PASSWORD
from smart.local.embedded import PROJECT, CannotStart

_DEATHS_IN_A_ROW = 5
_LIVED_WELL_SECONDS = 60
_WEB_ALONE = 30  # seconds after which the rest starts beside a web server that does not answer yet
# What a child gets when we are killed, and the database with it: beat would want to save its state there first and
# miss its end, a worker would wait for its tasks, and at times for a thread of its own that never ends.
_DEATH_SIGNALS = {"beat": signal.SIGKILL, "worker": signal.SIGKILL}
WEB_ENV = {"DB_POOL_SIZE": "6", "DB_STATEMENT_TIMEOUT_MS": "2500"}


class StopAsked(BaseException):
    """Somebody asked us to end: Ctrl-C, SIGTERM, or the terminal closed."""


def say(sentence: str) -> None:
    """Tell the person at the terminal; one that has gone away is no reason to fail."""
    with suppress(OSError):
        print(sentence, flush=True)


class Child(Protocol):
    """What the supervisor starts, watches and stops."""

    name: str
    log: Path
    process: subprocess.Popen[bytes] | None

    def start(self) -> None: ...


@dataclass
class LocalService:
    """One of our own processes."""

    name: str
    command: Sequence[str | Path]
    log: Path
    env: dict[str, str]
    death_signal: int = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = processes.spawn(
            self.command, log=self.log, env=self.env, cwd=PROJECT, death_signal=self.death_signal
        )


@dataclass
class Fate:
    """How often a child died in a row, and when it is started again."""

    started_at: float = field(default_factory=time.monotonic)
    deaths: int = 0
    again_at: float | None = None


class Supervisor:
    """Starts everything in order, watches it, stops it in reverse."""

    def __init__(self) -> None:
        self.port = ground.port_named(os.environ.get("PORT", "8000"))
        self.address = f"http://127.0.0.1:{self.port}/"
        self.folder = embedded.data_dir()
        self.logs = self.folder / "log"
        self.database: embedded.Postgres | None = None  # ours; None: DATABASE_URL names another
        self.servers: list[Child] = []
        self.services: list[Child] = []
        self.behind: list[tuple[str, list[str]]] = []  # names and modules of services not started yet
        self.fates: dict[str, Fate] = {}
        self.env = os.environ | {"SMART_LOCAL": "on", "PYTHONUNBUFFERED": "1"}

    def run(self) -> None:
        """Start, watch and, whatever happens, stop. Raises CannotStart with a sentence, StopAsked when asked to end."""
        began = time.monotonic()
        with ground.claim(self.folder, self.address):
            ground.refuse_full_disk(self.folder)
            ground.refuse_busy_port(self.port)
            ground.refuse_silent_broker(os.environ.get("CELERY_BROKER_URL"))
            self._put_logs_by()
            senders = _senders()
            try:
                self._start_servers()
                self._prepare()
                self._start_services(senders)
                self._watch(began)
            finally:
                self._stop()

    def _put_logs_by(self) -> None:
        """Begin new logs; those of the run before stay beside them as *.log.1."""
        self.logs.mkdir(exist_ok=True)
        for old in self.logs.glob("*.log"):
            old.replace(old.with_suffix(".log.1"))

    def _start_servers(self) -> None:
        """Start the embedded servers that no real one replaces."""
        if "DATABASE_URL" not in os.environ:
            self.database = embedded.Postgres(self.folder, log=self.logs / "postgres.log", say=say)
            self._start(self.database, self.servers)
            self.database.wait()
            self.env["DATABASE_URL"] = self.database.url()
        if "CELERY_BROKER_URL" not in os.environ:
            port = embedded.free_port()
            broker = LocalService(
                "Valkey", embedded.valkey_command(port, self.logs), self.logs / "valkey.log", self.env
            )
            self._start(broker, self.servers)
            self.env["CELERY_BROKER_URL"] = f"redis://127.0.0.1:{port}/0"
        self.env.setdefault("MEDIA_ROOT", str(self.folder / "media"))

    def _prepare(self) -> None:
        """Migrate and load, unless our own database is known to be as this very code wants it."""
        mark = None if self.database is None else self.folder / "pg" / "prepared"
        wanted = ground.digest_of_code()
        if mark is not None and mark.exists() and mark.read_text() == wanted:
            return
        if self.database is not None and mark is not None and not mark.exists():
            self._begin_anew(self.database)
        elif mark is None:
            say("Preparing the database that DATABASE_URL names; the first time this takes a while.")
        log = self.logs / "prepare.log"
        work = processes.spawn(
            [sys.executable, "manage.py", "prepare_local"], log=log, env=self.env | _as("prepare"), cwd=PROJECT
        )
        try:
            failed = steps.repeat(work, log, say=say) != 0
        finally:
            processes.kill_session(work)
        if failed:
            raise CannotStart(f"The database could not be prepared: {embedded.explain(log)} (log: {log}).")
        if mark is not None:
            mark.write_text(wanted)

    def _begin_anew(self, database: embedded.Postgres) -> None:
        """Say that the first preparation begins; what an interrupted one left is dropped, for nobody has used it."""
        begun = database.data / "preparing"
        if begun.exists():
            say("An earlier start was interrupted while it made the demo base; it is made anew.")
            database.empty()
        else:
            say("Setting up the database and the demo base; this is done once.")
            begun.touch()

    def _start_services(self, senders: list[tuple[str, list[str]]]) -> None:
        """Start the web server, whose first page is waited for, and name what `_watch` starts behind it."""
        say("Starting the web server, the worker and the rest.")
        simulator = embedded.free_port()
        self.env |= {
            "PORT": str(self.port),
            "SIMULATOR_PORT": str(simulator),
            "OPERATOR_BALANCE_URL": f"http://127.0.0.1:{simulator}/tmf-api/prepayBalanceManagement/v4",
            "OPERATOR_BALANCE_TOKEN": secrets.token_urlsafe(24),
        }
        celery = ["celery", "-A", "smart"]
        worker = [*celery, "worker", "-Q", "smart,imports,messages", "-c", "3", "--without-gossip", "--without-mingle"]
        self._start_service("web", ["granian", *_granian(self.port)])
        self.behind = [
            ("simulator", ["smart.local.simulator"]),
            ("worker", [*worker, "-n", "local@%h"]),
            ("beat", [*celery, "beat"]),
            *senders,
        ]

    def _start_service(self, name: str, module: list[str]) -> None:
        env = self.env | _as(name) | (WEB_ENV if name == "web" else {})
        command = [sys.executable, *(module if module[0] == "manage.py" else ["-m", *module])]
        last = _DEATH_SIGNALS.get(name, signal.SIGTERM)
        self._start(LocalService(name, command, self.logs / f"{name}.log", env, last), self.services)

    def _start(self, child: Child, group: list[Child]) -> None:
        group.append(child)
        self.fates[child.name] = Fate()
        child.start()

    def _watch(self, began: float) -> None:
        """Revive what dies; say the address as soon as the web server answers a request."""
        told = warned = False
        started = time.monotonic()
        while True:
            for child in (*self.servers, *self.services):
                self._revive(child)
            answers = not told and self._answers()
            # Loading Django costs each process seconds of CPU: side by side they would keep the page waiting.
            while self.behind and (answers or time.monotonic() - started > _WEB_ALONE):
                self._start_service(*self.behind.pop(0))
            if answers:
                told = True
                say(self._welcome(time.monotonic() - began))
            if not told and not warned and time.monotonic() - started > 60:
                warned = True
                say(f"The web server does not answer yet; its log: {self.logs / 'web.log'}")
            time.sleep(0.3 if told else 0.05)

    def _revive(self, child: Child) -> None:
        """Start a dead child again when its time has come; give up on one that keeps dying."""
        fate = self.fates[child.name]
        if fate.again_at is not None:
            if time.monotonic() >= fate.again_at:
                fate.again_at, fate.started_at = None, time.monotonic()
                child.start()
            return
        process = child.process
        if process is None or process.poll() is None:
            return
        processes.kill_session(process)  # whatever it had started
        fate.deaths = 1 if time.monotonic() - fate.started_at > _LIVED_WELL_SECONDS else fate.deaths + 1
        if fate.deaths >= _DEATHS_IN_A_ROW:
            raise CannotStart(
                f"{child.name} died {fate.deaths} times in a row, so everything stops: "
                f"{embedded.explain(child.log)} (log: {child.log})."
            )
        pause = 2 ** (fate.deaths - 1)
        fate.again_at = time.monotonic() + pause
        say(f"{child.name} ended unexpectedly ({_how(process.returncode)}); it starts again in {pause} s.")

    def _answers(self) -> bool:
        """Ask the web server for its front page; only an answer that is no server error counts."""
        client = HttpClient(f"http://127.0.0.1:{self.port}", idle_seconds=0)
        try:
            return client.exchange("GET", seconds=5).status < 500
        except RequestFailed:
            return False

    def _welcome(self, seconds: float) -> str:
        return (
            f"\nSMART is up at {self.address} (in {seconds:.1f} s; Ctrl-C stops it; logs: {self.logs})\n"
            f"Demo accounts: {', '.join(DEMO_ACCOUNTS)}; at /partners/: {', '.join(DEMO_PARTNERS_PEOPLE)}; "
            f"password: {DEMO_PASSWORD}\n"
        )

    def _stop(self) -> None:
        """End our own processes first, then the servers they use."""
        for ended in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ended, signal.SIG_IGN)
        processes.stop_all([child.process for child in self.services if child.process], seconds=10)
        for child in reversed(self.servers):
            if isinstance(child, embedded.Postgres):
                child.stop()
            elif child.process:
                processes.stop(child.process)


def _as(name: str) -> dict[str, str]:
    """Let the database show whose a connection is."""
    return {"APPLICATION_NAME": f"smart-{name}"}


def _senders() -> list[tuple[str, list[str]]]:
    """Return the processes of transports that TRANSPORTS_FILE names and that have one of their own."""
    path = os.environ.get("TRANSPORTS_FILE")
    if not path:
        return []
    try:
        entries = tomllib.loads(Path(path).read_text()).get("transport", [])
    except OSError as error:
        raise CannotStart(f"TRANSPORTS_FILE {path} cannot be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise CannotStart(f"TRANSPORTS_FILE {path} is not TOML: {error}.") from error
    for entry in entries:
        if entry.get("kind") not in {*kinds(), "handset"}:  # settings.TRANSPORT_KINDS, before settings are read
            known = ", ".join(sorted({*kinds(), "handset"}))
            raise CannotStart(f"TRANSPORTS_FILE: kind “{entry.get('kind')}” is none of: {known}.")
        if (named := entry.get("password_env")) and not os.environ.get(named):
            raise CannotStart(f"TRANSPORTS_FILE: {entry.get('name')} wants its password in {named}: export it first.")
    served = {entry["kind"] for entry in entries} & with_a_process()
    return [(kind, ["manage.py", "run_sender", "--kind", kind]) for kind in sorted(served)]


def _granian(port: int) -> list[str]:
    """Return the web server's options; back-pressure counts connections, kept-alive ones included (ADR 0007)."""
    return [
        "smart.wsgi:application",
        "--interface=wsgi",
        "--host=127.0.0.1",
        f"--port={port}",
        "--workers=2",
        "--blocking-threads=4",
        "--backpressure=256",
        "--workers-kill-timeout=5",  # a worker told to end while it was still loading never hears of it
        "--no-access-log",
        "--no-ws",
    ]


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
