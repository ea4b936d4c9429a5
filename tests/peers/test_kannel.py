"""Debian's Kannel as it is, its two processes between us and an SMSC: a text arrives whole, its receipt comes back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.lib import clock
from core.lib.http.client import HttpClient
from messaging import outbox
from messaging.channels.base import Outcome, Verdict
from messaging.channels.kannel.transport import KannelTransport
from messaging.models import Receipt
from smart.local import embedded, processes
from smart.local.bootstrap import find
from tests.messaging.gateways import outgoing
from tests.peers import small_smsc
from tests.peers.small_smsc import SmallSmsc

PROGRAMS = {name: find(name) for name in ("bearerbox", "smsbox")}
TEXT = (
    "Құрметті Әйгерім! «Достар» дүкенінде бүгін барлық шайға −20 % жеңілдік: Абай даңғылы, 10 үй. "
    "Ұсыныс 21:00-ге дейін. Шығу үшін *555*2# теріңіз & рақмет + сәлем 👋"
)
CONFIG = """
group = core
admin-port = {admin}
admin-interface = "127.0.0.1"
admin-password = geheim
smsbox-port = {boxes}
smsbox-interface = "127.0.0.1"
box-allow-ip = "127.0.0.1"
dlr-storage = internal

group = smsc
smsc = smpp
smsc-id = peer
host = 127.0.0.1
port = {smsc}
transceiver-mode = true
smsc-username = smart
smsc-password = geheim
system-type = ""
reconnect-delay = 1

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = {sendsms}
sendsms-interface = "127.0.0.1"
http-request-retry = 3
http-queue-delay = 1

group = sendsms-user
username = smart
password = geheim
max-messages = 10
concatenation = true

group = sms-service
keyword = default
text = "No service"
"""

pytestmark = [
    pytest.mark.skipif(None in PROGRAMS.values(), reason="no Kannel on this machine"),
    pytest.mark.machine_clock,  # Kannel computes the validity of a message by it
    pytest.mark.django_db(transaction=True),
]


@dataclass(frozen=True)
class Kannel:
    """A running Kannel and the SMSC behind it."""

    url: str
    smsc: SmallSmsc


@pytest.fixture(scope="module")
def kannel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kannel]:
    """Bearerbox and smsbox on loopback ports, bound to the SMSC."""
    folder = tmp_path_factory.mktemp("kannel")
    with small_smsc.serve() as smsc:
        ports = {name: embedded.free_port() for name in ("admin", "boxes", "sendsms")}
        config = folder / "kannel.conf"
        config.write_text(CONFIG.format(smsc=smsc.port, **ports))
        running = []
        try:
            for program, port in (("bearerbox", ports["boxes"]), ("smsbox", ports["sendsms"])):
                running.append(start(program, config, port))
            assert smsc.bound.wait(20), "bearerbox did not bind"
            yield Kannel(f"http://127.0.0.1:{ports['sendsms']}/cgi-bin/sendsms", smsc)
        finally:
            processes.stop_all(running[::-1], seconds=10)


def start(program: str, config: Path, port: int) -> Any:
    """Start one of the two and wait until it listens."""
    path, log = PROGRAMS[program], config.parent / f"{program}.log"
    assert path
    process = processes.spawn([path, "-v", "1", str(config)], log=log, cwd=config.parent)
    listens = processes.wait_until(HttpClient(f"http://127.0.0.1:{port}").probe, seconds=20)
    assert listens, f"{program}: {processes.last_line(log)}"
    return process


@pytest.fixture
def send(kannel: Kannel, live_server: Any) -> Iterator[Callable[..., Outcome]]:
    """Hand a message to Kannel, its receipts coming back to the running platform."""
    outbox.make_partitions(now=clock.now())
    kannel.smsc.submitted.clear()
    kannel.smsc.refuse_with = 0
    made: list[KannelTransport] = []

    def hand_over(method: str = "post", password: str = "geheim", **fields: Any) -> Outcome:
        options = {"name": "kannel-1", "url": kannel.url, "username": "smart", "password": password, "sender": "SMART"}
        made.append(KannelTransport(options | {"method": method, "callback_url": live_server.url}))
        (outcome,) = made[-1].hand_over([outgoing(**fields)])
        return outcome

    yield hand_over
    for transport in made:
        transport.close()


def receipts(status: str) -> list[Receipt]:
    """The receipts of that status, when one has come."""
    assert processes.wait_until(Receipt.objects.filter(status=status).exists, seconds=60), f"nothing is {status}"
    return list(Receipt.objects.filter(status=status))


@pytest.mark.parametrize("method", ["post", "get"])
def test_a_kazakh_text_arrives_whole_and_its_receipt_comes_back(
    kannel: Kannel, send: Callable[..., Outcome], method: str
) -> None:
    until = clock.now() + timedelta(hours=2)

    outcome = send(method, text=TEXT, valid_until=until)
    (receipt,) = receipts("delivered")
    assert processes.wait_until(lambda: len(kannel.smsc.submitted) == 3, seconds=60)  # the receipt is of the first part

    parts = sorted(kannel.smsc.submitted, key=lambda submitted: submitted.part)
    assert outcome.verdict == Verdict.ACCEPTED
    assert [part.part for part in parts] == [(1, 3), (2, 3), (3, 3)]
    assert b"".join(part.short_message[6:] for part in parts).decode("utf-16-be") == TEXT
    assert {(part.source, part.destination) for part in parts} == {("SMART", "77010000001")}
    assert (receipt.message_id, receipt.message_month, receipt.transport) == (4211, outgoing().month, "kannel-1")
    assert "stat:DELIVRD" in receipt.raw
    assert "7010000001" not in receipt.raw


def test_the_network_is_told_until_when_as_an_instant_inside_the_validity(
    kannel: Kannel, send: Callable[..., Outcome]
) -> None:
    until = clock.now() + timedelta(hours=2)

    send(text="Сәлем", valid_until=until)
    receipts("delivered")

    (submitted,) = kannel.smsc.submitted
    earliest, latest = (f"{instant:%y%m%d%H%M%S}000+" for instant in (until - timedelta(minutes=2), until))
    assert submitted.text == "Сәлем"
    assert earliest <= submitted.validity_period <= latest


def test_latin_text_travels_in_the_gsm_alphabet(kannel: Kannel, send: Callable[..., Outcome]) -> None:
    send(text="Tea [-20%] 50+50 & more @ 5€", encoding="gsm7")
    receipts("delivered")

    (submitted,) = kannel.smsc.submitted
    assert submitted.data_coding == 0
    assert submitted.short_message == b"Tea \x1b<-20%\x1b> 50+50 & more \x00 5\x1be"


def test_what_the_smsc_refuses_is_reported_as_undelivered(kannel: Kannel, send: Callable[..., Outcome]) -> None:
    kannel.smsc.refuse_with = 0x0B  # invalid destination

    send(text="Сәлем")
    (receipt,) = receipts("undelivered")

    assert receipt.message_id == 4211
    assert receipt.error.startswith("NACK/")


def test_a_wrong_password_is_ours_to_mend_and_costs_no_message(kannel: Kannel, send: Callable[..., Outcome]) -> None:
    outcome = send(password="wrong")

    assert (outcome.verdict, outcome.error) == (Verdict.RETRY, "http_403")
    assert kannel.smsc.submitted == []
