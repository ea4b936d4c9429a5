"""Sending without a process of its own: for a few seconds at a time, by the task that a doorbell rings."""

import threading

from django.conf import settings
from django.db import connection

from messaging.channels.base import Transport
from messaging.channels.kind import with_a_process
from messaging.sending import transports
from messaging.sending.sender import Sender

TURN_SECONDS = 4.0
_made: dict[str, Transport] = {}
_making = threading.Lock()


def send_for(*, seconds: float) -> int:
    """Send through each transport without a process of its own, `seconds` at most; return how many were taken.

    Several workers may do so at once: what one has claimed the others skip. Raises what Sender.require raises.
    """
    entries = transports.named(kinds=set(settings.TRANSPORT_KINDS) - with_a_process())
    if len(entries) == 1:
        return _send(entries[0]["name"], seconds)
    handed: list[int] = []
    threads = [
        threading.Thread(target=lambda name=entry["name"]: handed.append(_in_thread(name, seconds)))
        for entry in entries
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(handed)


def _in_thread(name: str, seconds: float) -> int:
    try:
        return _send(name, seconds)
    finally:
        connection.close()


def _send(name: str, seconds: float) -> int:
    tally = Sender(_transport(name), overlaps=True).run(seconds=seconds, until_idle=True)
    return tally.handed


def _transport(name: str) -> Transport:
    """The process's own transport of that name: its connections are kept."""
    with _making:
        if name not in _made:
            _made[name] = transports.make(transports.named(names={name})[0])
        return _made[name]
