"""What no gateway should send: a clear problem or a polite end, never a crash, never an effect."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from secrets import token_hex
from typing import Any
from urllib.parse import quote_plus, urlencode
from xml.sax.saxutils import escape

import pytest
from defusedxml.ElementTree import fromstring
from django.test import Client

from bonuses.models import Grant, LedgerEntry
from core.access import auth, keys
from core.access.models import ApiClient
from enrollment.models import ConsentEvent, Membership, Subscriber
from smart.ussd.models import UssdSession
from tests.bonuses.conftest import enroll
from tests.ussd.conftest import AfricasTalking, Comviva, Gateway

pytestmark = pytest.mark.django_db

ANNA, BORIS = "77010000001", "77010000002"
MENU = b'{"msisdn": "77010000001", "dialed": "*555#", "sequence": 1}'
FOREIGN = "SMART — только для номеров activ."


class Native:
    """Our own dialect, told what to send field by field; None leaves a field out."""

    path = "/api/ussd/v1/sessions/s/"

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def send(self, body: bytes) -> Any:
        return self.gateway.post(self.path, body)

    def dial(self, *, msisdn: Any = ANNA, code: Any = "*555*2#", session: str = "s") -> Any:
        return self._fields(session, msisdn=msisdn, dialed=code, sequence=1, visited_plmn="40102")

    def press(self, key: Any, *, before: tuple[str, ...]) -> Any:
        return self._fields("s", msisdn=ANNA, input=key, sequence=2 + len(before))

    def _fields(self, session: str, **fields: Any) -> Any:
        return self.gateway.post(f"/api/ussd/v1/sessions/{session}/", json.dumps(fields).encode())


class Form:
    """Africa's Talking, told what to send; what no UTF-8 can hold goes as the bytes a careless encoder makes."""

    def __init__(self, gateway: AfricasTalking) -> None:
        self.gateway, self.path = gateway, gateway.path

    def send(self, body: bytes) -> Any:
        return self.gateway.post(body)

    def dial(self, *, msisdn: str = ANNA, code: str = "*555*2#", session: str = "s") -> Any:
        return self._fields(sessionId=session, phoneNumber=msisdn, serviceCode=code, text="")

    def press(self, key: str, *, before: tuple[str, ...]) -> Any:
        text = "*".join((*before, key))
        return self._fields(sessionId="s", phoneNumber=ANNA, serviceCode="*555#", text=text)

    def _fields(self, **fields: str) -> Any:
        return self.send(urlencode(fields, errors="surrogatepass", quote_via=quote_plus).encode())


class Xml:
    """Comviva, told what to send; character by character, whether XML allows them or not."""

    def __init__(self, gateway: Comviva) -> None:
        self.gateway, self.path = gateway, gateway.path

    def send(self, body: bytes) -> Any:
        return self.gateway.post(body)

    def dial(self, *, msisdn: str = ANNA, code: str = "*555*2#", session: str = "s") -> Any:
        return self._fields(session, msisdn, code, new="1", transaction="t1")

    def press(self, key: str, *, before: tuple[str, ...]) -> Any:
        return self._fields("s", ANNA, key, new="0", transaction=f"t{2 + len(before)}")

    def _fields(self, session: str, msisdn: str, typed: str, *, new: str, transaction: str) -> Any:
        fields = {"sessionId": session, "transactionId": transaction, "msisdn": msisdn, "newRequest": new}
        fields |= {"subscriberInput": typed}
        inner = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
        return self.send(f'<request type="pull">{inner}</request>'.encode(errors="surrogatepass"))


Door = Native | Form | Xml


@pytest.fixture(autouse=True)
def _noon(stand_at: Callable[[datetime], None], now: datetime) -> None:
    stand_at(now)


@pytest.fixture
def native(gateway: Gateway) -> Native:
    return Native(gateway)


@pytest.fixture(params=["native", "africastalking", "comviva"])
def door(request: pytest.FixtureRequest) -> Door:
    """Each of the three endpoints in turn."""
    name = request.param
    kind = {"native": Native, "africastalking": Form, "comviva": Xml}[name]
    made: Door = kind(request.getfixturevalue("gateway" if name == "native" else name))
    return made


def _rows() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (Membership, ConsentEvent, Grant, LedgerEntry)]


@pytest.fixture
def untouched(make_subscriber: Callable[..., Subscriber], now: datetime, db: None) -> Iterator[None]:
    """Anna is a member with a bonus waiting, Boris is none; after the test nothing of either has changed."""
    enroll(make_subscriber(msisdn=ANNA, language="en"), now)
    make_subscriber(msisdn=BORIS, language="en")
    before = _rows()
    yield
    assert _rows() == before


def problem(answer: Any) -> tuple[int, str]:
    """Status and code of a problem; fails unless it is a whole one."""
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (body["type"], body["status"]) == (f"urn:smart:problem:{body['code']}", answer.status_code)
    assert body["title"]
    assert body["instance"] == f"urn:smart:request:{answer.headers['X-Request-ID']}"
    return answer.status_code, body["code"]


def reply(answer: Any) -> tuple[str, str]:
    """The action (continue, end) and text of any dialect's answer."""
    assert answer.status_code == 200, answer.content
    kind = answer.headers["Content-Type"]
    if kind == "application/json":
        body = answer.json()
        return body["action"], body["text"]
    if kind.startswith("text/xml"):
        root = fromstring(answer.content)
        state = root.findtext("freeflow/freeflowState") or ""
        return {"FC": "continue", "FB": "end"}[state], root.findtext("applicationResponse") or ""
    verb, _space, text = answer.content.decode().partition(" ")
    return {"CON": "continue", "END": "end"}[verb], text


def is_no(answer: Any) -> bool:
    """True for a polite end and for a problem with the request."""
    if answer.status_code == 200:
        return reply(answer)[0] == "end"
    return problem(answer) == (422, "invalid")


# -- the body as a whole

BODIES = {
    "empty": b"",
    "blank": b" \n",
    "list": b"[]",
    "list of objects": b'[{"msisdn": "77010000001", "dialed": "*555*2#", "sequence": 1}]',
    "string": b'"*555*2#"',
    "number": b"555",
    "null": b"null",
    "true": b"true",
    "not a number": b"NaN",
    "empty object": b"{}",
    "cut short": b'{"msisdn": "77010000001", "dialed": "*555*2#", "sequ',
    "two objects": b'{"msisdn": "77010000001", "dialed": "*555*2#", "sequence": 1}{}',
    "single quotes": b"{'msisdn': '77010000001', 'dialed': '*555*2#', 'sequence': 1}",
    "deeply nested list": b"[" * 16_000,
    "deeply nested object": b'{"a":' * 3_000,
    "deeply nested element": b"<a>" * 5_000,
    "cp1251": "привет".encode("cp1251"),
    "cp1251 in JSON": '{"msisdn": "77010000001", "dialed": "*555*2#", "sequence": 1, "note": "да"}'.encode("cp1251"),
    "utf-16": '{"msisdn": "77010000001", "dialed": "*555*2#", "sequence": 1}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"msisdn": "77010000001", "dialed": "*555*2#", "sequence": 1}',
    "NUL": b"\x00",
    "NULs": b"\x00" * 1000,
    "emoji": "🎁".encode(),
    "right-to-left marks": "\u202e\u200f".encode(),
    "raw surrogate": "\ud800".encode(errors="surrogatepass"),
    "broken percents": b"sessionId=%zz&%=%&phoneNumber=%ff",
    "element without fields": b"<request/>",
    "another element": b"<response><sessionId>s</sessionId></response>",
    "unknown encoding": b'<?xml version="1.0" encoding="klingon"?><request/>',
    "encoding that is no charset": b'<?xml version="1.0" encoding="base64"?><request/>',
    "multi-byte encoding": b'<?xml version="1.0" encoding="shift_jis"?><request/>',
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_body_that_is_no_request_is_a_problem(door: Door, body: bytes) -> None:
    assert problem(door.send(body)) == (422, "invalid")
    assert not UssdSession.objects.exists()


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("size", [16 * 1024 + 1, 1024 * 1024], ids=["16 KB and a byte", "1 MB"])
def test_a_body_too_large_is_refused_unread(door: Door, size: int) -> None:
    assert problem(door.send(b" " * size)) == (413, "too_large")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "text/xml", ""])
def test_a_form_by_any_other_name_is_a_problem(africastalking: AfricasTalking, content_type: str) -> None:
    africastalking.content_type = content_type

    answer = africastalking.ask("s", ANNA, "2")

    assert problem(answer) == (422, "invalid")


# -- numbers

NUMBERS = {
    "Russian": "79161234567",
    "American": "+12025550123",
    "Uzbek": "998901234567",
    "landline of Astana": "77172000000",
    "landline of Almaty": "+7 727 258 83 00",
    "short code": "3030",
    "a digit short": "7701000000",
    "a digit long": "770100000012",
    "empty": "",
    "blank": "   ",
    "word": "anna",
    "emoji": "🎁7010000001",
    "Arabic digits": "٧٧٠١٠٠٠٠٠٠١",
    "two numbers": "77010000001,77010000002",
    "extension": "77010000001;ext=2",
    "SQL": "77010000001' OR '1'='1",
    "forty characters": "7" * 40,
    "41 characters": "7" * 41,
    "NUL": "7701000\x000001",
    "lone surrogate": "7701000000\ud800",
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("msisdn", NUMBERS.values(), ids=NUMBERS.keys())
def test_a_number_that_is_no_mobile_number_of_kazakhstan_gets_a_no(door: Door, msisdn: str) -> None:
    """J1."""
    assert is_no(door.dial(msisdn=msisdn))
    assert not UssdSession.objects.exists()


@pytest.mark.parametrize("msisdn", ["79161234567", "77172000000", "3030"], ids=["foreign", "landline", "short"])
def test_a_readable_number_of_others_hears_whom_smart_is_for(door: Door, msisdn: str) -> None:
    """J1."""
    assert reply(door.dial(msisdn=msisdn)) == ("end", FOREIGN)


@pytest.mark.parametrize(
    "msisdn", ["\u202a+7 701 000 00 01\u202c", "8 (701) 000\u201000\u201001\u200f"], ids=["embedded", "marked"]
)
def test_marks_of_direction_do_not_hide_a_number(
    door: Door, make_subscriber: Callable[..., Subscriber], msisdn: str
) -> None:
    make_subscriber(msisdn=ANNA, language="en")

    assert "offers and surveys" in reply(door.dial(msisdn=msisdn, code="*555*1#"))[1]


# -- codes and keys

CODES = {
    "another root": "*777#",
    "unknown digits": "*555*9#",
    "zeros": "*555*000#",
    "negative": "*555*-2#",
    "decimal": "*555*2.0#",
    "no star": "*5552#",
    "empty digit first": "*555***2#",
    "another operator's": "*100*2#",
    "seven digits": "*5555555*2#",
    "empty": "",
    "word": "leave",
    "only hash": "#",
    "hash inside": "*555#*2#",
    "GSM service code": "##002#",
    "Arabic digits": "*٥٥٥*٢#",
    "full-width digit": "*555*２#",
    "emoji": "*555*2️⃣#",
    "mark before the digit": "*555*\u200f2#",
    "NUL": "*555*\x002#",
    "lone surrogate": "*555*2\ud800#",
    "182 characters": "*555*" + "9" * 176 + "#",
    "183 characters": "*555*" + "9" * 177 + "#",
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
def test_a_code_that_is_none_of_ours_gets_a_no(door: Door, code: str) -> None:
    assert is_no(door.dial(code=code))


KEYS = {
    "empty": "",
    "blank": "  ",
    "letter": "x",
    "Cyrillic letter": "б",
    "word": "yes",
    "negative": "-1",
    "decimal": "1.0",
    "eleven": "11",
    "leading zero": "01",
    "Arabic digit": "١",
    "full-width digit": "１",
    "superscript": "¹",
    "keycap": "1️⃣",
    "gift": "🎁",
    "mark before the digit": "\u200f1",
    "mark after the digit": "1\u202e",
    "hash before": "#1",
    "very long": "1" * 150,
    "SQL": "1' OR '1'='1",
    "placeholders": "%s%(units)s{0}",
    "NUL": "1\x00",
    "lone surrogate": "1\ud800",
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_a_key_that_is_not_on_the_screen_leaves_nobody(door: Door, key: str) -> None:
    """J5: the question is asked again, or the request is a problem."""
    door.dial(code="*555#")
    door.press("2", before=())

    answer = door.press(key, before=("2",))

    if answer.status_code == 200:
        assert reply(answer)[1].endswith("Leave SMART? Units lost: 500.\n1 Yes\n2 No")
    else:
        assert problem(answer) == (422, "invalid")


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS.keys())
def test_a_key_that_is_not_on_the_screen_is_no_consent(
    door: Door, make_subscriber: Callable[..., Subscriber], key: str
) -> None:
    """J3: accepting is the key named beside "yes", nothing like it."""
    make_subscriber(msisdn=ANNA, language="en")
    door.dial(code="*555#")
    door.press("1", before=())

    answer = door.press(key, before=("1",))

    assert answer.status_code == 422 or "offers and surveys" in reply(answer)[1]
    assert (Membership.objects.count(), ConsentEvent.objects.count(), Grant.objects.count()) == (0, 0, 0)


# -- our own fields

STEPS = {
    "sequence missing": {"dialed": "*555*2#"},
    "sequence negative": {"dialed": "*555*2#", "sequence": -1},
    "sequence over 31 bits": {"dialed": "*555*2#", "sequence": 2**31},
    "sequence huge": {"dialed": "*555*2#", "sequence": 10**30},
    "sequence boolean": {"dialed": "*555*2#", "sequence": True},
    "sequence whole but a float": {"dialed": "*555*2#", "sequence": 1.0},
    "sequence float": {"dialed": "*555*2#", "sequence": 1.5},
    "sequence infinite": {"dialed": "*555*2#", "sequence": float("inf")},
    "sequence a string": {"dialed": "*555*2#", "sequence": "1"},
    "sequence null": {"dialed": "*555*2#", "sequence": None},
    "sequence a list": {"dialed": "*555*2#", "sequence": [1]},
    "neither dialed nor pressed": {"sequence": 1},
    "both dialed and pressed": {"dialed": "*555*2#", "input": "1", "sequence": 1},
    "dialed null": {"dialed": None, "sequence": 1},
    "dialed a number": {"dialed": 555, "sequence": 1},
    "dialed nested": {"dialed": {"code": "*555*2#"}, "sequence": 1},
    "input a number": {"input": 1, "sequence": 1},
    "input a boolean": {"input": True, "sequence": 1},
    "input too long": {"input": "1" * 183, "sequence": 1},
    "number null": {"msisdn": None, "dialed": "*555*2#", "sequence": 1},
    "number a number": {"msisdn": 77010000001, "dialed": "*555*2#", "sequence": 1},
    "number nested": {"msisdn": [["77010000001"]], "dialed": "*555*2#", "sequence": 1},
    "network a number": {"dialed": "*555*2#", "sequence": 1, "visited_plmn": 40102},
    "network false": {"dialed": "*555*2#", "sequence": 1, "visited_plmn": False},
    "network too long": {"dialed": "*555*2#", "sequence": 1, "visited_plmn": "4010200"},
    "network with NUL": {"dialed": "*555*2#", "sequence": 1, "visited_plmn": "401\x00"},
    "network with a lone surrogate": {"dialed": "*555*2#", "sequence": 1, "visited_plmn": "401\ud800"},
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("fields", STEPS.values(), ids=STEPS.keys())
def test_a_field_of_another_shape_is_a_problem(native: Native, fields: dict[str, Any]) -> None:
    answer = native.send(json.dumps({"msisdn": ANNA, **fields}).encode())

    assert problem(answer) == (422, "invalid")
    assert answer.json()["errors"]
    assert not UssdSession.objects.exists()


@pytest.mark.usefixtures("untouched")
def test_a_sequence_of_thousands_of_digits_is_a_problem(native: Native) -> None:
    body = b'{"msisdn": "77010000001", "dialed": "*555*2#", "sequence": %s}' % (b"9" * 5000)

    assert problem(native.send(body)) == (422, "invalid")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("network", ["401", "40102\u200f", "٤٠١٠٢", "🎁", "NULL"])
def test_a_network_nobody_knows_activates_nothing(native: Native, network: str) -> None:
    """B4."""
    fields = {"msisdn": ANNA, "dialed": "*555*00#", "sequence": 1, "visited_plmn": network}

    assert reply(native.send(json.dumps(fields).encode())) == (
        "end",
        "Cannot activate right now. Please try again later.",
    )


# -- session ids


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "session", ["%00", "s%00s", "s" * 129, "s" * 5000, "%D0%B0" * 129], ids=["NUL", "NUL inside", "129", "5000", "wide"]
)
def test_a_session_id_that_cannot_be_kept_is_a_problem(native: Native, session: str) -> None:
    assert problem(native.dial(session=session)) == (422, "invalid")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("session", ["", "s" * 129, "s\x00"], ids=["empty", "129", "NUL"])
def test_a_session_id_in_a_field_that_cannot_be_kept_is_a_problem(
    africastalking: AfricasTalking, comviva: Comviva, session: str
) -> None:
    for door in (Form(africastalking), Xml(comviva)):
        assert problem(door.dial(session=session)) == (422, "invalid")


@pytest.mark.parametrize(
    "session",
    ["%20", "%F0%9F%8E%81", "%25", "s" * 128, "%D0%B0" * 128],
    ids=["space", "emoji", "percent", "128", "wide"],
)
def test_an_odd_session_id_is_one_like_any_other(
    native: Native, make_subscriber: Callable[..., Subscriber], session: str
) -> None:
    make_subscriber(msisdn=ANNA, language="en")

    first, again = (native.dial(session=session, code="*555*1#") for _ in range(2))

    assert reply(first)[0] == "continue"
    assert again.content == first.content


# -- methods


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "TRACE"])
def test_another_method_than_post_is_a_problem(door: Door, method: str) -> None:
    answer = Client().generic(method, door.path, b"", content_type="application/json")

    assert problem(answer) == (405, "method_not_allowed")


# -- who is calling


@pytest.mark.usefixtures("untouched")
def test_the_same_signature_a_second_time_is_nobodys(gateway: Gateway) -> None:
    body = b'{"msisdn": "77010000001", "dialed": "*555#", "sequence": 1}'
    sent = gateway.signed(Native.path, body)

    first = gateway.post(Native.path, body, **sent)
    again = gateway.post(Native.path, body, **sent)

    assert reply(first)[0] == "continue"
    assert problem(again) == (401, "not_authenticated")
    assert UssdSession.objects.get().turn == 1


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"msisdn": "77010000001", "input": "1", "sequence": 7}', 200),
        (b'{"msisdn": "77010000002", "input": "1", "sequence": 2}', 200),
        (b'{"msisdn": "79161234567", "dialed": "*555#", "sequence": 1}', 200),
        (b'{"msisdn": "77010000001", "input": "9", "sequence": 2}', 200),
    ],
    ids=["out of order", "another's number", "foreign number", "the next key"],
)
def test_a_signature_that_got_any_reply_is_used_up(gateway: Gateway, body: bytes, status: int) -> None:
    gateway.step("s", ANNA, 1, dialed="*555#")
    sent = gateway.signed(Native.path, body)

    assert gateway.post(Native.path, body, **sent).status_code == status
    assert problem(gateway.post(Native.path, body, **sent)) == (401, "not_authenticated")


FORGED = {
    "no key": {"X-Smart-Key": ""},
    "unknown key": {"X-Smart-Key": "0123456789abcdef"},
    "key too long": {"X-Smart-Key": "k" * 5000},
    "no signature": {"X-Smart-Signature": ""},
    "another signature": {"X-Smart-Signature": "0" * 64},
    "signature that is no hex": {"X-Smart-Signature": "подпись"},
    "no timestamp": {"X-Smart-Timestamp": ""},
    "old timestamp": {"X-Smart-Timestamp": "1700000000"},
    "timestamp that is no number": {"X-Smart-Timestamp": "now"},
    "negative timestamp": {"X-Smart-Timestamp": "-1"},
    "endless timestamp": {"X-Smart-Timestamp": "9" * 5000},
    "superscript timestamp": {"X-Smart-Timestamp": "²"},
    "no nonce": {"X-Smart-Nonce": ""},
    "short nonce": {"X-Smart-Nonce": "n" * 15},
    "long nonce": {"X-Smart-Nonce": "n" * 65},
    "another nonce": {"X-Smart-Nonce": "n" * 16},
    "nonce with NUL": {"X-Smart-Nonce": "n" * 16 + "\x00"},
    "nonce that is no ASCII": {"X-Smart-Nonce": "н" * 16},
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED.keys())
def test_a_forged_signature_is_nobodys_without_detail(gateway: Gateway, headers: dict[str, str]) -> None:
    body = b'{"msisdn": "77010000001", "dialed": "*555*2#", "sequence": 1}'

    answer = gateway.post(Native.path, body, **headers)

    assert problem(answer) == (401, "not_authenticated")
    assert set(answer.json()) == {"type", "title", "status", "code", "instance"}
    assert answer.headers["WWW-Authenticate"] == "Smart"
    assert reply(gateway.post(Native.path, MENU))[0] == "continue"  # whose proof is right is answered


@pytest.mark.usefixtures("untouched")
def test_a_signature_of_another_body_or_address_is_nobodys(gateway: Gateway) -> None:
    body = b'{"msisdn": "77010000001", "dialed": "*555*2#", "sequence": 1}'

    for sent in (gateway.signed(Native.path, b"{}"), gateway.signed("/api/ussd/v1/sessions/t/", body)):
        assert problem(gateway.post(Native.path, body, **sent)) == (401, "not_authenticated")
    assert reply(gateway.post(Native.path, MENU))[0] == "continue"


def _basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


UNPROVEN = {
    "nothing": {"Authorization": ""},
    "another scheme": {"Authorization": "Bearer abc"},
    "scheme alone": {"Authorization": "Basic"},
    "no base64": {"Authorization": "Basic !!!"},
    "cut base64": {"Authorization": "Basic abc"},
    "bytes that are no text": {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
    "no colon": _basic("abc"),
    "unknown key": _basic("0123456789abcdef:secret"),
    "key too long": _basic("k" * 5000 + ":secret"),
    "emoji": _basic("🎁:🎁"),
    "key header without a dot": {"Authorization": "", "X-Api-Key": "abc"},
    "key header of an unknown key": {"Authorization": "", "X-Api-Key": "0123456789abcdef.secret"},
    "key header that is no ASCII": {"Authorization": "", "X-Api-Key": "ключ.ключ"},
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("headers", UNPROVEN.values(), ids=UNPROVEN.keys())
@pytest.mark.parametrize("name", ["africastalking", "comviva"])
def test_a_bare_key_that_is_none_is_nobodys(request: pytest.FixtureRequest, name: str, headers: dict[str, str]) -> None:
    gateway = request.getfixturevalue(name)

    answer = gateway.post(b"", **headers)

    assert problem(answer) == (401, "not_authenticated")
    assert set(answer.json()) == {"type", "title", "status", "code", "instance"}
    door = Form(gateway) if name == "africastalking" else Xml(gateway)
    assert reply(door.dial(code="*555#"))[0] == "continue"  # whose proof is right is answered


@pytest.mark.parametrize("client", ["charging", "elsewhere", "nowhere", "resting", "revoked", "signing"])
def test_a_key_that_may_not_call_is_nobodys(africastalking: AfricasTalking, now: datetime, client: str) -> None:
    """Another kind, another address, none listed, switched off, taken back, or made to sign."""
    fields = {
        "charging": {"kind": "charging"},
        "elsewhere": {"networks": ["192.0.2.0/24"]},
        "nowhere": {"networks": []},
        "resting": {"is_active": False},
        "signing": {"proof": "signature"},
    }.get(client, {})
    usual = {"kind": "ussd", "proof": "key", "networks": ["127.0.0.0/8"]}
    key, secret = keys.issue(client=ApiClient.objects.create(name=client, **usual | fields), by="test", now=now)
    if client == "revoked":
        keys.revoke(key=key, by="test", now=now)
        auth.forget_cached()

    assert problem(AfricasTalking(key.key_id, secret).ask("s", ANNA, "")) == (401, "not_authenticated")
    assert africastalking.ask("s", ANNA, "").status_code == 200


def test_a_wrong_secret_is_nobodys(africastalking: AfricasTalking) -> None:
    key_id = ApiClient.objects.get().keys.get().key_id

    assert problem(AfricasTalking(key_id, token_hex(16)).ask("s", ANNA, "")) == (401, "not_authenticated")
    assert africastalking.ask("s", ANNA, "").status_code == 200


FORMS = {
    "another charset": ("application/x-www-form-urlencoded", "sessionId=s&text=меню".encode("cp1251")),
    "no boundary": ("multipart/form-data", b"--x"),
    "a boundary that is none": ("multipart/form-data; boundary=é", b"--x"),
    "a thousand fields": ("application/x-www-form-urlencoded", b"&".join(b"f%d=1" % n for n in range(1001))),
}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(("content_type", "body"), FORMS.values(), ids=FORMS)
def test_a_form_that_cannot_be_read_is_a_problem(
    africastalking: AfricasTalking, content_type: str, body: bytes
) -> None:
    africastalking.content_type = content_type

    assert problem(africastalking.post(body)) == (422, "invalid")


@pytest.mark.usefixtures("untouched")
def test_a_pull_without_a_transaction_is_a_problem(comviva: Comviva) -> None:
    """Two presses of one key could not be told from a retransmission."""
    assert problem(comviva.ask("s", "77010000001", "*555#", transaction="", new=True)) == (422, "invalid")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("path", ["/api/ussd/v1/sessions/a%2Fb/", "/api/ussd/v2/", "/api/charging/v1/refunds/"])
def test_an_address_there_is_none_of_is_a_problem(gateway: Gateway, path: str) -> None:
    assert problem(gateway.post(path, b"{}")) == (404, "not_found")


def test_a_crash_is_a_problem_that_tells_nothing(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr("smart.ussd.engine.answer", crash)
    gateway.http.raise_request_exception = False

    answer = gateway.ask("s", ANNA, 1, dialed="*555#")

    assert problem(answer) == (500, "internal_error")
    assert b"secret" not in answer.content


def test_a_host_that_is_not_ours_is_a_problem_too() -> None:
    assert problem(Client().get("/api/schema/", headers={"Host": "evil.example"})) == (400, "bad_request")
