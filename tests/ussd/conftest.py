"""Gateways of the three dialects, real signatures and keys included."""

import base64
import json
from secrets import token_hex
from typing import Any
from urllib.parse import urlencode
from xml.etree.ElementTree import Element, SubElement, tostring

import pytest
from defusedxml.ElementTree import fromstring
from django.test import Client

from core.access import auth, keys
from core.access.models import ApiClient
from core.lib import clock, signing


class Gateway:
    """Signs and posts steps like an operator's gateway; remembers the session's sequence."""

    def __init__(self, key_id: str, secret: str) -> None:
        self.key_id, self.secret = key_id, secret
        self.http = Client()

    def signed(self, path: str, body: bytes, *, method: str = "POST") -> dict[str, str]:
        stamp, nonce = str(int(clock.machine().timestamp())), token_hex(16)
        return {
            "X-Smart-Key": self.key_id,
            "X-Smart-Timestamp": stamp,
            "X-Smart-Nonce": nonce,
            "X-Smart-Signature": signing.sign(self.secret, method, path, stamp, nonce, body),
        }

    def post(self, path: str, body: bytes, **headers: str) -> Any:
        headers = {**self.signed(path, body), **headers}
        return self.http.post(path, body, content_type="application/json", headers=headers)

    def ask(self, session: str, msisdn: str, sequence: int, **typed: str) -> Any:
        body = json.dumps({"msisdn": msisdn, "sequence": sequence, **typed}).encode()
        return self.post(f"/api/ussd/v1/sessions/{session}/", body)

    def step(self, session: str, msisdn: str, sequence: int, **typed: str) -> dict[str, Any]:
        answer = self.ask(session, msisdn, sequence, **typed)
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


class KeyGateway:
    """A gateway that cannot sign: a bare key by HTTP Basic, from this machine's address."""

    path = content_type = ""

    def __init__(self, key_id: str, secret: str) -> None:
        self.proof = "Basic " + base64.b64encode(f"{key_id}:{secret}".encode()).decode()
        self.http = Client()

    def post(self, body: bytes, **headers: str) -> Any:
        headers = {"Authorization": self.proof, **headers}
        return self.http.post(self.path, body, content_type=self.content_type, headers=headers)


class AfricasTalking(KeyGateway):
    """Posts forms whose text grows with each key; `ask` returns the answer as it is, `step` what it says."""

    path = "/api/ussd/v1/africastalking/"
    content_type = "application/x-www-form-urlencoded"

    def ask(self, session: str, msisdn: str, text: str | None, *, code: str = "*555#", **more: str) -> Any:
        form = {"sessionId": session, "phoneNumber": f"+{msisdn}", "networkCode": "40102", "serviceCode": code, **more}
        return self.post(urlencode(form if text is None else {**form, "text": text}).encode())

    def step(self, session: str, msisdn: str, text: str | None, *, code: str = "*555#", **more: str) -> str:
        answer = self.ask(session, msisdn, text, code=code, **more)
        assert answer.status_code == 200, answer.content
        return answer.content.decode()


class Comviva(KeyGateway):
    """Posts XML pull requests; `ask` returns the answer as it is, `step` its state (FC, FB) and text."""

    path = "/api/ussd/v1/comviva/"
    content_type = "text/xml"

    def ask(
        self, session: str, msisdn: str, typed: str, *, transaction: str, new: bool = False, flow: str = "FD"
    ) -> Any:
        root = Element("request", type="pull")
        for name, value in {
            "sessionId": session,
            "transactionId": transaction,
            "msisdn": msisdn,
            "newRequest": "1" if new else "0",
            "flowState": flow,
            "subscriberInput": typed,
            "visitedPlmn": "40102",
        }.items():
            SubElement(root, name).text = value
        return self.post(tostring(root, encoding="utf-8", xml_declaration=True))

    def step(self, session: str, msisdn: str, typed: str, *, transaction: str, **more: Any) -> tuple[str, str]:
        answer = self.ask(session, msisdn, typed, transaction=transaction, **more)
        assert answer.status_code == 200, answer.content
        root = fromstring(answer.content)
        return root.findtext("freeflow/freeflowState") or "", root.findtext("applicationResponse") or ""


def _with_key(name: str) -> tuple[str, str]:
    auth.forget_cached()
    client = ApiClient.objects.create(name=name, kind="ussd", proof="key", networks=["127.0.0.0/8"])
    key, secret = keys.issue(client=client, by="test", now=clock.now())
    return key.key_id, secret


@pytest.fixture
def africastalking(db: None) -> AfricasTalking:
    return AfricasTalking(*_with_key("africastalking"))


@pytest.fixture
def comviva(db: None) -> Comviva:
    return Comviva(*_with_key("comviva"))


@pytest.fixture
def gateway(db: None) -> Gateway:
    auth.forget_cached()
    client = ApiClient.objects.create(name="gateway", kind="ussd", proof="signature")
    key, secret = keys.issue(client=client, by="test", now=clock.now())
    return Gateway(key.key_id, secret)
