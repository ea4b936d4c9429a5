"""TLS to gateways: one with a certificate of the right authority and name gets our messages, any other gets nothing."""

import json
import logging
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.sync import server as websocket_server

from core.lib.http.client import NotSent
from messaging.channels.base import Outcome, Transport, Verdict
from messaging.channels.ivr.ari import Event, Events, Rest
from messaging.channels.kannel.transport import KannelTransport
from messaging.channels.ussd.transport import UssdPushTransport
from smart.local import processes
from tests.messaging.gateways import FakeGateway, Request, outgoing, reply, serve

NUMBER = "77010000001"
SHOWN = b'<dialog type="End"><unstructuredSSNotify_Response/></dialog>'


@dataclass(frozen=True)
class Authority:
    """A folder with an authority of our own and what it has signed."""

    folder: Path

    @property
    def file(self) -> str:
        """Its certificate."""
        return str(self.folder / "ca.pem")

    def server(self, name: str) -> ssl.SSLContext:
        """A server's side, its certificate for that name or address."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Has signed 127.0.0.1 (ours) and 127.0.0.2 (another's)."""
    folder = tmp_path_factory.mktemp("authority")
    new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    try:
        openssl(folder, *new, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=SMART test authority")
    except FileNotFoundError:
        pytest.skip("no openssl here")
    for name in ("127.0.0.1", "127.0.0.2"):
        openssl(
            folder, *new, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", "/CN=gateway", "-CA", "ca.pem",
            "-CAkey", "ca.key", "-addext", f"subjectAltName=IP:{name}", "-addext", "basicConstraints=critical,CA:FALSE",
        )  # fmt: skip
    return Authority(folder)


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def kannel(url: str, ca_file: str) -> KannelTransport:
    return KannelTransport(
        {"name": "kannel-1", "url": url, "username": "smart", "password": "geheim", "sender": "SMART",
         "callback_url": "https://smart.example", "timeout_seconds": 2, "connections": 2, "ca_file": ca_file}
    )  # fmt: skip


def ussd(url: str, ca_file: str) -> UssdPushTransport:
    return UssdPushTransport({"name": "push-1", "url": url, "timeout_seconds": 5, "connections": 2, "ca_file": ca_file})


KINDS = pytest.mark.parametrize(
    ("make", "answer"),
    [(kannel, reply("202 Accepted", b"0: Accepted for delivery")), (ussd, reply("200 OK", SHOWN))],
    ids=["kannel", "ussd"],
)


@contextmanager
def handing(make: Callable[[str, str], Transport], gateway: FakeGateway, ca_file: str) -> Iterator[Transport]:
    transport = make(gateway.url("/gateway"), ca_file)
    try:
        yield transport
    finally:
        transport.close()


def hand_over(transport: Transport, seconds: float = 3) -> Outcome:
    (outcome,) = transport.hand_over([outgoing(text="Tea", encoding="gsm7", deadline=time.monotonic() + seconds)])
    return outcome


@KINDS
def test_the_right_certificate_gets_the_message(
    authority: Authority, make: Callable[[str, str], Transport], answer: bytes
) -> None:
    with (
        serve(lambda request: answer, tls=authority.server("127.0.0.1")) as gateway,
        handing(make, gateway, authority.file) as transport,
    ):
        assert hand_over(transport).verdict == Verdict.ACCEPTED
        assert len({request.connection for request in gateway.requests}) == len(gateway.requests) == 1
        assert NUMBER.encode() in gateway.requests[0].body


@KINDS
@pytest.mark.parametrize(
    ("name", "knows_authority"), [("127.0.0.1", False), ("127.0.0.2", True)], ids=["strangers", "anothers"]
)
def test_a_wrong_certificate_gets_nothing_and_the_transport_is_down(
    authority: Authority,
    make: Callable[[str, str], Transport],
    answer: bytes,
    name: str,
    knows_authority: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with (
        serve(lambda request: answer, tls=authority.server(name)) as gateway,
        handing(make, gateway, authority.file if knows_authority else "") as transport,
    ):
        outcome = hand_over(transport)

        assert (outcome.verdict, outcome.error) == (Verdict.RETRY, "certificate")
        assert gateway.requests == []
        # It listens, and is not taken for up because of that.
        transport._breaker._down_until = 0.0  # the rest is over
        assert (transport.health().is_up, transport.health().last_error) == (False, "certificate")
        assert NUMBER not in caplog.text


@KINDS
def test_a_gateway_without_tls_gets_nothing_of_what_is_meant_for_https(
    authority: Authority, make: Callable[[str, str], Transport], answer: bytes
) -> None:
    with serve(lambda request: answer) as gateway:
        transport = make(f"https://127.0.0.1:{gateway.port}/gateway", authority.file)

        outcome = hand_over(transport, 0.3)

        transport.close()
        assert outcome.verdict == Verdict.RETRY
        assert not any(NUMBER.encode() in request.body for request in gateway.requests)


def rest(port: int, ca_file: str) -> Rest:
    return Rest(url=f"https://127.0.0.1:{port}/ari", username="smart", password="geheim", ca_file=ca_file)


def test_asterisk_is_asked_over_tls(authority: Authority) -> None:
    def answer(request: Request) -> bytes:
        return reply("200 OK", json.dumps({"name": "smart"}).encode())

    with serve(answer, tls=authority.server("127.0.0.1")) as gateway:
        assert rest(gateway.port, authority.file).ask("GET", "/applications/smart") == (200, {"name": "smart"})
        with pytest.raises(NotSent):
            rest(gateway.port, "").ask("GET", "/applications/smart")
        assert len(gateway.requests) == 1


@contextmanager
def events(port: int, ca_file: str, arrived: Callable[[Event], None]) -> Iterator[Events]:
    def nothing() -> None: ...

    kept = Events(rest(port, ca_file), app="smart", came_up=nothing, arrived=arrived, went_down=nothing, tidy=nothing)
    try:
        yield kept
    finally:
        kept.close()


def test_asterisks_events_come_over_tls_from_the_right_one_alone(authority: Authority) -> None:
    asked: list[str] = []
    came: list[Any] = []

    def tell(peer: websocket_server.ServerConnection) -> None:
        asked.append(peer.request.path if peer.request else "")
        peer.send(json.dumps({"type": "StasisStart"}))
        peer.recv()

    with websocket_server.serve(tell, "127.0.0.1", 0, ssl=authority.server("127.0.0.1")) as asterisk:
        thread = threading.Thread(target=asterisk.serve_forever)
        thread.start()
        port = asterisk.socket.getsockname()[1]
        with events(port, "", came.append) as strangers:
            assert processes.wait_until(lambda: strangers.last_error == "certificate", seconds=60)
            assert not strangers.up.is_set()
            assert asked == []
        with events(port, authority.file, came.append) as ours:
            assert ours.up.wait(5)
            assert processes.wait_until(lambda: came == [{"type": "StasisStart"}], seconds=60)
        asterisk.shutdown()
        thread.join()
    assert asked == ["/ari/events?app=smart"]
