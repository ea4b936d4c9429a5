"""The transport against an SMSC that behaves, and one that does not."""

import logging
import re
import socket
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from messaging.channels.base import Outgoing, Verdict
from messaging.channels.smpp import link, window, wire
from messaging.channels.smpp.handing import Batch, Handing
from messaging.channels.smpp.pdus import Address, parts_of
from messaging.channels.smpp.peer import Peer
from messaging.channels.smpp.submits import Submits
from messaging.channels.smpp.transport import SmppTransport
from messaging.models import Attempt, Message, NetworkId
from messaging.receipts import Report
from messaging.sending.sender import Sender
from smart.local import processes
from tests.messaging.conftest import make_member, noon, put
from tests.peers.smsc.server import Smsc

__all__ = ["make_member", "noon", "put"]
NUMBER = "77010000001"
VALID_UNTIL = datetime(2026, 11, 23, 15, 59, 30, 500_000, tzinfo=UTC)
TEXT = "Чай -20%"
LONG = "Чай «Алатау» " * 12  # three parts


class Store:
    """Where receipts go, instead of the database."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.lots: list[int] = []
        self.fails = 0
        self._changed = threading.Condition()

    def __call__(self, reports: list[Report], *, now: datetime) -> int:
        with self._changed:
            if self.fails:
                self.fails -= 1
                raise OperationalError("the database is away")
            self.reports += reports
            self.lots.append(len(reports))
            self._changed.notify_all()
        return len(reports)

    def wait_for(self, count: int) -> list[Report]:
        """The reports, when there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.reports) >= count, 60), len(self.reports)
            return list(self.reports)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "_FIRST_PAUSE", 0.05)


@pytest.fixture
def connect(store: Store) -> Iterator[Callable[..., SmppTransport]]:
    """Bind to an SMSC, or to whatever listens at a port; unbound at the end."""
    made: list[SmppTransport] = []

    def bind(port: int, *, waits: bool = True, **options: Any) -> SmppTransport:
        usual = {"name": "smsc", "kind": "smpp", "host": "127.0.0.1", "port": port, "system_id": "smart",
                 "password": "secret", "source": "SMART", "response_timeout_seconds": 2}  # fmt: skip
        made.append(SmppTransport(usual | options, store=store))
        if waits:
            assert up(made[-1])
        return made[-1]

    yield bind
    for transport in made:
        transport.close()


def up(transport: SmppTransport) -> bool:
    return processes.wait_until(lambda: transport.health().is_up, seconds=60)


def message(number: int = 1, text: str = TEXT, *, seconds: float = 10) -> Outgoing:
    return Outgoing(
        message_id=number, month=date(2026, 11, 1), fence=1, number=1, subscriber_id=number, msisdn=NUMBER, text=text,
        language="ru", encoding="ucs2", segments=1, channel="sms", message_class="offer", kind="offer",
        gated_at=VALID_UNTIL, valid_until=VALID_UNTIL, deadline=time.monotonic() + seconds,
    )  # fmt: skip


def messages(count: int, text: str = TEXT, *, seconds: float = 10) -> list[Outgoing]:
    return [message(number, text, seconds=seconds) for number in range(1, count + 1)]


def verdicts(outcomes: list[Any]) -> Counter[str]:
    return Counter(str(outcome.verdict) for outcome in outcomes)


def in_thread(transport: SmppTransport, batch: list[Outgoing]) -> Callable[[], list[Any]]:
    """Hand over beside; call the result for the outcomes."""
    outcomes: list[Any] = []
    thread = threading.Thread(target=lambda: outcomes.extend(transport.hand_over(batch)))
    thread.start()

    def join() -> list[Any]:
        thread.join(60)
        assert not thread.is_alive()
        return outcomes

    return join


class ByHand:
    """An SMSC that is answered for by the test: it takes binds and enquire_link, and keeps the numbers of submit_sm."""

    def __init__(self, listener: socket.socket) -> None:
        self.port: int = listener.getsockname()[1]
        self.submitted: list[int] = []
        self.heard: list[tuple[int, int, int]] = []  # command, status and number of everything else
        self.behind_bind = b""  # octets behind the body of the answer to a bind
        self.reads = threading.Event()
        self.reads.set()
        self._listener = listener
        self._peer = listener
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                self._peer, _ = self._listener.accept()
            except OSError:
                return
            with suppress(OSError), self._peer, self._peer.makefile("rb") as stream:
                while len(head := stream.read(16)) == 16:
                    length, command, status, sequence = struct.unpack(">IIII", head)
                    stream.read(length - 16)
                    if command == 0x04:
                        self.submitted.append(sequence)
                        self.reads.wait(10)
                        continue
                    self.heard.append((command, status, sequence))
                    if not command & 0x80000000:
                        self.answer(
                            sequence,
                            command=command,
                            body=b"smsc\0" + self.behind_bind if command == 0x09 else b"",
                        )

    def answer(self, sequence: int, status: int = 0, *, command: int = 0x04, body: bytes = b"") -> None:
        """Answer a PDU."""
        self.say(command | 0x80000000, sequence, body, status=status)

    def say(self, command: int, sequence: int, body: bytes, *, status: int = 0) -> None:
        """Write any PDU."""
        self._peer.sendall(struct.pack(">IIII", 16 + len(body), command, status, sequence) + body)

    def close(self) -> None:
        """End it."""
        self.reads.set()
        for each in (self._listener, self._peer):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._thread.join()


@pytest.fixture
def by_hand() -> Iterator[ByHand]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        smsc = ByHand(listener)
        yield smsc
        smsc.close()


# An SMSC that behaves


def test_it_takes_a_message_and_reports_it(start_smsc, connect, store):
    smsc = start_smsc()
    transport = connect(smsc.port)

    (outcome,) = transport.hand_over([message(513)])

    (row,) = smsc.log()
    assert (outcome.verdict, outcome.network_ids) == (Verdict.ACCEPTED, (row["id"],))
    assert (row["source"], row["source_ton"], row["text"], row["data_coding"]) == ("SMART", 5, TEXT, 8)
    assert (row["validity"], row["reference"], row["registered_delivery"]) == ("261123155930000+", 513, 1)
    (report,) = store.wait_for(1)
    assert (report.transport, report.network_id, report.status) == ("smsc", row["id"], "delivered")
    smsc.wait_for("acknowledged", status=0)


@pytest.mark.parametrize("text", ["€ [x] {y} ~|^\\ §_@£", "Ä é Ω Δ à"], ids=["extension", "national"])
def test_gsm7_as_another_implementation_reads_it(start_smsc, connect, text):
    smsc = start_smsc()

    connect(smsc.port).hand_over([message(text=text)])

    assert [(row["text"], row["data_coding"]) for row in smsc.log()] == [(text, 0)]


@pytest.mark.parametrize("text", [LONG, "Tea " * 100, "😀" * 80], ids=["cyrillic", "gsm7", "pairs"])
def test_long_texts_come_whole_in_parts(start_smsc, connect, text):
    smsc = start_smsc()

    (outcome,) = connect(smsc.port).hand_over([message(7, text)])

    rows = sorted(smsc.log(), key=lambda row: row["part"][1])
    assert "".join(row["text"] for row in rows) == text
    assert [row["part"] for row in rows] == [[7, number, len(rows)] for number in range(1, len(rows) + 1)]
    assert outcome.network_ids == tuple(row["id"] for row in rows)


def test_a_long_text_in_one_payload(start_smsc, connect):
    smsc = start_smsc()

    (outcome,) = connect(smsc.port, segmentation="message_payload").hand_over([message(7, LONG)])

    assert [row["text"] for row in smsc.log()] == [LONG]
    assert len(outcome.network_ids) == 1


def test_two_binds(start_smsc, connect, store):
    smsc = start_smsc()
    transport = connect(smsc.port, bind="tx_rx")

    outcomes = transport.hand_over(messages(20))

    assert verdicts(outcomes) == {"accepted": 20}
    assert len(store.wait_for(20)) == 20


def test_the_window_is_never_exceeded_and_everything_leaves(start_smsc, connect):
    smsc = start_smsc(hold=True)
    transport = connect(smsc.port, window=4)
    join = in_thread(transport, messages(10))

    assert processes.wait_until(lambda: len(smsc.log()) == 4, seconds=60)
    assert transport.health().in_flight == 4
    smsc.command(set={"hold": False}, release=True)

    assert verdicts(join()) == {"accepted": 10}


def test_a_rate_is_kept_within_a_batch(start_smsc, connect):
    smsc = start_smsc()
    transport = connect(smsc.port, rate=100)
    began = time.monotonic()

    outcomes = transport.hand_over(messages(50))

    assert verdicts(outcomes) == {"accepted": 50}
    assert time.monotonic() - began > 0.3  # a burst of 10, then 100 a second


def test_enquire_link_both_ways(start_smsc, connect):
    smsc = start_smsc()
    connect(smsc.port, enquire_link_seconds=0.1)

    smsc.wait_for("enquired")
    smsc.command(enquire=True)
    smsc.wait_for("alive")


def test_it_says_goodbye(start_smsc, connect):
    smsc = start_smsc()
    transport = connect(smsc.port)

    transport.close()

    smsc.wait_for("unbound", by="client")
    assert [outcome.verdict for outcome in transport.hand_over([message()])] == [Verdict.NOT_HANDED]


def test_query(start_smsc, connect):
    smsc = start_smsc(receipts="never", receipt_state="UNDELIV")
    transport = connect(smsc.port)
    (outcome,) = transport.hand_over([message()])

    assert transport.query(outcome.network_ids[0]) == "undelivered"
    assert transport.query("nobody") is None
    assert transport.query("") is None


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, str]:
    """A key and a certificate for 127.0.0.1, of no authority."""
    key, cert = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    try:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
             "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, capture_output=True,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("no openssl here")
    return key, cert


def test_tls(start_smsc, connect, store, certificate):
    key, cert = certificate
    smsc = start_smsc(key=key, cert=cert)
    transport = connect(smsc.port, tls=True, ca_file=cert)

    assert verdicts(transport.hand_over(messages(300))) == {"accepted": 300}
    assert len(store.wait_for(300)) == 300


def test_tls_refuses_a_stranger(start_smsc, connect, certificate):
    key, cert = certificate
    smsc = start_smsc(key=key, cert=cert)
    transport = connect(smsc.port, tls=True, waits=False)

    assert processes.wait_until(lambda: "Cert" in transport.health().last_error, seconds=60)
    assert not transport.health().is_up


# Receipts


@pytest.mark.parametrize("receipt_format", ["tlv", "text"])
@pytest.mark.parametrize(("receipts", "times"), [("early", 1), ("after", 1), ("twice", 2)])
def test_receipts_early_late_and_twice(start_smsc, connect, store, receipt_format, receipts, times):
    smsc = start_smsc(receipts=receipts, receipt_format=receipt_format, receipt_state="UNDELIV")

    outcomes = connect(smsc.port).hand_over(messages(5))

    reports = store.wait_for(5 * times)
    assert Counter(report.network_id for report in reports) == Counter(
        {outcome.network_ids[0]: times for outcome in outcomes}
    )
    assert {report.status for report in reports} == {"undelivered"}
    assert not any(NUMBER in report.raw for report in reports)


def test_receipts_for_unknown_ids_are_kept_and_receipts_that_never_come_hinder_nothing(start_smsc, connect, store):
    smsc = start_smsc(receipts="unknown")
    transport = connect(smsc.port)
    transport.hand_over([message()])
    store.wait_for(1)
    smsc.command(set={"receipts": "never"})

    assert verdicts(transport.hand_over(messages(3))) == {"accepted": 3}


def test_a_receipt_is_acknowledged_only_when_it_is_stored(start_smsc, connect, store):
    smsc = start_smsc()
    store.fails = 1
    transport = connect(smsc.port)

    transport.hand_over([message()])

    smsc.wait_for("acknowledged", status=0x64)
    assert len(store.wait_for(1)) == 1  # the SMSC brought it again
    smsc.wait_for("acknowledged", status=0)
    assert transport.health().last_error == ""


def test_receipts_that_wait_are_stored_together(start_smsc, connect, store):
    smsc = start_smsc(receipts="early")

    connect(smsc.port).hand_over(messages(1000))

    store.wait_for(1000)
    assert len(store.lots) < 1000


def test_a_subscribers_message_is_acknowledged_but_is_no_receipt(start_smsc, connect, store):
    smsc = start_smsc()
    transport = connect(smsc.port)

    smsc.command(
        deliver={"source_addr": NUMBER, "destination_addr": "555", "short_message": "id:1 stat:DELIVRD err:000"}
    )

    smsc.command(deliver={"esm_class": 4, "short_message": "id:2 stat:DELIVRD err:000"})
    assert [report.network_id for report in store.wait_for(1)] == ["2"]
    assert transport._keeper.from_subscribers == 1


# An SMSC that does not behave


@pytest.mark.parametrize(
    ("status", "verdict", "error"),
    [
        (0x58, Verdict.RETRY, "smpp:0x58"),
        (0x14, Verdict.RETRY, "smpp:0x14"),
        (0x0B, Verdict.REJECTED, "smpp:0x0b"),
        (0x08, Verdict.REJECTED, "smpp:0x08"),
        (0x400, Verdict.REJECTED, "smpp:0x400"),
    ],
    ids=["throttled", "queue-full", "no-such-number", "system-error", "the-vendors-own"],
)
def test_refusals(start_smsc, connect, status, verdict, error):
    smsc = start_smsc(statuses=[status])

    (outcome,) = connect(smsc.port).hand_over([message()])

    assert (outcome.verdict, outcome.error) == (verdict, error)
    assert (outcome.retry_after > 0) == (verdict == Verdict.RETRY)
    assert smsc.log() == []


def test_throttling_slows_the_whole_bind_and_what_is_left_is_not_handed(start_smsc, connect):
    smsc = start_smsc(statuses=[0x58])
    transport = connect(smsc.port, window=5, throttle_pause_seconds=30)

    outcomes = transport.hand_over(messages(20, seconds=0.3))

    assert verdicts(outcomes) == {"retry": 1, "accepted": 4, "not_handed": 15}
    assert transport.health().last_error == "slowed"


def test_throttling_of_a_third_loses_nothing(start_smsc, connect):
    smsc = start_smsc(throttle=0.3, seed=5)
    transport = connect(smsc.port, rate=1000, throttle_pause_seconds=0.01)
    waiting = {m.message_id: m for m in messages(300, seconds=2)}
    accepted: list[int] = []
    while waiting:
        outcomes = transport.hand_over(list(waiting.values()))
        for outcome in outcomes:
            assert outcome.verdict in (Verdict.ACCEPTED, Verdict.RETRY, Verdict.NOT_HANDED)
            if outcome.verdict == Verdict.ACCEPTED:
                accepted.append(outcome.message.message_id)
                del waiting[outcome.message.message_id]
        waiting = {number: message(number, seconds=2) for number in waiting}

    assert Counter(row["reference"] for row in smsc.log()) == Counter(accepted)
    assert len(accepted) == 300


def test_a_later_part_that_is_throttled_goes_again_alone(start_smsc, connect):
    smsc = start_smsc(statuses=[0, 0x58])

    (outcome,) = connect(smsc.port, throttle_pause_seconds=0.05).hand_over([message(1, LONG)])

    assert outcome.verdict == Verdict.ACCEPTED
    assert sorted(row["part"][1] for row in smsc.log()) == [1, 2, 3]


def test_a_part_that_finds_no_room_in_time_leaves_its_message_uncertain(start_smsc, connect):
    smsc = start_smsc(statuses=[0, 0x58, 0x58])

    (outcome,) = connect(smsc.port, throttle_pause_seconds=30).hand_over([message(1, LONG, seconds=0.3)])

    assert (outcome.verdict, outcome.network_ids) == (Verdict.UNCERTAIN, ())


def test_a_first_part_refused_is_all_that_leaves(start_smsc, connect):
    smsc = start_smsc(statuses=[0x0B])

    (outcome,) = connect(smsc.port).hand_over([message(1, LONG)])

    assert (outcome.verdict, smsc.log()) == (Verdict.REJECTED, [])


def test_a_connection_cut_after_taking(start_smsc, connect):
    smsc = start_smsc(drop_after=10)
    transport = connect(smsc.port, window=3)

    outcomes = transport.hand_over(messages(30))

    counted = verdicts(outcomes)
    taken = {row["reference"] for row in smsc.log()}
    assert counted["accepted"] == 9
    assert 1 <= counted["uncertain"] <= 3
    for outcome in outcomes:
        if outcome.verdict == Verdict.NOT_HANDED:
            assert outcome.message.message_id not in taken
    assert up(transport)
    assert verdicts(transport.hand_over(messages(5))) == {"accepted": 5}


def test_garbage_ends_the_connection_and_it_comes_back(start_smsc, connect):
    smsc = start_smsc()
    transport = connect(smsc.port)
    for garbage in ("00000003", "ffffffff", "0000001012345678", "deadbeef" * 16, "47455420"):
        smsc.command(garbage=garbage)
        smsc.wait_for("bind", status=0)
        assert up(transport)

    assert verdicts(transport.hand_over(messages(3))) == {"accepted": 3}


_RECEIPT = struct.pack(">HH", 0x1E, 4) + b"one\0" + struct.pack(">HHB", 0x427, 1, 2)
_DELIVER = b"\0\1\x0177010000001\0\5\0SMART\0\4\0\0\0\0\0\0\0\0\0"


@pytest.mark.parametrize(
    ("command", "body", "answered"),
    [
        (0x05, _DELIVER + _RECEIPT + b"\0", (0x80000005, 0)),
        (0x05, _DELIVER + b"\0" + _RECEIPT, (0x80000005, 0)),
        (0x05, _DELIVER + _RECEIPT + b"\4\x24\0\x09cut", (0x80000005, 0)),
        (0x05, b"no end", (0x80000005, 0)),
        (0x15, b"what for", (0x80000015, 0)),
        (0x103, b"data", (0x80000000, 3)),
        (0x10201, b"a vendor's", (0x80000000, 3)),
    ],
    ids=["a-nul-behind", "a-nul-before-parameters", "cut-parameter", "no-nul", "enquire-link", "data-sm", "unknown"],
)
def test_a_body_that_is_not_what_it_should_be_is_answered_and_the_bind_goes_on(
    by_hand, connect, store, command, body, answered
):
    by_hand.behind_bind = b"\0\0\x02\x10\0"
    transport = connect(by_hand.port)

    by_hand.say(command, 77, body)

    assert processes.wait_until(lambda: (*answered, 77) in by_hand.heard, seconds=60)
    join = in_thread(transport, [message()])
    assert processes.wait_until(lambda: by_hand.submitted, seconds=60)
    by_hand.answer(by_hand.submitted[0], body=b"one\0\0")
    (outcome,) = join()
    assert (outcome.verdict, outcome.network_ids) == (Verdict.ACCEPTED, ("one",))
    assert transport._link.generation == 1  # the same connection all along
    expected = [("one", "delivered")] if _RECEIPT in body else []
    assert [(report.network_id, report.status) for report in store.reports] == expected


def test_noise_for_an_answer(start_smsc, connect):
    smsc = start_smsc(garbage_after=1)
    transport = connect(smsc.port)

    (outcome,) = transport.hand_over([message()])

    assert outcome.verdict == Verdict.UNCERTAIN
    assert len(smsc.log()) == 1


def test_a_black_hole_takes_a_window_at_most(start_smsc, connect):
    smsc = start_smsc()
    transport = connect(smsc.port, window=5, response_timeout_seconds=0.3)
    smsc.command(set={"is_silent": True})

    outcomes = transport.hand_over(messages(50))

    assert verdicts(outcomes) == {"uncertain": 5, "not_handed": 45}
    smsc.command(set={"is_silent": False})
    assert up(transport)
    assert verdicts(transport.hand_over(messages(5))) == {"accepted": 5}


def test_an_smsc_that_is_slower_than_we_are_patient(start_smsc, connect):
    smsc = start_smsc(response_ms=600)
    transport = connect(smsc.port, response_timeout_seconds=0.3)

    (outcome,) = transport.hand_over([message()])

    assert (outcome.verdict, outcome.error) == (Verdict.UNCERTAIN, "no_answer_from_smsc")
    assert len(smsc.log()) == 1


def late(transport: SmppTransport, count: int = 1) -> list[Any]:
    """So many late outcomes, as they come."""
    found: list[Any] = []
    assert processes.wait_until(lambda: (found.extend(transport.late()), len(found) >= count)[1], seconds=60), found
    return found


def test_an_answer_after_we_gave_up_is_told_late_and_once(start_smsc, connect):
    smsc = start_smsc(response_ms=600)
    transport = connect(smsc.port, response_timeout_seconds=0.3)
    (first,) = transport.hand_over([message(7)])

    (outcome,) = late(transport)

    assert (first.verdict, first.network_ids) == (Verdict.UNCERTAIN, ())
    assert (outcome.verdict, outcome.message, outcome.network_ids) == (
        Verdict.ACCEPTED, first.message, (smsc.log()[0]["id"],),
    )  # fmt: skip
    assert transport.late() == []


@pytest.mark.parametrize("status", [0x58, 0x0B], ids=["throttled", "no-such-number"])
def test_a_refusal_after_we_gave_up_is_told_late(by_hand, connect, status):
    transport = connect(by_hand.port, response_timeout_seconds=0.3)
    (first,) = transport.hand_over([message()])

    by_hand.answer(by_hand.submitted[0], status)

    (outcome,) = late(transport)
    assert first.verdict == Verdict.UNCERTAIN
    assert (outcome.verdict, outcome.network_ids, outcome.error) == (Verdict.REJECTED, (), f"late:smpp:{status:#04x}")


def test_a_long_text_is_late_when_its_last_part_is_and_names_what_was_not_named(by_hand, connect):
    transport = connect(by_hand.port, response_timeout_seconds=0.5)
    join = in_thread(transport, [message(text=LONG)])
    for part, body in enumerate([b"one\0", b"two\0"]):
        assert processes.wait_until(lambda part=part: len(by_hand.submitted) > part, seconds=60)
        by_hand.answer(by_hand.submitted[part], body=body)
    (first,) = join()

    by_hand.answer(by_hand.submitted[2], body=b"three\0")

    (outcome,) = late(transport)
    assert (first.verdict, first.network_ids) == (Verdict.UNCERTAIN, ("one", "two"))
    assert (outcome.verdict, outcome.network_ids) == (Verdict.ACCEPTED, ("three",))


def test_a_long_text_of_which_the_rest_never_left_is_never_late(by_hand, connect):
    transport = connect(by_hand.port, response_timeout_seconds=0.3)
    transport.hand_over([message(1, LONG)])  # its first part is not answered in time

    by_hand.answer(by_hand.submitted[0], body=b"one\0")
    by_hand.answer(by_hand.submitted[0], body=b"one\0")

    join = in_thread(transport, [message(2)])
    assert processes.wait_until(lambda: len(by_hand.submitted) == 2, seconds=60)
    by_hand.answer(by_hand.submitted[1], body=b"two\0")
    assert verdicts(join()) == {"accepted": 1}
    assert transport.late() == []


@pytest.mark.parametrize(
    ("limit", "value"), [("_MOST_REMEMBERED", 0), ("_REMEMBERED_SECONDS", 0.0)], ids=["count", "age"]
)
def test_what_was_given_up_is_not_remembered_for_ever(by_hand, connect, monkeypatch, limit, value):
    monkeypatch.setattr(window, limit, value)
    transport = connect(by_hand.port, response_timeout_seconds=0.3)
    transport.hand_over([message(1)])

    by_hand.answer(by_hand.submitted[0], body=b"one\0")

    transport.hand_over([message(2)])
    assert transport.late() == []


def test_an_answer_of_another_connection_is_none_of_ours(by_hand, connect):
    transport = connect(by_hand.port, response_timeout_seconds=0.3)
    transport.hand_over([message(1)])
    by_hand._peer.shutdown(socket.SHUT_RDWR)
    assert processes.wait_until(lambda: transport._link.generation == 2 and up(transport), seconds=60)

    by_hand.answer(by_hand.submitted[0], body=b"one\0")

    transport.hand_over([message(2)])
    assert transport.late() == []


@pytest.mark.django_db(transaction=True)
def test_a_late_answer_names_the_message_so_that_its_receipt_finds_it(noon, make_member, put, by_hand, connect):
    transport = connect(by_hand.port, response_timeout_seconds=0.3)
    sender = Sender(transport)
    put(make_member())
    sender.step()
    unknown = Message.objects.get()

    by_hand.answer(by_hand.submitted[0], body=b"one\0")

    assert unknown.state == "unknown"
    assert processes.wait_until(lambda: (sender.step(), Message.objects.get().state == "submitted")[1], seconds=60)
    submitted = Message.objects.get()
    assert NetworkId.objects.get(network_id="one").message_id == submitted.pk
    assert Attempt.objects.get().outcome == "accepted"


@pytest.mark.django_db(transaction=True)
def test_a_late_refusal_is_recorded_and_repeats_no_offer(noon, make_member, put, by_hand, connect):
    transport = connect(by_hand.port, response_timeout_seconds=0.3)
    sender = Sender(transport)
    put(make_member())
    sender.step()

    by_hand.answer(by_hand.submitted[0], 0x58)

    refused = Attempt.objects.filter(outcome="rejected", error="late:smpp:0x58")
    assert processes.wait_until(lambda: (sender.step(), refused.exists())[1], seconds=60)
    assert Message.objects.get().state == "unknown"
    assert len(by_hand.submitted) == 1


def test_an_answer_to_one_part_after_another_found_no_room_breaks_nothing(by_hand, connect):
    transport = connect(by_hand.port, throttle_pause_seconds=30)
    join = in_thread(transport, [message(text=LONG, seconds=0.5)])
    assert processes.wait_until(lambda: len(by_hand.submitted) == 1, seconds=60)
    by_hand.answer(by_hand.submitted[0], body=b"one\0")
    assert processes.wait_until(lambda: len(by_hand.submitted) == 3, seconds=60)
    by_hand.answer(by_hand.submitted[2], 0x58)
    (outcome,) = join()

    by_hand.answer(by_hand.submitted[1], body=b"two\0")

    assert (outcome.verdict, outcome.network_ids) == (Verdict.UNCERTAIN, ())
    assert processes.wait_until(lambda: transport.health().in_flight == 0, seconds=60)
    assert not processes.wait_until(lambda: transport._link.generation != 1, seconds=0.3)
    assert transport.late() == []


def test_an_smsc_that_stops_reading_costs_no_time_and_what_was_not_written_is_not_handed(by_hand, connect):
    transport = connect(by_hand.port, window=100_000, response_timeout_seconds=5, segmentation="message_payload")
    by_hand.reads.clear()
    batch = messages(8000, "Чай «Алатау» " * 70, seconds=2)
    began, worked = time.monotonic(), time.process_time()
    join = in_thread(transport, batch)
    assert processes.wait_until(lambda: transport.health().in_flight > 10, seconds=60)
    time.sleep(1.5)

    assert time.process_time() - worked < 0.7 * (time.monotonic() - began)
    by_hand.close()
    counted = verdicts(join())
    assert counted["not_handed"] > 1000
    assert counted["uncertain"] == 8000 - counted["not_handed"]


def test_a_socket_that_takes_nothing_is_not_tried_over_and_over(monkeypatch):
    class Full:
        tries = 0

        def send(self, octets: bytes) -> int:
            self.tries += 1
            assert self.tries < 10
            raise BlockingIOError

    full = Full()
    monkeypatch.setattr(wire, "_open", lambda peer: full)
    peer = Peer("smsc", "127.0.0.1", 1, "smart", Address("SMART", 5, 0))
    one = message()
    handing = Handing(Batch([one]), 0, one, parts_of(TEXT, reference=1, segmentation="udh"), "", [""])
    submits = Submits(peer, late=lambda outcome: None)
    submits.waiting.put(handing)

    submits.write(wire.Wire(peer))

    assert full.tries == 1
    assert (len(submits.waiting), submits.window.in_flight, handing.is_settled) == (1, 0, False)


def test_nothing_is_written_after_its_deadline(start_smsc, connect):
    smsc = start_smsc()
    transport = connect(smsc.port)

    outcomes = transport.hand_over(messages(20, seconds=-0.001))

    assert verdicts(outcomes) == {"not_handed": 20}
    assert smsc.log() == []


def test_an_smsc_that_unbinds_is_bound_again(start_smsc, connect):
    smsc = start_smsc()
    transport = connect(smsc.port)

    smsc.command(unbind=True)

    smsc.wait_for("bind", status=0)
    assert up(transport)


def test_a_wrong_password_is_told_and_tried_again(start_smsc, connect):
    smsc = start_smsc(password="another")
    transport = connect(smsc.port, waits=False)
    smsc.wait_for("bind", status=0x0E)

    assert processes.wait_until(lambda: transport.health().last_error == "bind:0x0e", seconds=60)
    assert transport.hand_over([message()])[0].verdict == Verdict.NOT_HANDED
    smsc.command(set={"password": "secret"})
    assert up(transport)


def test_nobody_there(connect):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # does not listen
        transport = connect(taken.getsockname()[1], waits=False)

        assert transport.hand_over([message()])[0].verdict == Verdict.NOT_HANDED
        assert processes.wait_until(lambda: transport.health().last_error == "ConnectionRefusedError", seconds=60)


def test_a_peer_that_reads_nothing_is_given_up(connect):
    with socket.create_server(("127.0.0.1", 0)) as server:
        transport = connect(server.getsockname()[1], waits=False, response_timeout_seconds=0.3)

        assert processes.wait_until(lambda: transport.health().last_error == "bind_timeout", seconds=60)


def test_no_number_no_text_and_no_password_in_a_log(start_smsc, connect, caplog):
    caplog.set_level(logging.DEBUG)
    smsc = start_smsc(drop_after=2, statuses=[0x0B])
    transport = connect(smsc.port)

    transport.hand_over(messages(5, "Tea 4 you"))
    assert up(transport)
    smsc.command(garbage="00000003" + NUMBER.encode().hex())
    smsc.wait_for("bind", status=0)

    said = caplog.text + repr(transport) + repr(transport._peer) + repr(transport.health())
    assert "has ended" in said
    for secret in (NUMBER, NUMBER.encode().hex(), "Tea 4", "secret", b"secret".hex()):
        assert not re.search(secret, said)


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "longer than eight"}, {"password": ""}, {"source": "МАГНУМ"}, {"source": "TWELVE-CHARS"},
        {"bind": "both"}, {"segmentation": "sar"}, {"window": 0}, {"rate": -1}, {"host": ""},
    ],
    ids=lambda wrong: next(iter(wrong)),
)  # fmt: skip
def test_options_that_cannot_be_are_refused_by_name(wrong):
    options = {"name": "smsc", "host": "127.0.0.1", "port": 1, "system_id": "a", "password": "secret", "source": "S"}

    with pytest.raises(ImproperlyConfigured) as caught:
        SmppTransport(options | wrong)

    assert "secret" not in str(caught.value)
    assert "longer than eight" not in str(caught.value)


def test_a_batch_of_nothing(start_smsc, connect):
    assert connect(start_smsc().port).hand_over([]) == []


def test_the_smscs_end_is_not_ours(start_smsc, connect):
    smsc: Smsc = start_smsc(hold=True)
    transport = connect(smsc.port)
    join = in_thread(transport, messages(3, seconds=5))
    assert processes.wait_until(lambda: len(smsc.log()) == 3, seconds=60)

    smsc.kill()

    assert verdicts(join()) == {"uncertain": 3}
