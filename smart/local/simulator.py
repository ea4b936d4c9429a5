"""The operator on this machine: its USSD gateway in three dialects and its TMF654 balance.

python -m smart.local.simulator, on 127.0.0.1:SIMULATOR_PORT, calling the platform at 127.0.0.1:PORT. The gateway
behaves as real ones do: it keeps the session, numbers the steps, waits ten seconds, asks once again when it got no
answer, and cuts a session that was ended.
"""

import base64
import hashlib
import json
import os
import re
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_hex
from threading import Lock
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree.ElementTree import Element, SubElement, tostring

import django
from defusedxml.ElementTree import fromstring

from core.lib import clock, signing
from core.lib.http.client import HttpClient, RequestFailed

_TIMEOUT = 10
_MAX_BODY = 64 * 1024
DIALECTS = ("native", "africastalking", "comviva")


@dataclass
class Session:
    """A USSD session as the gateway holds it."""

    dialect: str
    msisdn: str
    network: str
    code: str
    number: str = field(default_factory=lambda: token_hex(8))
    sequence: int = 0
    typed: list[str] = field(default_factory=list)
    is_over: bool = False


@dataclass(frozen=True)
class Sent:
    """A request as it goes over the wire."""

    path: str
    headers: dict[str, str]
    body: bytes


class Gateway:
    """Sends a subscriber's dials and keys to the platform; `keys` is name → (key id, secret)."""

    def __init__(self, port: int, keys: dict[str, tuple[str, str]]) -> None:
        self.port, self.keys = port, keys
        self.sessions: dict[str, Session] = {}
        self.lock = Lock()

    def dial(self, *, msisdn: str, code: str, dialect: str, network: str) -> dict[str, Any]:
        """Open a session and send the code dialed."""
        session = Session(dialect if dialect in DIALECTS else "native", msisdn, network, code)
        with self.lock:
            self.sessions[session.number] = session
        return self._step(session, None)

    def press(self, *, session: str, typed: str) -> dict[str, Any]:
        """Send a key of a session under way."""
        found = self.sessions.get(session)
        if found is None or found.is_over:
            return {"error": "The network has no such session."}
        return self._step(found, typed)

    def _step(self, session: Session, typed: str | None) -> dict[str, Any]:
        session.sequence += 1
        if typed is not None:
            session.typed.append(typed)
        status, answer, sent = 0, b"", self._request(session, typed)
        for _attempt in range(2):  # what got no answer is sent again, signed anew
            try:
                status, answer = self._send(sent)
                break
            except RequestFailed:
                sent = self._request(session, typed)
        text, is_over = self._read(session, status, answer)
        session.is_over = is_over
        return {
            "session": session.number,
            "text": text,
            "is_over": is_over,
            "wire": {
                "request": self._masked(session, f"POST {sent.path}\n{sent.body.decode()}"),
                "reply": self._masked(session, f"HTTP {status}\n{answer.decode(errors='replace')}"),
            },
        }

    def _request(self, session: Session, typed: str | None) -> Sent:
        return {"native": self._native, "africastalking": self._africastalking, "comviva": self._comviva}[
            session.dialect
        ](session, typed)

    def _native(self, session: Session, typed: str | None) -> Sent:
        body: dict[str, Any] = {"msisdn": session.msisdn, "sequence": session.sequence}
        body |= {"dialed": session.code} if typed is None else {"input": typed}
        if session.network:
            body["visited_plmn"] = session.network
        raw = json.dumps(body).encode()
        path = f"/api/ussd/v1/sessions/{quote(session.number)}/"
        return Sent(path, {"Content-Type": "application/json", **self._signature(path, raw)}, raw)

    def _signature(self, path: str, body: bytes) -> dict[str, str]:
        key_id, secret = self.keys["simulator-native"]
        stamp, nonce = str(int(clock.machine().timestamp())), token_hex(16)
        return {
            "X-Smart-Key": key_id,
            "X-Smart-Timestamp": stamp,
            "X-Smart-Nonce": nonce,
            "X-Smart-Signature": signing.sign(secret, "POST", path, stamp, nonce, body),
        }

    def _africastalking(self, session: Session, typed: str | None) -> Sent:
        root, _star, rest = session.code.strip("*#").partition("*")
        fields = {
            "sessionId": session.number,
            "phoneNumber": f"+{session.msisdn}",
            "networkCode": session.network,
            "serviceCode": f"*{root}#",
            "text": "*".join([*([rest] if rest else []), *session.typed]),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", **self._basic("simulator-africastalking")}
        return Sent("/api/ussd/v1/africastalking/", headers, urlencode(fields).encode())

    def _comviva(self, session: Session, typed: str | None) -> Sent:
        root = Element("request", type="pull")
        for name, value in {
            "sessionId": session.number,
            "transactionId": f"{session.number}{session.sequence:03}",
            "msisdn": session.msisdn,
            "newRequest": "1" if typed is None else "0",
            "flowState": "FD",
            "subscriberInput": session.code if typed is None else typed,
            "visitedPlmn": session.network,
        }.items():
            SubElement(root, name).text = value
        headers = {"Content-Type": "text/xml", **self._basic("simulator-comviva")}
        return Sent("/api/ussd/v1/comviva/", headers, tostring(root, encoding="utf-8", xml_declaration=True))

    def _basic(self, client: str) -> dict[str, str]:
        return {"Authorization": "Basic " + base64.b64encode(":".join(self.keys[client]).encode()).decode()}

    def _send(self, sent: Sent) -> tuple[int, bytes]:
        """Raises RequestFailed."""
        client = HttpClient(f"http://127.0.0.1:{self.port}", most_bytes=_MAX_BODY, idle_seconds=0)
        answer = client.exchange("POST", sent.path, body=sent.body, headers=sent.headers, seconds=_TIMEOUT)
        return answer.status, answer.body

    def _read(self, session: Session, status: int, answer: bytes) -> tuple[str, bool]:
        """What the phone shows: the platform's text, or the network's own words when it cannot be understood."""
        if status != 200:
            return "Connection problem or invalid MMI code.", True
        if session.dialect == "native":
            data = json.loads(answer)
            return data["text"], data["action"] == "end"
        if session.dialect == "africastalking":
            verb, _space, text = answer.decode().partition(" ")
            return (text, verb == "END") if verb in ("CON", "END") else ("Connection problem.", True)
        root = fromstring(answer)
        return root.findtext("applicationResponse") or "", root.findtext("freeflow/freeflowState") == "FB"

    def _masked(self, session: Session, text: str) -> str:
        return text.replace(session.msisdn, session.msisdn[:4] + "*****" + session.msisdn[-2:])


class Balance:
    """The operator's balance: as it should be, slow, or out of order."""

    MODES = ("normal", "slow", "failing")

    def __init__(self) -> None:
        self.mode = "normal"

    def amount(self, msisdn: str) -> float:
        """A balance in KZT that is always the same for a number."""
        return int.from_bytes(hashlib.sha256(msisdn.encode()).digest()[:2]) % 5000 + 0.5


def handler(gateway: Gateway, balance: Balance, token: str) -> type[BaseHTTPRequestHandler]:
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
            if self.path == "/balance/mode" and data.get("mode") in Balance.MODES:
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


def serve(port: int, platform_port: int, token: str, keys: dict[str, tuple[str, str]]) -> ThreadingHTTPServer:
    """Make the server; the caller runs it."""
    return ThreadingHTTPServer(("127.0.0.1", port), handler(Gateway(platform_port, keys), Balance(), token))


def main() -> None:
    """Run until killed."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smart.settings")
    django.setup()
    from django.conf import settings  # noqa: PLC0415 - after setup

    from smart.local import clients  # noqa: PLC0415

    keys = clients.ensure(now=clock.now())
    server = serve(int(os.environ["SIMULATOR_PORT"]), int(os.environ["PORT"]), settings.OPERATOR_BALANCE_TOKEN, keys)
    server.serve_forever()


if __name__ == "__main__":
    main()
