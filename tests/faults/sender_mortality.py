"""Starts a sender a hundred times and kills it with SIGKILL while it works. Run as a process by test_sender_killed.

Each sender is a fork of this warmed-up process that does what `manage.py run_sender` does, and tells when it claims: it
dies a moment after its first, second or third claim, however slow the machine is.
"""

import os
import random
import select
import signal
import sys
import time
from datetime import timedelta
from types import FrameType

import django

django.setup()

from django.core.management import call_command  # noqa: E402
from django.urls import reverse  # noqa: E402

from core.lib import clock  # noqa: E402
from messaging import sql  # noqa: E402
from messaging.management.commands import run_sender  # noqa: E402
from messaging.sending import transports  # noqa: E402

MOST_CLAIMS = 3
LONGEST_WAIT = 60.0  # seconds


def send(name: str, ahead: timedelta, claims: int) -> None:
    """A sender on a clock of its own, until it is killed; it writes a byte to `claims` before each claim."""
    clock.install(lambda: clock.machine() + ahead)
    next_fence = sql.next_fence

    def tell_and_claim() -> int:
        os.write(claims, b".")
        return next_fence()

    sql.next_fence = tell_and_claim
    call_command(run_sender.Command(), name)


def live_and_die(name: str, ahead: timedelta, dice: random.Random) -> None:
    """Fork a sender and kill it a moment after one of its first claims."""
    heard, told = os.pipe()
    child = os.fork()
    if not child:
        try:
            send(name, ahead, told)
        finally:
            os._exit(1)
    os.close(told)
    for _ in range(dice.randint(1, MOST_CLAIMS)):
        if not select.select([heard], [], [], LONGEST_WAIT)[0] or not os.read(heard, 1):
            break
    time.sleep(dice.uniform(0, 0.06))
    os.kill(child, signal.SIGKILL)
    os.close(heard)
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
        live_and_die(name, timedelta(seconds=float(ahead_seconds)), dice)


if __name__ == "__main__":
    main(*sys.argv[1:])
