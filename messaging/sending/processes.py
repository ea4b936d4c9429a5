"""A sender as a process of its own: started by a management command, ended cleanly by SIGTERM or Ctrl-C."""

import logging
import signal
import threading
from types import FrameType
from typing import Any

from django.core.management.base import CommandError
from django.db import connection

from core.lib.errors import Refusal
from messaging.sending import transports
from messaging.sending.sender import Sender

logger = logging.getLogger(__name__)


def run(*, kinds: set[str] | None = None, names: set[str] | None = None) -> None:
    """Send through every named transport, a thread each, until told to end.

    Raises CommandError when settings name none, or when this machine must not send (zone data, clocks).
    """
    entries = transports.named(kinds=kinds, names=names)
    if not entries:
        raise CommandError("settings.TRANSPORTS (TRANSPORTS_FILE) names no transport of this kind.")
    senders = [Sender(transports.make(entry), overlaps=True) for entry in entries]
    try:
        for sender in senders:
            sender.require()
    except Refusal as refusal:
        raise CommandError(str(refusal)) from refusal
    _end_on_signals(senders)
    threads = [threading.Thread(target=_run, args=[sender], name=sender.transport.name) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _end_on_signals(senders: list[Sender]) -> None:
    def end(number: int, frame: FrameType | None) -> Any:
        for sender in senders:
            sender.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


def _run(sender: Sender) -> None:
    logger.info("Sending through %s.", sender.transport.name)
    try:
        sender.run()
    finally:
        sender.transport.close()
        connection.close()
    logger.info("The sender of %s has ended.", sender.transport.name)
