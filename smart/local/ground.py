"""What must hold before anything local starts: a folder of our own, room on its disk, a free port."""

import errno
import fcntl
import hashlib
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from kombu import Connection

from smart.local import embedded
from smart.local.embedded import PROJECT, CannotStart

FIRST_MEGABYTES, WORKING_MEGABYTES = 300, 100
_BROKER_SECONDS = 3
# What a start makes in the data folder, and `make reset` deletes.
_OURS = ("pg", "pg.new", "pg.broken-*", "run", "programs", "log", "media", "manage.log")
_CODE = ("*.py", "*.csv", "*.json", "*.txt")
_NOT_SERVED = {"tests", "bench", "docs", "deploy", "var", "static", "templates", "locale", "staticfiles"}


class AlreadyRunning(CannotStart):
    """Somebody else holds the data folder."""


def claim(folder: Path, address: str = "") -> IO[str]:
    """Make the folder ours for as long as the returned file stays open; raises AlreadyRunning when it is another's."""
    embedded.make_folder(folder)
    lock = (folder / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        at = lock.read().strip()
        lock.close()
        raise AlreadyRunning(f"SMART is already running on the data in {folder}{at and f', at {at}'}.") from None
    lock.truncate(0)
    lock.write(address)
    lock.flush()
    return lock


def refuse_full_disk(folder: Path) -> None:
    """Raise CannotStart when the disk has no room for a database that works."""
    needed = WORKING_MEGABYTES if (folder / "pg").exists() else FIRST_MEGABYTES
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < needed:
        raise CannotStart(f"The disk that holds {folder} has {free} MB left; SMART needs {needed} MB.")


def port_named(text: str) -> int:
    """Read PORT; raises CannotStart when it is no port."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise CannotStart(f"PORT={text} is no port number: choose one from 1024 to 65535.")
    return int(text)


def refuse_busy_port(port: int) -> None:
    """Raise CannotStart when somebody listens there (a web server that shares ports would not notice)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            why = "is not allowed to you" if error.errno == errno.EACCES else "is taken by another program"
            raise CannotStart(f"Port {port} {why}: choose another, for example `make run PORT={port + 1}`.") from None


def refuse_silent_broker(url: str | None) -> None:
    """Raise CannotStart when a broker is named that is none, or does not answer within some seconds."""
    if url is None:
        return
    try:
        with Connection(url, connect_timeout=_BROKER_SECONDS) as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=_BROKER_SECONDS)
    except Exception as error:  # whatever a driver makes of an address that leads nowhere
        why = str(error).strip().partition("\n")[0] or type(error).__name__
        raise CannotStart(
            f"The broker that CELERY_BROKER_URL names does not answer: {_without_password(url, why)}."
        ) from error


def _without_password(url: str, text: str) -> str:
    try:
        password = urlsplit(url).password
    except ValueError:
        return "it is no address"
    return text.replace(password, "…") if password else text


def digest_of_code() -> str:
    """Return a digest of everything that decides what a prepared database holds."""
    digest = hashlib.sha256()
    for path in sorted(_code()):
        digest.update(bytes(path.relative_to(PROJECT)) + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _code() -> Iterator[Path]:
    for room in PROJECT.iterdir():
        if room.is_dir() and not room.name.startswith(".") and room.name not in _NOT_SERVED:
            for pattern in _CODE:
                yield from room.rglob(pattern)


def wipe(folder: Path) -> None:
    """Delete what starts have made in the folder, and the folder when nothing else is in it."""
    for pattern in _OURS:
        for path in folder.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (folder / "lock").unlink(missing_ok=True)
    if not os.listdir(folder):
        folder.rmdir()
