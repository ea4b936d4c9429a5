"""Three seconds at most: past them the database connection in use is cut, and what it was doing rolls back.

statement_timeout ends a statement that waits for a lock; a frozen database server does not, so a watchdog
shuts the socket down and the waiting thread gets its OperationalError at once.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

_watched: dict[int, tuple[float, Any]] = {}
_numbers = count()
_started = threading.Lock()
_thread: threading.Thread | None = None
_TICK = 0.1


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Cut this thread's database connection should the block take longer than `seconds`."""
    _ensure_watchdog()
    number = next(_numbers)
    _watched[number] = (time.monotonic() + seconds, connections[DEFAULT_DB_ALIAS])  # this thread's own
    try:
        yield
    finally:
        _watched.pop(number, None)


def _ensure_watchdog() -> None:
    global _thread
    if _thread is None or not _thread.is_alive():
        with _started:
            if _thread is None or not _thread.is_alive():
                _thread = threading.Thread(target=_watch, name="ussd-deadline", daemon=True)
                _thread.start()


def _watch() -> None:
    while True:
        time.sleep(_TICK)
        now = time.monotonic()
        for number, (until, wrapper) in list(_watched.items()):
            if now >= until and _watched.pop(number, None) is not None:
                _cut(wrapper)


def _cut(wrapper: Any) -> None:
    raw = wrapper.connection
    if raw is None or raw.closed:
        return
    with suppress(OSError), socket.socket(fileno=os.dup(raw.fileno())) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)
