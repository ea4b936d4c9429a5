"""A gateway of our own dialect, real signatures included."""

import json
import time
from collections.abc import Callable
from datetime import datetime
from secrets import token_hex
from typing import Any

import pytest
from django.test import Client

from smart.access import auth, keys
from smart.access.models import ApiClient
from smart.lib import clock, signing


class Gateway:
    """Signs and posts steps like an operator's gateway; remembers the session's sequence."""

    def __init__(self, key_id: str, secret: str) -> None:
        self.key_id, self.secret = key_id, secret
        self.http = Client()

    def post(self, path: str, body: bytes, **headers: str) -> Any:
        stamp, nonce = str(int(time.time())), token_hex(16)
        signed = {
            "X-Smart-Key": self.key_id,
            "X-Smart-Timestamp": stamp,
            "X-Smart-Nonce": nonce,
            "X-Smart-Signature": signing.sign(self.secret, "POST", path, stamp, nonce, body),
        }
        return self.http.post(path, body, content_type="application/json", headers={**signed, **headers})

    def step(self, session: str, msisdn: str, sequence: int, **typed: str) -> dict[str, Any]:
        body = json.dumps({"msisdn": msisdn, "sequence": sequence, **typed}).encode()
        answer = self.post(f"/api/ussd/v1/sessions/{session}/", body)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def walk(self, msisdn: str, dialed: str, *keys: str, visited_plmn: str = "40102") -> dict[str, Any]:
        """Dial and press; return the last reply. Fails if the session ends before the keys do."""
        session = token_hex(8)
        reply = self.step(session, msisdn, 1, dialed=dialed, visited_plmn=visited_plmn)
        for number, key in enumerate(keys, 2):
            assert reply["action"] == "continue", reply
            reply = self.step(session, msisdn, number, input=key)
        return reply


@pytest.fixture
def gateway(db: None) -> Gateway:
    auth.forget_cached()
    client = ApiClient.objects.create(name="gateway", kind="ussd", proof="signature")
    key, secret = keys.issue(client=client, by="test", now=clock.now())
    return Gateway(key.key_id, secret)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Move the programme's clock (the machine's, which signatures use, stays)."""

    def move(instant: datetime) -> None:
        monkeypatch.setattr(clock, "_source", lambda: instant)

    return move
