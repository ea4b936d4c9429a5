"""The operator's main balance: told when it can be had, and never touched (J4, B10)."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from core.lib.astana import ZONE
from enrollment.models import Subscriber
from smart.integrations.main_balance import main_balance
from tests.messaging.gateways import FakeGateway, closed_port, reply, serve
from tests.ussd.conftest import Gateway

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=ZONE)
BUCKETS = [{"usageType": "data", "remainingValue": {"amount": 7}},
           {"usageType": "monetary", "remainingValue": {"amount": 1250.5}}]  # fmt: skip


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for the operator as long as a busy machine takes."""
    monkeypatch.setattr("smart.integrations.main_balance.BALANCE_SECONDS", 60.0)


@pytest.fixture
def operator(settings: Any) -> Iterator[list[str]]:
    """A TMF654 server; the list of what it was asked, as method and path."""
    asked: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.command} {self.path}")
            body = json.dumps(BUCKETS).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings.OPERATOR_BALANCE_URL = f"http://127.0.0.1:{server.server_port}/balances"
    yield asked
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_membership_costs_nothing(
    operator: list[str],
    gateway: Gateway,
    make_subscriber: Callable[..., Subscriber],
    stand_at: Callable[[datetime], None],
) -> None:
    """J4: from joining to leaving the operator is asked for the balance by `*111*3#`, and for nothing else."""
    make_subscriber(language="en")
    stand_at(NOON)

    for dialed, *keys in [("*555*1#", "1"), ("*555*00#",), ("*111*3#",), ("*555*6#",), ("*555*2#",)]:
        gateway.walk("77010000001", dialed, *keys)

    assert operator == ["GET /balances/bucket"]


def test_the_main_balance_stands_beside_the_bonus(
    operator: list[str],
    gateway: Gateway,
    make_subscriber: Callable[..., Subscriber],
    stand_at: Callable[[datetime], None],
) -> None:
    """B10: of the operator's buckets the one of money."""
    make_subscriber(language="en")
    stand_at(NOON)

    told = gateway.walk("77010000001", "*111*3#")

    assert "1250.50" in told["text"]


TOLD = reply("200 OK", json.dumps(BUCKETS).encode())


@pytest.fixture
def failing(settings: Any) -> Iterator[FakeGateway]:
    """An operator that says it is out of order, until told otherwise."""
    with serve(lambda request: reply("500 Internal Server Error")) as gateway:
        settings.OPERATOR_BALANCE_URL = gateway.url("/balances")
        yield gateway


@pytest.mark.parametrize(
    "answer",
    [reply("500 Internal Server Error"), reply("429 Too Many Requests"), reply("401 Unauthorized"), None,
     reply("200 OK", b"<html>"), reply("200 OK", b'{"usageType": "monetary"}'),
     reply("200 OK", b'[{"usageType": "monetary", "remainingValue": {}}]'),
     reply("200 OK", b'[{"usageType": "monetary", "remainingValue": {"amount": "much"}}]')],
    ids=["500", "429", "401", "hangs up", "no JSON", "no list", "no amount", "no number"],
)  # fmt: skip
def test_after_three_failures_nobody_waits_for_the_balance(
    failing: FakeGateway,
    make_subscriber: Callable[..., Subscriber],
    monkeypatch: pytest.MonkeyPatch,
    answer: bytes | None,
) -> None:
    failing.behave = lambda request: answer
    anna = make_subscriber()
    ahead = [1_000.0]
    monkeypatch.setattr("core.lib.http.breaker.time", SimpleNamespace(monotonic=lambda: ahead[0]))

    assert [main_balance(anna) for _ in range(5)] == [None] * 5

    assert len(failing.requests) == 3
    ahead[0] += 6.0
    failing.behave = lambda request: TOLD
    assert [main_balance(anna) for _ in range(2)] == [Decimal("1250.5")] * 2
    assert len(failing.requests) == 5


@pytest.mark.parametrize(
    "answer",
    [reply("404 Not Found"), reply("200 OK", b"[]"),
     reply("200 OK", b'[{"usageType": "monetary", "remainingValue": {"amount": "NaN"}}]')],
    ids=["unknown", "no money", "not a number"],
)  # fmt: skip
def test_an_answer_without_a_balance_is_no_failure(
    failing: FakeGateway, make_subscriber: Callable[..., Subscriber], answer: bytes
) -> None:
    failing.behave = lambda request: answer
    anna = make_subscriber()

    assert [main_balance(anna) for _ in range(5)] == [None] * 5

    assert len(failing.requests) == 5


def test_a_balance_that_trickles_in_is_not_waited_for(
    failing: FakeGateway, make_subscriber: Callable[..., Subscriber], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes soon; all of them take over three seconds."""
    monkeypatch.setattr("smart.integrations.main_balance.BALANCE_SECONDS", 0.9)

    sent = 0

    def trickle(request: Any) -> Iterator[bytes]:
        nonlocal sent
        for sent in range(len(TOLD)):
            failing.over.wait(0.02)
            yield TOLD[sent : sent + 1]

    failing.behave = trickle
    anna = make_subscriber()

    balance = main_balance(anna)

    assert balance is None
    assert sent < len(TOLD) - 1


def test_no_log_line_and_no_address_holds_the_number(
    failing: FakeGateway, make_subscriber: Callable[..., Subscriber], caplog: pytest.LogCaptureFixture
) -> None:
    """M6; the operator is told it in a header."""
    anna = make_subscriber()

    main_balance(anna)

    assert failing.requests[0].headers["x-subscriber-msisdn"] == "77010000001"
    assert "77010000001" not in failing.requests[0].line + caplog.text
    assert "status 500" in caplog.text


def test_an_operator_who_is_not_there_is_left_alone_for_a_while(
    settings: Any, make_subscriber: Callable[..., Subscriber], caplog: pytest.LogCaptureFixture
) -> None:
    anna = make_subscriber()
    with closed_port() as port:
        settings.OPERATOR_BALANCE_URL = f"http://127.0.0.1:{port}/balances"
        assert [main_balance(anna) for _ in range(5)] == [None] * 5

    assert caplog.text.count("NotSent") == 3
