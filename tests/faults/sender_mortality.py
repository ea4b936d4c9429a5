"""Starts a sender a hundred times and kills it with SIGKILL a moment later. Run as a process by test_sender_killed.

Each sender is a fork of this warmed-up process that does what `manage.py run_sender` does; nothing of it is told.
"""

import os
import random
import signal
import sys
import time
from datetime import timedelta
from types import FrameType

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.urls import reverse  # noqa: E402

from messaging import transports  # noqa: E402
from messaging.management.commands import run_sender  # noqa: E402
from smart.lib import clock  # noqa: E402


def send(name: str, ahead: timedelta) -> None:
    """A sender on a clock of its own, until it is killed."""
    clock.install(lambda: clock.machine() + ahead)
    call_command(run_sender.Command(), name)


def live_and_die(name: str, ahead: timedelta, seconds: float) -> None:
    """Fork a sender and kill it after so many seconds."""
    child = os.fork()
    if not child:
        try:
            send(name, ahead)
        finally:
            os._exit(1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise SystemExit("a sender ended by itself")


def main(name: str, ahead_seconds: str, kills: str, seed: str) -> None:
    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(1)

    signal.signal(signal.SIGTERM, end)
    reverse("messaging-receipt", args=[name, "1"])  # imports what senders would each import
    transports.make(transports.named(names={name})[0]).close()
    dice = random.Random(int(seed))
    for _ in range(int(kills)):
        live_and_die(name, timedelta(seconds=float(ahead_seconds)), dice.uniform(0.01, 0.13))


if __name__ == "__main__":
    main(*sys.argv[1:])
