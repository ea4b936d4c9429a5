"""Messages over SMPP to the npm SMSC on loopback, receipts included, as a ratio to a bare smpplib loop.

    python -m bench.smpp [--messages 20000] [--window 50]

Both submit the same UCS-2 texts through one bind with the same window to an SMSC process of their own, and have ended
when every receipt is acknowledged; they run in turns. Receipts are kept in memory here: what storing them costs is
measured with the database (bench.messages).
"""

import argparse
import logging
import os
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.peers.smsc import server

TEXT = "Чай «Алатау» -20% до 30 ноября, Абая 10"
BATCH = 500


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--window", type=int, default=50)
    options = parser.parse_args(argv)
    if reason := server.why_not():
        print(f"Not measured: {reason}.")
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smart.settings")
    import django

    django.setup()
    logging.disable(logging.INFO)
    runs: dict[str, Callable[[int, int, int], None]] = {"bare smpplib": _bare, "SMART": _ours}
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for order in (list(runs), list(reversed(runs)), list(runs)):
        for name in order:
            with tempfile.TemporaryDirectory() as folder, server.Smsc(Path(folder), log=None) as smsc:
                began = time.perf_counter()
                runs[name](smsc.port, options.messages, options.window)
                rates[name].append(options.messages / (time.perf_counter() - began))
                print(f"{name}: {rates[name][-1]:,.0f} messages/s", flush=True)
    bare, ours = (statistics.mean(rates[name]) for name in runs)
    print(f"ratio to bare smpplib, window {options.window}: {ours / bare:.2f}")


def _bare(port: int, count: int, window: int) -> None:
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
    peer.unbind()
    peer.disconnect()


def _ours(port: int, count: int, window: int) -> None:
    from messaging.channels.base import Outgoing, Verdict
    from messaging.channels.smpp import SmppTransport

    stored, everything = 0, threading.Event()

    def store(reports: list[object], *, now: datetime) -> int:
        nonlocal stored
        stored += len(reports)
        if stored >= count:
            everything.set()
        return len(reports)

    transport = SmppTransport(
        {"name": "bench", "host": "127.0.0.1", "port": port, "system_id": "bench", "password": "bench",
         "source": "SMART", "window": window},
        store=store,
    )  # fmt: skip
    while not transport.health().is_up:
        time.sleep(0.001)
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
    transport.close()


if __name__ == "__main__":
    main()
