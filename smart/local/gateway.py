"""The operator's USSD gateway on this machine, in every dialect of the registry.

It behaves as real ones do: it keeps the session, numbers the steps, waits ten seconds, asks once again when it got no
answer, and cuts a session that was ended.
"""

from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from core.access import proofs
from core.lib.http.client import HttpClient, RequestFailed
from smart.local import clients
from smart.ussd import dialects
from smart.ussd.dialect import Dialect, GatewayCall, HandsetSession
from smart.ussd.request import Reply

_TIMEOUT = 10
_MAX_BODY = 64 * 1024


@dataclass(slots=True)
class HeldSession(HandsetSession):
    """A session and the dialect it is held in."""

    dialect: Dialect[Any] = field(kw_only=True)
    is_over: bool = False


class Gateway:
    """Sends a subscriber's dials and keys to the platform; `keys` is name → (key id, secret)."""

    def __init__(self, port: int, keys: dict[str, tuple[str, str]]) -> None:
        self.port, self.keys = port, keys
        self.sessions: dict[str, HeldSession] = {}
        self.lock = Lock()

    def dial(self, *, msisdn: str, code: str, dialect: str, network: str) -> dict[str, Any]:
        """Open a session and send the code dialed."""
        found = dialects.DIALECTS.get(dialect) or dialects.DIALECTS[dialects.DEFAULT]
        session = HeldSession(msisdn, code, network, dialect=found)
        with self.lock:
            self.sessions[session.number] = session
        return self._step(session, None)

    def press(self, *, session: str, typed: str) -> dict[str, Any]:
        """Send a key of a session under way."""
        found = self.sessions.get(session)
        if found is None or found.is_over:
            return {"error": "The network has no such session."}
        return self._step(found, typed)

    def _step(self, session: HeldSession, typed: str | None) -> dict[str, Any]:
        session.sequence += 1
        if typed is not None:
            session.typed.append(typed)
        status, answer, sent = 0, b"", session.dialect.compose(session, typed)
        for _attempt in range(2):  # what got no answer is sent again, signed anew
            try:
                status, answer = self._send(session.dialect, sent)
                break
            except RequestFailed:
                continue
        shown = self._read(session.dialect, status, answer)
        session.is_over = shown.is_over
        return {
            "session": session.number,
            "text": shown.text,
            "is_over": shown.is_over,
            "wire": {
                "request": self._masked(session, f"{sent.method} {sent.path}\n{sent.body.decode()}"),
                "reply": self._masked(session, f"HTTP {status}\n{answer.decode(errors='replace')}"),
            },
        }

    def _send(self, dialect: Dialect[Any], sent: GatewayCall) -> tuple[int, bytes]:
        """Raises RequestFailed."""
        client = HttpClient(f"http://127.0.0.1:{self.port}", most_bytes=_MAX_BODY, idle_seconds=0)
        key_id, secret = self.keys[clients.of_dialect(dialect)]
        proof = proofs.headers(dialect.proof, key_id, secret, method=sent.method, path=sent.path, body=sent.body)
        headers = {"Content-Type": sent.content_type, **sent.headers, **proof}
        answer = client.exchange(sent.method, sent.path, body=sent.body or None, headers=headers, seconds=_TIMEOUT)
        return answer.status, answer.body

    def _read(self, dialect: Dialect[Any], status: int, answer: bytes) -> Reply:
        """What the phone shows: the platform's text, or the network's own words when it cannot be understood."""
        if status != 200:
            return Reply("Connection problem or invalid MMI code.", is_over=True)
        try:
            return dialect.understand(answer)
        except ValueError:
            return Reply("Connection problem.", is_over=True)

    def _masked(self, session: HeldSession, text: str) -> str:
        return text.replace(session.msisdn, session.msisdn[:4] + "*****" + session.msisdn[-2:])
