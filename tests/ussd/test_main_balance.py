"""The operator's main balance: told when it can be had, and never touched (J4, B10)."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from enrollment.models import Subscriber
from smart.lib.astana import ZONE
from tests.ussd.conftest import Gateway

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=ZONE)
BUCKETS = [{"usageType": "data", "remainingValue": {"amount": 7}},
           {"usageType": "monetary", "remainingValue": {"amount": 1250.5}}]  # fmt: skip


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
    operator: list[str], gateway: Gateway, make_subscriber: Callable[..., Subscriber], at: Callable[[datetime], None]
) -> None:
    """J4: from joining to leaving the operator is asked for the balance by `*111*3#`, and for nothing else."""
    make_subscriber(language="en")
    at(NOON)

    for dialed, *keys in [("*555*1#", "1"), ("*555*00#",), ("*111*3#",), ("*555*6#",), ("*555*2#",)]:
        gateway.walk("77010000001", dialed, *keys)

    assert operator == ["GET /balances/bucket"]


def test_the_main_balance_stands_beside_the_bonus(
    operator: list[str], gateway: Gateway, make_subscriber: Callable[..., Subscriber], at: Callable[[datetime], None]
) -> None:
    """B10: of the operator's buckets the one of money."""
    make_subscriber(language="en")
    at(NOON)

    told = gateway.walk("77010000001", "*111*3#")

    assert "1250.50" in told["text"]
