"""The operator on this machine: its USSD gateway and its TMF654 balance, over HTTP.

python -m smart.local.simulator, on 127.0.0.1:SIMULATOR_PORT, calling the platform at 127.0.0.1:PORT.
"""

import hashlib
import json
import os
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import django

from core.lib import clock

if TYPE_CHECKING:  # it needs Django set up
    from smart.local.gateway import Gateway

_MAX_BODY = 64 * 1024


class SimulatedBalance:
    """The operator's balance: as it should be, slow, or out of order."""

    MODES = ("normal", "slow", "failing")

    def __init__(self) -> None:
        self.mode = "normal"

    def amount(self, msisdn: str) -> float:
        """A balance in KZT that is always the same for a number."""
        return int.from_bytes(hashlib.sha256(msisdn.encode()).digest()[:2]) % 5000 + 0.5


def handler(gateway: "Gateway", balance: SimulatedBalance, token: str) -> type[BaseHTTPRequestHandler]:
    """The HTTP face of both; every request must bear the local token."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not self._is_trusted():
                return self._answer(401, {"error": "token"})
            if not re.fullmatch(r"/tmf-api/prepayBalanceManagement/v4/bucket", self.path):
                return self._answer(404, {"error": "not found"})
            if balance.mode == "slow":
                time.sleep(5)
            if balance.mode == "failing":
                return self._answer(503, {"error": "out of order"})
            amount = balance.amount(self.headers.get("X-Subscriber-MSISDN", ""))
            bucket = {"id": "main", "usageType": "monetary", "remainingValue": {"amount": amount, "units": "KZT"}}
            return self._answer(200, [bucket])

        def do_POST(self) -> None:
            if not self._is_trusted():
                return self._answer(401, {"error": "token"})
            data = json.loads(self.rfile.read(min(int(self.headers.get("Content-Length", 0)), _MAX_BODY)) or "{}")
            if self.path == "/gateway/dial":
                return self._answer(200, gateway.dial(**data))
            if self.path == "/gateway/press":
                return self._answer(200, gateway.press(**data))
            if self.path == "/balance/mode" and data.get("mode") in SimulatedBalance.MODES:
                balance.mode = data["mode"]
                return self._answer(200, {"mode": balance.mode})
            return self._answer(404, {"error": "not found"})

        def _is_trusted(self) -> bool:
            return self.headers.get("Authorization") == f"Bearer {token}"

        def _answer(self, status: int, data: object) -> None:
            body = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except BrokenPipeError:  # the platform waits for a balance one second only
                self.close_connection = True

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    return Handler


def serve(port: int, gateway: "Gateway", token: str) -> ThreadingHTTPServer:
    """Make the server; the caller runs it."""
    return ThreadingHTTPServer(("127.0.0.1", port), handler(gateway, SimulatedBalance(), token))


def main() -> None:
    """Run until killed."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smart.settings")
    django.setup()
    from django.conf import settings  # noqa: PLC0415 - after setup

    from smart.local import clients  # noqa: PLC0415
    from smart.local.gateway import Gateway  # noqa: PLC0415

    gateway = Gateway(int(os.environ["PORT"]), clients.ensure(now=clock.now()))
    server = serve(int(os.environ["SIMULATOR_PORT"]), gateway, settings.OPERATOR_BALANCE_TOKEN)
    server.serve_forever()


if __name__ == "__main__":
    main()
