"""Gateways of every dialect, real signatures and keys included, and the subscribers who dial by them."""

import json
from collections.abc import Callable
from datetime import datetime
from secrets import token_hex
from typing import Any
from urllib.parse import urlencode
from xml.etree.ElementTree import Element, SubElement, tostring

import pytest
from defusedxml.ElementTree import fromstring
from django.test import Client

from bonuses.models import Grant
from core.access import auth, keys, proofs
from core.access.models import ApiClient
from core.lib import clock
from enrollment.models import ConsentEvent, Membership, Subscriber
from smart.ussd import sessions
from smart.ussd.dialect import Dialect, GatewayCall, HandsetSession
from smart.ussd.dialects import DIALECTS
from tests.bonuses.conftest import enroll

ANNA, BORIS = "77010000001", "77010000002"
ASKED = "offers and surveys"
JOINED = "You are in SMART! 500 units await you. Activate: *555*00#"
ACTIVATED = "500 units until 30.11 12:00"
LOST = "This session is over. Dial *555# again."
NO_SUCH_CODE = "There is no such code. Menu: *555#"


def effects() -> tuple[int, int, int]:
    """How many memberships, consent records and bonuses there are."""
    return Membership.objects.count(), ConsentEvent.objects.count(), Grant.objects.count()


class DialectClient:
    """A gateway's software: address, content type and proof are its dialect's, the rest is up to the test."""

    def __init__(self, dialect: Dialect[Any], key_id: str, secret: str) -> None:
        self.dialect, self.key_id, self.secret = dialect, key_id, secret
        self.http = Client()
        usual = dialect.compose(HandsetSession(ANNA, "*555#", number="s"), None)
        self.path, self.content_type = usual.path, usual.content_type

    def proof(self, sent: GatewayCall) -> dict[str, str]:
        """The headers that prove who sends it; a signature is new each time."""
        proof = self.dialect.proof
        return proofs.headers(proof, self.key_id, self.secret, method=sent.method, path=sent.path, body=sent.body)

    def send(self, sent: GatewayCall, **headers: str) -> Any:
        """Send it; `headers` replace those of its own."""
        headers = {**self.proof(sent), **sent.headers, **headers}
        return self.http.generic(sent.method, sent.path, sent.body, content_type=sent.content_type, headers=headers)


class Gateway(DialectClient):
    """Posts steps in our own dialect; remembers the session's sequence."""

    def __init__(self, key_id: str, secret: str) -> None:
        super().__init__(DIALECTS["native"], key_id, secret)

    def signed(self, path: str, body: bytes, *, method: str = "POST") -> dict[str, str]:
        return self.proof(GatewayCall(path, body, method=method))

    def post(self, path: str, body: bytes, **headers: str) -> Any:
        return self.send(GatewayCall(path, body, self.content_type), **headers)

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


class AfricasTalking(DialectClient):
    """Posts forms whose text grows with each key; `ask` returns the answer as it is, `step` what it says."""

    def __init__(self, key_id: str, secret: str) -> None:
        super().__init__(DIALECTS["africastalking"], key_id, secret)

    def post(self, body: bytes, **headers: str) -> Any:
        return self.send(GatewayCall(self.path, body, self.content_type), **headers)

    def ask(self, session: str, msisdn: str, text: str | None, *, code: str = "*555#", **more: str) -> Any:
        form = {"sessionId": session, "phoneNumber": f"+{msisdn}", "networkCode": "40102", "serviceCode": code, **more}
        return self.post(urlencode(form if text is None else {**form, "text": text}).encode())

    def step(self, session: str, msisdn: str, text: str | None, *, code: str = "*555#", **more: str) -> str:
        answer = self.ask(session, msisdn, text, code=code, **more)
        assert answer.status_code == 200, answer.content
        return answer.content.decode()


class Comviva(DialectClient):
    """Posts XML pull requests; `ask` returns the answer as it is, `step` its state (FC, FB) and text."""

    def __init__(self, key_id: str, secret: str) -> None:
        super().__init__(DIALECTS["comviva"], key_id, secret)

    def post(self, body: bytes, **headers: str) -> Any:
        return self.send(GatewayCall(self.path, body, self.content_type), **headers)

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


class Phone:
    """A subscriber's phone in one session, behind a gateway of any dialect: press keys, read screens."""

    def __init__(self, client: DialectClient, code: str, *, msisdn: str = ANNA, network: str = "40102") -> None:
        self.client, self.session = client, HandsetSession(msisdn, code, network)

    def dial(self) -> Any:
        """Send the code; return the answer as it is."""
        return self._send(None)

    def press(self, key: str) -> Any:
        """Send a key; return the answer as it is."""
        self.session.typed.append(key)
        return self._send(key)

    def again(self) -> Any:
        """Send the last request once more."""
        return self.client.send(self._sent)

    def read(self, answer: Any) -> tuple[str, str]:
        """The action (continue, end) and text of an answer."""
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, self.client.dialect.content_type)
        reply = self.client.dialect.understand(answer.content)
        return reply.action, reply.text

    def _send(self, key: str | None) -> Any:
        self.session.sequence += 1
        self._sent = self.client.dialect.compose(self.session, key)
        return self.client.send(self._sent)


def key_for(dialect: Dialect[Any], name: str = "") -> tuple[str, str]:
    """A key for a client that proves who it is as the dialect asks."""
    auth.forget_cached()
    client = ApiClient.objects.create(
        name=name or dialect.name, kind="ussd", proof=dialect.proof, networks=["127.0.0.0/8"]
    )
    key, secret = keys.issue(client=client, by="test", now=clock.now())
    return key.key_id, secret


@pytest.fixture
def africastalking(db: None) -> AfricasTalking:
    return AfricasTalking(*key_for(DIALECTS["africastalking"]))


@pytest.fixture
def comviva(db: None) -> Comviva:
    return Comviva(*key_for(DIALECTS["comviva"]))


@pytest.fixture
def gateway(db: None) -> Gateway:
    return Gateway(*key_for(DIALECTS["native"], "gateway"))


@pytest.fixture
def noon(stand_at: Callable[[datetime], None], now: datetime) -> None:
    """The clock stands, and this process remembers no session."""
    stand_at(now)
    sessions._hints.clear()


@pytest.fixture
def anna(make_subscriber: Callable[..., Subscriber], db: None) -> Subscriber:
    return make_subscriber(msisdn=ANNA, language="en")


@pytest.fixture
def member(anna: Subscriber, now: datetime) -> Subscriber:
    """Anna, who has joined and not activated yet."""
    enroll(anna, now)
    return anna
