"""Our SMPP transport through Jasmin to an SMSC: a text arrives whole, its receipts come back (M8)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from messaging.channels.smpp.transport import SmppTransport
from messaging.models import Receipt
from smart.local import processes
from tests.messaging.gateways import outgoing
from tests.peers import small_smsc
from tests.peers.small_smsc import SmallSmsc
from tests.peers.test_kannel import TEXT
from tests.peers.test_smpp import Store
from tests.peers_heavy import jasmin

pytestmark = [pytest.mark.peers_heavy, pytest.mark.skipif(bool(jasmin.why_not()), reason=jasmin.why_not())]


@dataclass(frozen=True)
class Jasmin:
    """A running Jasmin and the SMSC behind it."""

    port: int
    smsc: SmallSmsc


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jasmin]:
    """Bound to the SMSC, so that what it is given goes on."""
    folder = tmp_path_factory.mktemp("jasmin")
    with small_smsc.serve() as smsc, jasmin.serve(folder, smsc=smsc.port) as port:
        assert smsc.bound.wait(60), "Jasmin did not bind"
        yield Jasmin(port, smsc)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def connect(peer: Jasmin, store: Store) -> Iterator[Callable[..., SmppTransport]]:
    """Bind to Jasmin as the operator's partner does."""
    made: list[SmppTransport] = []

    def bind(**options: Any) -> SmppTransport:
        usual = {"name": "jasmin", "kind": "smpp", "host": "127.0.0.1", "port": peer.port, "system_id": "smart",
                 "password": "geheim", "source": "SMART", "response_timeout_seconds": 60}  # fmt: skip
        made.append(SmppTransport(usual | options, store=store))
        return made[-1]

    peer.smsc.submitted.clear()
    yield bind
    for transport in made:
        transport.close()


def test_a_kazakh_text_arrives_whole_and_its_receipts_come_back(
    peer: Jasmin, connect: Callable[..., SmppTransport], store: Store
) -> None:
    transport = connect()
    assert processes.wait_until(lambda: transport.health().is_up, seconds=60), transport.health()

    (outcome,) = transport.hand_over([outgoing(text=TEXT, segments=3)])
    reports = store.wait_for(3)

    parts = sorted(peer.smsc.submitted, key=lambda submitted: submitted.part)
    assert outcome.verdict == "accepted"
    assert b"".join(part.short_message[6:] for part in parts).decode("utf-16-be") == TEXT
    assert {(part.source, part.destination) for part in parts} == {("SMART", "77010000001")}
    assert {report.network_id for report in reports} == set(outcome.network_ids)
    assert {report.status for report in reports} == {Receipt.Status.DELIVERED}


def test_a_wrong_password_is_told(connect: Callable[..., SmppTransport]) -> None:
    transport = connect(password="another")

    assert processes.wait_until(lambda: transport.health().last_error.startswith("bind:"), seconds=60), (
        transport.health()
    )
    assert not transport.health().is_up
