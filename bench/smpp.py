"""Messages over SMPP to the npm SMSC on loopback, receipts included, as a ratio to a bare smpplib loop.

    python -m bench.smpp [--messages 20000] [--window 50] [--no-database]

All submit UCS-2 texts of one part through one bind with the same window to an SMSC process of their own, and have ended
when every receipt is acknowledged; they run in turns.

- bare smpplib (TCP_NODELAY as ours has it) keeps nothing;
- the transport alone takes messages from memory and keeps receipts there;
- the whole way takes service messages from the outbox: claim, gate, hand-over, names and marks stored, each receipt
  committed before it is acknowledged, then matched; it has ended when every message is "delivered" in the database.
"""

import argparse
import itertools
import logging
import os
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bench.messages import _at_noon, _fill
from bench.scratch import Scratch
from tests.peers.smsc import server

if TYPE_CHECKING:
    from messaging.channels.smpp.transport import SmppTransport

TEXT = "Чай «Алатау» -20% до 30 ноября, Абая 10"
BATCH = 500
BARE = "bare smpplib"


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--window", type=int, default=50)
    parser.add_argument("--no-database", action="store_true")
    options = parser.parse_args(argv)
    if reason := server.why_not():
        print(f"Not measured: {reason}.")
        return
    runs: dict[str, Callable[[int, int, int], float]] = {BARE: _bare, "the transport alone": _transport}
    with ExitStack() as stack:
        if options.no_database:
            _set_up()
        else:
            stack.enter_context(Scratch("smart_bench_smpp"))
            runs["the whole way"] = _prepare(options.messages)
        logging.disable(logging.INFO)
        _measure(runs, options.messages, options.window)


def _measure(runs: dict[str, Callable[[int, int, int], float]], count: int, window: int) -> None:
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for order in (list(runs), list(reversed(runs)), list(runs)):
        for name in order:
            with tempfile.TemporaryDirectory() as folder, server.Smsc(Path(folder), log=None) as smsc:
                rates[name].append(count / runs[name](smsc.port, count, window))
                print(f"{name}: {rates[name][-1]:,.0f} messages/s", flush=True)
    bare = statistics.mean(rates.pop(BARE))
    for name, each in rates.items():
        print(f"ratio of {name} to bare smpplib, window {window}: {statistics.mean(each) / bare:.2f}")


def _set_up() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smart.settings")
    import django

    django.setup()


def _bare(port: int, count: int, window: int) -> float:
    """Submit, read, acknowledge: nothing is kept, nothing is told apart, nothing is waited for but answers."""
    from smpplib import client

    peer = client.Client("127.0.0.1", port, allow_unknown_opt_params=True)
    answered, receipts = 0, 0

    def sent(pdu: object) -> None:
        nonlocal answered
        answered += 1

    def received(pdu: object) -> None:
        nonlocal receipts
        receipts += 1

    peer.set_message_sent_handler(sent)
    peer.set_message_received_handler(received)
    began = time.perf_counter()
    peer.connect()
    peer._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as ours has it
    peer.bind_transceiver(system_id="bench", password="bench")
    octets, written = TEXT.encode("utf-16-be"), 0
    valid_until = f"{datetime.now(UTC) + timedelta(hours=1):%y%m%d%H%M%S}000+"
    while answered < count or receipts < count:
        while written < count and written - answered < window:
            written += 1
            peer.send_message(
                source_addr_ton=5,
                source_addr="SMART",
                dest_addr_ton=1,
                dest_addr_npi=1,
                destination_addr="77010000001",
                data_coding=8,
                short_message=octets,
                registered_delivery=1,
                validity_period=valid_until,
            )
        peer.read_once()
    took = time.perf_counter() - began
    peer.unbind()
    peer.disconnect()
    return took


def _bind(port: int, window: int, **given: object) -> "SmppTransport":
    from messaging.channels.smpp.transport import SmppTransport

    transport = SmppTransport(
        {"name": "bench", "host": "127.0.0.1", "port": port, "system_id": "bench", "password": "bench",
         "source": "SMART", "window": window, "batch": BATCH},
        **given,
    )  # fmt: skip
    while not transport.health().is_up:
        time.sleep(0.001)
    return transport


def _transport(port: int, count: int, window: int) -> float:
    from messaging.channels.base import Outgoing, Verdict

    stored, everything = 0, threading.Event()

    def store(reports: list[object], *, now: datetime) -> int:
        nonlocal stored
        stored += len(reports)
        if stored >= count:
            everything.set()
        return len(reports)

    began = time.perf_counter()
    transport = _bind(port, window, store=store)
    now = datetime.now(UTC)
    for first in range(0, count, BATCH):
        batch = [
            Outgoing(
                message_id=number, month=now.date(), fence=1, number=1, subscriber_id=number, msisdn="77010000001",
                text=TEXT, language="ru", encoding="ucs2", segments=1, channel="sms", message_class="offer",
                kind="offer", gated_at=now, valid_until=now + timedelta(hours=1), deadline=time.monotonic() + 10,
            )
            for number in range(first, min(count, first + BATCH))
        ]  # fmt: skip
        outcomes = transport.hand_over(batch)
        assert all(outcome.verdict == Verdict.ACCEPTED for outcome in outcomes)
    assert everything.wait(30)
    took = time.perf_counter() - began
    transport.close()
    return took


def _prepare(count: int) -> Callable[[int, int, int], float]:
    """Members to write to; return what sends to them."""
    from core.lib import clock
    from messaging import outbox
    from smart.local.population import make_members

    _at_noon()
    outbox.make_partitions(now=clock.now())
    outbox.confirm_epoch(by="bench", reason="a scratch database", now=clock.now())
    make_members(count)
    turn = itertools.count(1)

    def whole(port: int, count: int, window: int) -> float:
        _fill(count, next(turn), "service")
        return _whole(port, count, window)

    return whole


def _whole(port: int, count: int, window: int) -> float:
    from core.lib import clock
    from messaging import receipts
    from messaging.models import Message
    from messaging.sending.sender import Sender

    undelivered = Message.objects.exclude(state="delivered")
    assert undelivered.count() == count
    transport = _bind(port, window)
    began = time.perf_counter()
    tally = Sender(transport, overlaps=True).run(until_idle=True)
    assert tally.handed == count
    while receipts.match(now=clock.now()) or undelivered.exists():
        pass
    took = time.perf_counter() - began
    transport.close()
    return took


if __name__ == "__main__":
    main()
