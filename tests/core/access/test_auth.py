"""Who may call: every wrong proof gets the same 401, without detail, and leaves nothing behind (ADR 0008)."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db.models.functions import Now
from django.test import Client, RequestFactory

from core.access import auth, keys
from core.access.models import ApiClient, ApiKey, Nonce
from core.lib import clock, signing
from smart.ussd.models import UssdSession

pytestmark = pytest.mark.django_db

PATH = "/api/ussd/v1/sessions/s1/"
BODY = b'{"msisdn": "77010000001", "dialed": "*555*1#", "sequence": 1, "visited_plmn": "40102"}'
NONCE = "0123456789abcdef"
REFUSAL = {
    "type": "urn:smart:problem:not_authenticated",
    "title": "Not authenticated.",
    "status": 401,
    "code": "not_authenticated",
}

Issue = Callable[..., tuple[ApiKey, str]]


@pytest.fixture(autouse=True)
def _frozen(now: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Signatures are dated by the machine's clock; here it stands."""
    auth.forget_cached()
    monkeypatch.setattr(clock, "machine", lambda: now)
    yield
    auth.forget_cached()


@pytest.fixture
def issue(now: datetime) -> Issue:
    """A key and its secret, of a client that is made on first use."""

    def make(name: str = "gateway", **fields: Any) -> tuple[ApiKey, str]:
        usual = {"kind": "ussd", "proof": "signature"}
        client, _made = ApiClient.objects.get_or_create(name=name, defaults=usual | fields)
        return keys.issue(client=client, by="test", now=now)

    return make


def rows() -> dict[str, int]:
    """How many rows every table has."""
    return {model._meta.label: model.objects.count() for model in apps.get_models() if hasattr(model, "objects")}


def assert_refused(answer: Any, before: dict[str, int]) -> None:
    """The one 401 there is, and nothing written."""
    body = answer.json()
    assert len(body.pop("instance")) == len("urn:smart:request:") + 16
    assert (answer.status_code, body, answer["WWW-Authenticate"]) == (401, REFUSAL, "Smart")
    assert rows() == before


# -- signed requests


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it is signed; `sent` says what differs on its way."""

    key_id: str
    secret: str
    path: str = PATH
    body: bytes = BODY
    method: str = "POST"
    late: int = 0
    stamp: str = ""
    nonce: str = NONCE
    address: str = "127.0.0.1"

    def send(self, now: datetime, **sent: Any) -> Any:
        stamp = self.stamp or str(int(now.timestamp()) - self.late)
        signature = signing.sign(self.secret, self.method, self.path, stamp, self.nonce, self.body)
        headers = {
            "X-Smart-Key": self.key_id,
            "X-Smart-Timestamp": stamp,
            "X-Smart-Nonce": self.nonce,
            "X-Smart-Signature": signature,
        }
        given = {name: value for name, value in (headers | sent.pop("headers", {})).items() if value is not None}
        path, body = sent.pop("path", self.path), sent.pop("body", self.body)
        return Client(REMOTE_ADDR=self.address).post(path, body, content_type="application/json", headers=given)


@pytest.fixture
def call(issue: Issue) -> Call:
    """A properly signed dial of `*555*1#`."""
    key, secret = issue()
    return Call(key.key_id, secret)


def test_a_signed_request_is_answered(call: Call, now: datetime) -> None:
    answer = call.send(now)

    assert (answer.status_code, set(answer.json())) == (200, {"action", "text", "encoding"})
    assert (UssdSession.objects.count(), Nonce.objects.count()) == (1, 1)


@pytest.mark.parametrize("late", [300, 299, 0, -299, -300])
def test_a_timestamp_within_300_seconds_is_taken(call: Call, now: datetime, late: int) -> None:
    assert replace(call, late=late).send(now).status_code == 200


SIGNED_WRONG = {
    "unknown key": {"key_id": "0" * 16},
    "key id too long": {"key_id": "k" * 33},
    "key id not ASCII": {"key_id": "ключ"},
    "another's secret": {"secret": "secret"},
    "no secret": {"secret": ""},
    "signed as GET": {"method": "GET"},
    "301 s late": {"late": 301},
    "301 s early": {"late": -301},
    "a day late": {"late": 86_400},
    "in milliseconds": {"stamp": "1795417200000"},
    "a word for a timestamp": {"stamp": "now"},
    "negative timestamp": {"stamp": "-1"},
    "fraction of a second": {"stamp": "1795417200.0"},
    "nonce too short": {"nonce": "n" * 15},
    "nonce too long": {"nonce": "n" * 65},
    "nonce not ASCII": {"nonce": "é" * 16},
    "nonce with NUL": {"nonce": "n" * 15 + "\x00"},
    "nonce with a line feed": {"nonce": "n" * 15 + "\n"},
}
SENT_OTHERWISE: dict[str, dict[str, Any]] = {
    "another body": {"body": BODY.replace(b"*555*1#", b"*555*2#")},
    "another number": {"body": BODY.replace(b"000001", b"000002")},
    "a space after the body": {"body": BODY + b" "},
    "no body": {"body": b""},
    "another session": {"path": "/api/ussd/v1/sessions/s2/"},
    "a query": {"path": f"{PATH}?a=1"},
    "no key": {"headers": {"X-Smart-Key": None}},
    "empty key": {"headers": {"X-Smart-Key": ""}},
    "no timestamp": {"headers": {"X-Smart-Timestamp": None}},
    "another timestamp": {"headers": {"X-Smart-Timestamp": "1795417201"}},
    "no nonce": {"headers": {"X-Smart-Nonce": None}},
    "another nonce": {"headers": {"X-Smart-Nonce": "fedcba9876543210"}},
    "no signature": {"headers": {"X-Smart-Signature": None}},
    "empty signature": {"headers": {"X-Smart-Signature": ""}},
    "a signature cut": {"headers": {"X-Smart-Signature": "0" * 63}},
    "a signature not ASCII": {"headers": {"X-Smart-Signature": "é" * 64}},
}


@pytest.mark.parametrize("wrong", SIGNED_WRONG.values(), ids=SIGNED_WRONG)
def test_what_is_signed_wrongly_is_refused(call: Call, now: datetime, wrong: dict[str, Any]) -> None:
    before = rows()

    assert_refused(replace(call, **wrong).send(now), before)


@pytest.mark.parametrize("sent", SENT_OTHERWISE.values(), ids=SENT_OTHERWISE)
def test_what_was_changed_on_its_way_is_refused(call: Call, now: datetime, sent: dict[str, Any]) -> None:
    before = rows()

    assert_refused(call.send(now, **sent), before)


def test_a_body_that_fits_no_schema_is_refused_before_it_is_read(call: Call, now: datetime) -> None:
    before = rows()

    assert_refused(replace(call, secret="wrong", body=b"{").send(now), before)


@pytest.mark.parametrize(
    "body",
    [BODY, BODY.replace(b"77010000001", b"+447700900123"), BODY.replace(b"dialed", b"input")],
    ids=["a dial", "a foreign number", "a key without a session"],
)
def test_a_replay_is_refused(call: Call, now: datetime, body: bytes) -> None:
    once = replace(call, body=body)
    first = once.send(now)
    before = rows()

    again = once.send(now)

    assert first.status_code == 200
    assert_refused(again, before)


def test_a_replayed_key_press_is_refused(call: Call, now: datetime) -> None:
    dialed = BODY.replace(b"*555*1#", b"*555#")
    pressed = b'{"msisdn": "77010000001", "input": "1", "sequence": 2}'
    replace(call, body=dialed).send(now)
    press = replace(call, body=pressed, nonce="1" * 16)
    first = press.send(now)
    steps = UssdSession.objects.get().steps
    before = rows()

    assert first.status_code == 200
    assert_refused(press.send(now), before)
    assert UssdSession.objects.get().steps == steps


def test_a_nonce_used_for_another_request_is_refused(call: Call, now: datetime) -> None:
    replace(call, body=BODY.replace(b"*555*1#", b"*555#")).send(now)
    before = rows()

    answer = replace(call, body=b'{"msisdn": "77010000001", "input": "1", "sequence": 2}').send(now)

    assert_refused(answer, before)
    assert len(UssdSession.objects.get().steps) == 1


def test_a_nonce_is_its_keys_own(call: Call, issue: Issue, now: datetime) -> None:
    key, secret = issue("another")

    assert call.send(now).status_code == 200
    assert Call(key.key_id, secret).send(now).status_code == 200


def test_a_refused_request_does_not_use_its_nonce_up(call: Call, now: datetime) -> None:
    assert replace(call, secret="wrong").send(now).status_code == 401
    assert call.send(now).status_code == 200


def test_a_signature_may_be_in_capitals(call: Call, now: datetime) -> None:
    stamp = str(int(now.timestamp()))
    signature = signing.sign(call.secret, "POST", PATH, stamp, NONCE, BODY).upper()

    assert call.send(now, headers={"X-Smart-Signature": signature}).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [{"kind": "charging"}, {"proof": "key"}, {"proof": "key", "networks": ["127.0.0.0/8"]}, {"is_active": False},
     {"networks": ["10.1.0.0/16"]}],
    ids=["charging system", "bare key", "bare key from its address", "inactive", "address off the list"],
)  # fmt: skip
def test_a_client_of_another_kind_is_refused(issue: Issue, now: datetime, fields: dict[str, Any]) -> None:
    key, secret = issue("another", **fields)
    before = rows()

    assert_refused(Call(key.key_id, secret).send(now), before)


def test_a_gateway_cannot_debit(call: Call, now: datetime) -> None:
    """P3."""
    before = rows()

    answer = replace(call, path="/api/charging/v1/debits/").send(now)

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert rows() == before


def test_a_signed_request_from_a_listed_address_is_answered(issue: Issue, now: datetime) -> None:
    key, secret = issue(networks=["192.0.2.0/24", "2001:db8::/32"])

    answers = [
        Call(key.key_id, secret, nonce=f"{n}" * 16, address=address).send(now).status_code
        for n, address in enumerate(["192.0.2.7", "2001:db8::7", "198.51.100.7", "2001:db9::7", "not an address"])
    ]

    assert answers == [200, 200, 401, 401, 401]


@pytest.mark.parametrize(
    "networks", [["10.0.0.0/33"], ["127.0.0.0/8", "anywhere"], [""]], ids=["bits", "word", "empty"]
)
def test_a_list_that_cannot_be_read_lets_nobody_in(issue: Issue, now: datetime, networks: list[str]) -> None:
    key, secret = issue(networks=networks)
    before = rows()

    assert_refused(Call(key.key_id, secret).send(now), before)


@pytest.mark.parametrize("text", ["10.0.0.0/33", "anywhere", "10.0.0.1-10.0.0.9"])
def test_a_list_that_cannot_be_read_is_not_taken(text: str) -> None:
    client = ApiClient(name="gateway", kind="ussd", proof="key", networks=["10.0.0.0/8", text])

    with pytest.raises(ValidationError) as refused:
        client.full_clean()

    assert set(refused.value.message_dict) == {"networks"}


# -- the life of a key


def test_a_revoked_key_is_refused(call: Call, now: datetime) -> None:
    assert call.send(now).status_code == 200
    keys.revoke(key=ApiKey.objects.get(), by="test", now=now)
    auth.forget_cached()
    before = rows()

    assert_refused(replace(call, nonce="1" * 16).send(now), before)


def test_a_revoked_key_works_no_longer_than_the_cache(
    call: Call, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call.send(now).status_code == 200
    keys.revoke(key=ApiKey.objects.get(), by="test", now=now)

    assert replace(call, nonce="1" * 16).send(now).status_code == 200
    monkeypatch.setattr(auth, "CACHE_SECONDS", 0.0)
    assert replace(call, nonce="2" * 16).send(now).status_code == 401


def test_a_client_made_inactive_is_refused(call: Call, now: datetime) -> None:
    assert call.send(now).status_code == 200
    ApiClient.objects.update(is_active=False)
    auth.forget_cached()
    before = rows()

    assert_refused(replace(call, nonce="1" * 16).send(now), before)


def test_two_live_keys_work_and_a_third_is_refused(call: Call, issue: Issue, now: datetime) -> None:
    key, secret = issue()
    before = rows()

    with pytest.raises(keys.NoFreeSlot):
        issue()

    assert rows() == before
    assert call.send(now).status_code == Call(key.key_id, secret).send(now).status_code == 200


def test_one_keys_secret_does_not_sign_for_the_other(call: Call, issue: Issue, now: datetime) -> None:
    key, _secret = issue()
    before = rows()

    assert_refused(replace(call, key_id=key.key_id).send(now), before)


def test_when_one_of_two_is_revoked_the_other_works_on(call: Call, issue: Issue, now: datetime) -> None:
    key, secret = issue()

    keys.revoke(key=ApiKey.objects.get(key_id=call.key_id), by="test", now=now)

    assert Call(key.key_id, secret).send(now).status_code == 200
    assert call.send(now).status_code == 401


@pytest.mark.parametrize(("seconds", "forgotten"), [(0, 0), (600, 0), (655, 0), (665, 1), (86_400, 1)])
def test_a_nonce_is_forgotten_when_no_timestamp_can_make_it_fresh(seconds: int, forgotten: int) -> None:
    """A request dated 300 s ahead may be repeated until 600 s later."""
    Nonce.objects.create(key_id="k", nonce=NONCE, seen_at=Now() - timedelta(seconds=seconds))

    assert auth.forget_nonces() == forgotten
    assert Nonce.objects.count() == 1 - forgotten


# -- bare keys from listed addresses

FORM = {"sessionId": "s1", "phoneNumber": "+77010000001", "networkCode": "40102", "serviceCode": "*555#", "text": "1"}
XML = (
    "<request type='pull'><sessionId>s1</sessionId><transactionId>t1</transactionId><msisdn>77010000001</msisdn>"
    "<newRequest>1</newRequest><subscriberInput>*555*1#</subscriberInput></request>"
)
LISTED = "10.1.2.3"
KEYED: dict[str, Any] = {"proof": "key", "networks": ["10.1.0.0/16", "2001:db8::/32"]}
Header = Callable[[str, str], dict[str, str]]


def ask_africastalking(headers: dict[str, str], address: str) -> Any:
    return Client(REMOTE_ADDR=address).post("/api/ussd/v1/africastalking/", FORM, headers=headers)


def ask_comviva(headers: dict[str, str], address: str) -> Any:
    return Client(REMOTE_ADDR=address).post("/api/ussd/v1/comviva/", XML, content_type="text/xml", headers=headers)


def api_key(key_id: str, secret: str) -> dict[str, str]:
    return {"X-Api-Key": f"{key_id}.{secret}"}


def basic(key_id: str, secret: str, scheme: str = "Basic") -> dict[str, str]:
    return {"Authorization": f"{scheme} {base64.b64encode(f'{key_id}:{secret}'.encode()).decode()}"}


@pytest.fixture(params=[ask_africastalking, ask_comviva], ids=["Africa's Talking", "Comviva"])
def ask(request: pytest.FixtureRequest) -> Callable[[dict[str, str], str], Any]:
    """Ask in a dialect that cannot sign."""
    return request.param


Ask = Callable[[dict[str, str], str], Any]


@pytest.mark.parametrize(
    "header", [api_key, basic, lambda *key: basic(*key, scheme="BASIC")], ids=["X-Api-Key", "Basic", "BASIC"]
)
@pytest.mark.parametrize("address", [LISTED, "10.1.255.255", "2001:db8::1"])
def test_a_bare_key_from_a_listed_address_is_answered(ask: Ask, issue: Issue, header: Header, address: str) -> None:
    key, secret = issue(**KEYED)

    assert ask(header(key.key_id, secret), address).status_code == 200
    assert UssdSession.objects.count() == 1


@pytest.mark.parametrize("address", ["10.2.0.0", "127.0.0.1", "2001:db9::1", "", "unix:"])
def test_a_bare_key_from_an_address_off_the_list_is_refused(ask: Ask, issue: Issue, address: str) -> None:
    key, secret = issue(**KEYED)
    before = rows()

    assert_refused(ask(api_key(key.key_id, secret), address), before)


WRONG_KEYS: dict[str, Header] = {
    "no key": lambda key_id, secret: {},
    "empty X-Api-Key": lambda key_id, secret: {"X-Api-Key": ""},
    "a dot": lambda key_id, secret: {"X-Api-Key": "."},
    "key id alone": lambda key_id, secret: {"X-Api-Key": key_id},
    "no secret": lambda key_id, secret: api_key(key_id, ""),
    "wrong secret": lambda key_id, secret: api_key(key_id, "wrong"),
    "secret in small letters": lambda key_id, secret: api_key(key_id, secret.lower()),
    "secret and more": lambda key_id, secret: api_key(key_id, f"{secret}="),
    "secret not ASCII": lambda key_id, secret: api_key(key_id, "é"),
    "unknown key": lambda key_id, secret: api_key("0" * 16, secret),
    "key id too long": lambda key_id, secret: api_key(key_id + "0" * 32, secret),
    "X-Api-Key with a colon": lambda key_id, secret: {"X-Api-Key": f"{key_id}:{secret}"},
    "X-Api-Key wrong, Basic right": lambda key_id, secret: api_key(key_id, "wrong") | basic(key_id, secret),
    "Basic, wrong secret": lambda key_id, secret: basic(key_id, "wrong"),
    "Basic without anything": lambda key_id, secret: {"Authorization": "Basic"},
    "Basic, no colon": lambda key_id, secret: {"Authorization": f"Basic {base64.b64encode(b'key').decode()}"},
    "Basic, not base64": lambda key_id, secret: {"Authorization": f"Basic {key_id}:{secret}"},
    "Basic, bad padding": lambda key_id, secret: {"Authorization": "Basic a"},
    "Basic, not UTF-8": lambda key_id, secret: {"Authorization": "Basic /zr+"},
    "Bearer": lambda key_id, secret: basic(key_id, secret, scheme="Bearer"),
}


@pytest.mark.parametrize("header", WRONG_KEYS.values(), ids=WRONG_KEYS)
def test_a_wrong_key_is_refused(ask: Ask, issue: Issue, header: Header) -> None:
    key, secret = issue(**KEYED)
    before = rows()

    assert_refused(ask(header(key.key_id, secret), LISTED), before)


@pytest.mark.parametrize(
    "fields",
    [{"networks": []}, {"kind": "charging"}, {"proof": "signature"}, {"proof": "signature", "networks": []},
     {"is_active": False}],
    ids=["no addresses", "charging system", "signs", "signs, from anywhere", "inactive"],
)  # fmt: skip
def test_a_key_of_another_kind_of_client_is_refused(ask: Ask, issue: Issue, fields: dict[str, Any]) -> None:
    key, secret = issue(**KEYED | fields)
    before = rows()

    assert_refused(ask(api_key(key.key_id, secret), LISTED), before)


def test_a_bare_key_that_was_revoked_is_refused(ask: Ask, issue: Issue, now: datetime) -> None:
    key, secret = issue(**KEYED)
    assert ask(api_key(key.key_id, secret), LISTED).status_code == 200
    keys.revoke(key=key, by="test", now=now)
    auth.forget_cached()
    before = rows()

    assert_refused(ask(api_key(key.key_id, secret), LISTED), before)


def test_a_key_that_signs_does_not_open_the_keyed_dialects(ask: Ask, call: Call) -> None:
    before = rows()

    assert_refused(ask(api_key(call.key_id, call.secret), "127.0.0.1"), before)


def test_every_refusal_reads_the_same(call: Call, issue: Issue, now: datetime) -> None:
    key, secret = issue("keyed", **KEYED)
    answers = [
        replace(call, secret="wrong").send(now),
        replace(call, late=301).send(now),
        ask_comviva(api_key(key.key_id, "wrong"), LISTED),
        ask_africastalking(api_key(key.key_id, secret), "127.0.0.1"),
    ]

    bodies = {json.dumps({**answer.json(), "instance": ""}) for answer in answers}

    assert len(bodies) == 1
    assert {answer["Content-Type"] for answer in answers} == {"application/problem+json"}


# -- addresses behind proxies


@pytest.mark.parametrize("forwarded", [LISTED, f"{LISTED}, 203.0.113.9", f"203.0.113.9, {LISTED}"])
def test_a_forwarded_address_is_not_believed_without_trusted_proxies(
    ask: Ask, issue: Issue, settings: Any, forwarded: str
) -> None:
    settings.TRUSTED_PROXIES = 0
    key, secret = issue(**KEYED)
    before = rows()

    answer = ask(api_key(key.key_id, secret) | {"X-Forwarded-For": forwarded}, "203.0.113.9")

    assert_refused(answer, before)


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [(LISTED, 200), (f"203.0.113.9, {LISTED}", 200), (f"{LISTED}, 203.0.113.9", 401), ("", 401), ("unknown", 401)],
    ids=["listed", "listed, last", "listed, claimed by the caller", "none", "no address"],
)
def test_a_trusted_proxys_word_is_believed_and_the_callers_is_not(
    ask: Ask, issue: Issue, settings: Any, forwarded: str, status: int
) -> None:
    settings.TRUSTED_PROXIES = 1
    key, secret = issue(**KEYED)

    answer = ask(api_key(key.key_id, secret) | {"X-Forwarded-For": forwarded}, "192.0.2.1")

    assert answer.status_code == status


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "10.1.2.3", "192.0.2.1"),
        (1, "10.1.2.3", "10.1.2.3"),
        (1, "6.6.6.6, 10.1.2.3", "10.1.2.3"),
        (2, "6.6.6.6, 10.1.2.3, 192.0.2.2", "10.1.2.3"),
        (2, "10.1.2.3", "192.0.2.1"),
        (1, " , 10.1.2.3 ,", "10.1.2.3"),
        (1, "", "192.0.2.1"),
    ],
    ids=["no proxy", "one", "one, a claim before", "two", "fewer than there should be", "empty parts", "none"],
)
def test_the_address_is_what_the_outermost_trusted_proxy_saw(
    settings: Any, proxies: int, forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = proxies

    request = RequestFactory(REMOTE_ADDR="192.0.2.1").get("/", headers={"X-Forwarded-For": forwarded})

    assert auth.client_address(request) == address


HOSTILE = {
    "Basic beyond ASCII": {"Authorization": "Basic \u00e9"},
    "NUL in Basic": {"Authorization": "Basic " + base64.b64encode(b"a\x00b:x").decode()},
    "NUL in the bare key": {"X-Api-Key": "a\x00.b"},
    "NUL in the key id": {"X-Smart-Key": "a\x00"},
}


@pytest.mark.parametrize("path", [PATH, "/api/ussd/v1/africastalking/"])
@pytest.mark.parametrize("headers", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_header_is_nobodys(path: str, headers: dict[str, str]) -> None:
    before = rows()

    assert_refused(Client().post(path, BODY, content_type="application/json", headers=headers), before)


@pytest.mark.parametrize("session", ["a%3Ab", "a%40b", "%41", "%d0%b0", "%D0%B0", "a%2Bb", "a%20b"])
def test_a_path_is_signed_as_it_was_sent(issue: Issue, session: str, now: datetime) -> None:
    """Servers hand it on decoded; what was sent is found again among its spellings, but for needless escapes."""
    key, secret = issue()
    path = f"/api/ussd/v1/sessions/{session}/"
    stamp = str(int(now.timestamp()))
    signature = signing.sign(secret, "POST", path, stamp, NONCE, BODY)

    answer = Client().post(
        path,
        BODY,
        content_type="application/json",
        headers={
            "X-Smart-Key": key.key_id,
            "X-Smart-Timestamp": stamp,
            "X-Smart-Nonce": NONCE,
            "X-Smart-Signature": signature,
        },
    )

    assert answer.status_code == (401 if session == "%41" else 200)
