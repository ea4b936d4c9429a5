"""The charging system's requests as they come over the wire, signed (B5, B9, M6, P3)."""

import json
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator

from bonuses import lifecycle as bonuses
from bonuses.models import Debit, Grant, LedgerEntry
from core.access import auth, keys
from core.access.models import ApiClient
from core.lib import clock
from enrollment.models import Subscriber
from tests.bonuses.conftest import Member
from tests.ussd.conftest import Gateway

pytestmark = pytest.mark.django_db
PATH = "/api/charging/v1/debits/"
ANNA = "77010000001"
CALL = {
    "request_id": "cdr-1",
    "msisdn": ANNA,
    "service": "call",
    "destination": "on_net",
    "visited_plmn": "40102",
    "units": 3,
    "event_time": "2026-11-23T12:00:00+05:00",
}
GONE = object()  # as a field's value: the field is left out


@pytest.fixture(autouse=True)
def _noon(stand_at: Callable[[datetime], None], now: datetime) -> None:
    stand_at(now)


@pytest.fixture
def charging(db: None, now: datetime) -> Gateway:
    auth.forget_cached()
    client = ApiClient.objects.create(name="charging", kind="charging", proof="signature")
    key, secret = keys.issue(client=client, by="test", now=now)
    return Gateway(key.key_id, secret)


@pytest.fixture
def anna(make_member: Member, now: datetime) -> Subscriber:
    """A member with 500 active units."""
    subscriber = make_member(msisdn=ANNA)
    bonuses.activate(subscriber=subscriber, visited_plmn="40102", now=now)
    return subscriber


def body_of(**fields: Any) -> bytes:
    """A call of three units, some fields replaced."""
    return json.dumps({name: value for name, value in (CALL | fields).items() if value is not GONE}).encode()


def debit(charging: Gateway, **fields: Any) -> Any:
    return charging.post(PATH, body_of(**fields))


def problem(answer: Any) -> tuple[int, str]:
    """Status and code of a problem; fails unless it is a whole one."""
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (body["type"], body["status"]) == (f"urn:smart:problem:{body['code']}", answer.status_code)
    assert body["title"]
    assert body["instance"].startswith("urn:smart:request:")
    return answer.status_code, body["code"]


def fits(body: dict[str, Any], name: str, schemas: dict[str, Any]) -> bool:
    """True when the body has exactly what this schema asks for, and a code that it lists."""
    codes = schemas[schemas[name]["properties"]["code"]["$ref"].rpartition("/")[2]]["enum"]
    return set(body) == set(schemas[name]["required"]) and body["code"] in codes


def untouched() -> bool:
    """True when Anna has her 500 units and no request was kept."""
    return (
        Grant.objects.get().remaining == 500
        and not Debit.objects.exists()
        and not LedgerEntry.objects.filter(kind="debit").exists()
    )


# -- what is asked for rightly


def test_a_debit_is_answered_with_what_was_taken_and_what_is_left(charging: Gateway, anna: Subscriber) -> None:
    answer = debit(charging, units=120)

    assert (answer.status_code, answer.headers["Content-Type"]) == (201, "application/json")
    assert answer.json() == {"request_id": "cdr-1", "units_asked": 120, "units_granted": 120, "units_left": 380}
    assert Grant.objects.get().remaining == 380


def test_a_part_is_granted_where_a_part_is_allowed(charging: Gateway, anna: Subscriber) -> None:
    answer = debit(charging, units=501, allow_partial=True)

    assert (answer.status_code, answer.json()["units_granted"], answer.json()["units_left"]) == (201, 500, 0)


@pytest.mark.parametrize("msisdn", ["+7 (701) 000-00-01", "87010000001", "7010000001"])
def test_the_number_may_be_spelled_in_any_usual_way(charging: Gateway, anna: Subscriber, msisdn: str) -> None:
    assert debit(charging, msisdn=msisdn).status_code == 201


@pytest.mark.parametrize(
    "moment", ["2026-11-23T07:00:00Z", "2026-11-23T12:00:00.000+05:00", "2026-11-22T21:00:00-10:00"]
)
def test_an_instant_may_be_written_with_any_offset(charging: Gateway, anna: Subscriber, moment: str) -> None:
    assert debit(charging, event_time=moment).status_code == 201
    assert Debit.objects.get().event_at == datetime.fromisoformat("2026-11-23T07:00:00+00:00")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"units": 501}, "insufficient_units"),
        ({"units": 1_000_000}, "insufficient_units"),
        ({"service": "transfer"}, "not_payable"),
        ({"service": "🎁"}, "not_payable"),
        ({"service": "CALL"}, "not_payable"),
        ({"service": " call"}, "not_payable"),
        ({"destination": "on_net "}, "not_payable"),
        ({"destination": "international"}, "not_payable"),
        ({"destination": "мars"}, "not_payable"),
        ({"visited_plmn": "25001"}, "roaming"),
        ({"visited_plmn": ""}, "network_unknown"),
        ({"visited_plmn": None}, "network_unknown"),
        ({"visited_plmn": GONE}, "network_unknown"),
        ({"msisdn": "77010000099"}, "unknown_subscriber"),
    ],
    ids=[
        "more than there is", "as many as may be asked", "transfer", "unknown service", "service in capitals",
        "space before the service", "space behind the destination",
        "abroad", "unknown destination", "roaming", "no network", "network null", "network left out", "stranger",
    ],
)  # fmt: skip
def test_a_refusal_is_a_problem_that_names_its_reason(
    charging: Gateway, anna: Subscriber, fields: dict[str, Any], code: str
) -> None:
    """B9."""
    answer = debit(charging, **fields)

    assert problem(answer) == (409, code)
    assert (answer.json()["request_id"], answer.json()["units_granted"]) == ("cdr-1", 0)
    assert answer.json()["instance"] == f"urn:smart:request:{answer.headers['X-Request-ID']}"
    assert Grant.objects.get().remaining == 500


def test_units_that_lapsed_are_refused_though_nothing_swept(
    charging: Gateway, anna: Subscriber, stand_at: Callable[[datetime], None], now: datetime
) -> None:
    """B5."""
    lapse = now + timedelta(hours=168)
    stand_at(lapse)

    assert problem(debit(charging, event_time=lapse.isoformat())) == (409, "no_units")


# -- asked again


@pytest.mark.parametrize("fields", [{}, {"units": 501}], ids=["granted", "refused"])
def test_the_same_request_gets_the_same_bytes_and_takes_nothing_more(
    charging: Gateway, anna: Subscriber, fields: dict[str, Any]
) -> None:
    first = debit(charging, **fields)
    left = Grant.objects.get().remaining
    bonuses.reward(subscriber=anna, source="survey:1", now=clock.now())

    again = debit(charging, **fields)

    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert Grant.objects.get(kind="monthly").remaining == left
    assert Debit.objects.count() == 1


def test_a_repeated_refusal_names_the_request_that_was_refused(charging: Gateway, anna: Subscriber) -> None:
    first = debit(charging, units=501)
    again = debit(charging, units=501)

    assert again.json()["instance"] == f"urn:smart:request:{first.headers['X-Request-ID']}"
    assert again.headers["X-Request-ID"] != first.headers["X-Request-ID"]


def test_the_schema_tells_the_two_conflicts_apart(charging: Gateway, anna: Subscriber) -> None:
    """Its `oneOf` lets an answer fit one of them only; the code decides."""
    schemas = SchemaGenerator().get_schema(request=None, public=True)["components"]["schemas"]
    refused, reused = debit(charging, units=501).json(), debit(charging, units=502).json()

    for body, own in ((refused, "DebitProblem"), (reused, "RequestIdReused")):
        fitting = [name for name in ("DebitProblem", "RequestIdReused") if fits(body, name, schemas)]
        assert fitting == [own]


@pytest.mark.parametrize(
    "fields",
    [
        {"units": 4},
        {"msisdn": "77010000099"},
        {"service": "sms"},
        {"event_time": "2026-11-23T12:00:01+05:00"},
        {"n": 1},
    ],
    ids=["units", "number", "service", "instant", "unknown field"],
)
def test_a_request_id_is_not_used_twice(charging: Gateway, anna: Subscriber, fields: dict[str, Any]) -> None:
    debit(charging)

    assert problem(debit(charging, **fields)) == (409, "request_id_reused")
    assert Grant.objects.get().remaining == 497


def test_another_clients_request_id_is_its_own(charging: Gateway, anna: Subscriber, now: datetime) -> None:
    client = ApiClient.objects.create(name="another", kind="charging", proof="signature")
    key, secret = keys.issue(client=client, by="test", now=now)
    debit(charging)

    answer = debit(Gateway(key.key_id, secret))

    assert (answer.status_code, answer.json()["units_left"]) == (201, 494)


# -- who is asking

FORGED = {
    "nothing": {"X-Smart-Key": "", "X-Smart-Timestamp": "", "X-Smart-Nonce": "", "X-Smart-Signature": ""},
    "unknown key": {"X-Smart-Key": "0123456789abcdef"},
    "another signature": {"X-Smart-Signature": "0" * 64},
    "no signature": {"X-Smart-Signature": ""},
    "another nonce": {"X-Smart-Nonce": "n" * 16},
    "old timestamp": {"X-Smart-Timestamp": "1700000000"},
    "timestamp that is no number": {"X-Smart-Timestamp": "now"},
}


@pytest.mark.parametrize("headers", FORGED.values(), ids=FORGED.keys())
def test_a_forged_signature_is_nobodys_without_detail(
    charging: Gateway, anna: Subscriber, headers: dict[str, str]
) -> None:
    answer = charging.post(PATH, body_of(), **headers)

    assert problem(answer)[0] == 401
    assert set(answer.json()) == {"type", "title", "status", "code", "instance"}
    assert answer.headers["WWW-Authenticate"] == "Smart"
    assert untouched()
    assert debit(charging).status_code == 201  # whose proof is right is answered


def test_every_refused_proof_is_answered_alike(charging: Gateway, anna: Subscriber) -> None:
    answers = [charging.post(PATH, body_of(), **headers).json() for headers in FORGED.values()]

    assert len({json.dumps(answer | {"instance": ""}) for answer in answers}) == 1
    assert debit(charging).status_code == 201


def test_an_unsigned_request_is_nobodys(charging: Gateway, anna: Subscriber) -> None:
    answer = Client().post(PATH, body_of(), content_type="application/json")

    assert problem(answer)[0] == 401
    assert untouched()
    assert debit(charging).status_code == 201


def test_the_same_signature_a_second_time_is_nobodys(charging: Gateway, anna: Subscriber) -> None:
    sent = charging.signed(PATH, body_of())

    first = charging.post(PATH, body_of(), **sent)
    again = charging.post(PATH, body_of(), **sent)

    assert (first.status_code, problem(again)[0]) == (201, 401)
    assert Grant.objects.get().remaining == 497


def test_a_signature_of_another_body_is_nobodys(charging: Gateway, anna: Subscriber) -> None:
    assert problem(charging.post(PATH, body_of(units=300), **charging.signed(PATH, body_of())))[0] == 401
    assert untouched()
    assert debit(charging).status_code == 201


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "ussd"},
        {"proof": "key", "networks": ["127.0.0.0/8"]},
        {"is_active": False},
        {"networks": ["192.0.2.0/24"]},
    ],
    ids=["a gateway", "one with a bare key", "switched off", "from elsewhere"],
)
def test_a_client_that_may_not_debit_is_nobody(
    charging: Gateway, anna: Subscriber, now: datetime, fields: dict[str, Any]
) -> None:
    usual = {"name": "another", "kind": "charging", "proof": "signature"}
    key, secret = keys.issue(client=ApiClient.objects.create(**usual | fields), by="test", now=now)

    assert problem(debit(Gateway(key.key_id, secret)))[0] == 401
    assert untouched()
    assert debit(charging).status_code == 201


# -- what is asked for wrongly

FIELDS = {
    "no units": {"units": 0},
    "negative units": {"units": -1},
    "half a unit": {"units": 1.5},
    "boolean units": {"units": True},
    "a million and one units": {"units": 1_000_001},
    "more units than any integer": {"units": 10**30},
    "units in words": {"units": "ten"},
    "units null": {"units": None},
    "units nested": {"units": [3]},
    "units missing": {"units": GONE},
    "instant in words": {"event_time": "noon"},
    "instant empty": {"event_time": ""},
    "instant a number": {"event_time": 1795417200},
    "instant null": {"event_time": None},
    "instant nested": {"event_time": ["2026-11-23T12:00:00+05:00"]},
    "instant missing": {"event_time": GONE},
    "instant with NUL inside": {"event_time": "2026-11-23T12:00\x00:00+05:00"},
    "the thirteenth month": {"event_time": "2026-13-23T12:00:00+05:00"},
    "the 25th hour": {"event_time": "2026-11-23T25:00:00+05:00"},
    "after the last instant": {"event_time": "9999-12-31T23:59:59-05:00"},
    "before the first instant": {"event_time": "0001-01-01T00:00:00+05:00"},
    "number foreign": {"msisdn": "79161234567"},
    "number a landline": {"msisdn": "77172000000"},
    "number short": {"msisdn": "3030"},
    "number empty": {"msisdn": ""},
    "number null": {"msisdn": None},
    "number a boolean": {"msisdn": True},
    "number nested": {"msisdn": {"value": ANNA}},
    "number with NUL": {"msisdn": "7701000\x000001"},
    "number with a lone surrogate": {"msisdn": ANNA + "\ud800"},
    "number endless": {"msisdn": "7" * 5000},
    "number missing": {"msisdn": GONE},
    "service empty": {"service": ""},
    "service null": {"service": None},
    "service nested": {"service": ["call"]},
    "service with NUL": {"service": "call\x00"},
    "service with a lone surrogate": {"service": "call\ud800"},
    "service too long": {"service": "c" * 17},
    "destination with NUL": {"destination": "on_net\x00"},
    "destination missing": {"destination": GONE},
    "network too short": {"visited_plmn": "401"},
    "network too long": {"visited_plmn": "4010200"},
    "network in Arabic digits": {"visited_plmn": "٤٠١٠٢"},
    "network with NUL": {"visited_plmn": "40102\x00"},
    "request id empty": {"request_id": ""},
    "request id null": {"request_id": None},
    "request id with a blank inside": {"request_id": "cdr 1"},
    "request id with NUL": {"request_id": "cdr\x001"},
    "request id with an emoji": {"request_id": "cdr🎁"},
    "request id too long": {"request_id": "c" * 65},
    "request id nested": {"request_id": {}},
    "a part allowed, perhaps": {"allow_partial": "perhaps"},
    "a part allowed, null": {"allow_partial": None},
    "a part allowed, nested": {"allow_partial": []},
}


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS.keys())
def test_a_field_that_does_not_fit_is_a_problem(charging: Gateway, anna: Subscriber, fields: dict[str, Any]) -> None:
    answer = debit(charging, **fields)

    assert problem(answer) == (422, "invalid")
    assert set(answer.json()["errors"]) == set(fields)
    assert untouched()


@pytest.mark.parametrize(
    "moment",
    ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-11-23T12:05:01+05:00", "2026-09-22T11:59:59+05:00"],
    ids=["year 9999", "year 1", "over five minutes ahead", "over 62 days ago"],
)
def test_an_instant_out_of_reach_is_a_problem(charging: Gateway, anna: Subscriber, moment: str) -> None:
    assert problem(debit(charging, event_time=moment)) == (422, "event_time_implausible")
    assert untouched()


BODIES = {
    "empty": (b"", 422),
    "cut short": (b'{"request_id": "cdr-1", "msis', 400),
    "cp1251": ('{"request_id": "да"}'.encode("cp1251"), 400),
    "utf-16": (body_of().decode().encode("utf-16"), 400),
    "NUL": (b"\x00", 400),
    "NaN": (b'{"units": NaN}', 400),
    "a number twice": (body_of()[:-1] + b', "msisdn": "77010000099"}', 400),
    "spaces around the id": (body_of(request_id=" cdr-1 "), 422),
    "infinite units": (body_of(units=float("inf")), 400),
    "thousands of digits": (b'{"units": ' + b"9" * 5000 + b"}", 400),
    "list": (b"[" + body_of() + b"]", 422),
    "string": (b'"cdr-1"', 422),
    "number": (b"3", 422),
    "null": (b"null", 422),
    "empty object": (b"{}", 422),
}


@pytest.mark.parametrize(("body", "status"), BODIES.values(), ids=BODIES.keys())
def test_a_body_that_is_no_request_is_a_problem(charging: Gateway, anna: Subscriber, body: bytes, status: int) -> None:
    assert problem(charging.post(PATH, body))[0] == status
    assert untouched()


def test_a_body_too_large_is_refused(charging: Gateway, anna: Subscriber) -> None:
    for size in (16 * 1024, 1024 * 1024):
        assert problem(charging.post(PATH, body_of() + b" " * size)) == (413, "too_large")
    assert untouched()


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "text/xml", ""])
def test_a_body_of_another_type_is_a_problem(charging: Gateway, anna: Subscriber, content_type: str) -> None:
    sent = charging.signed(PATH, body_of())

    answer = Client().generic("POST", PATH, body_of(), content_type=content_type, headers=sent)

    assert problem(answer)[0] == 415
    assert untouched()


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_another_method_than_post_is_a_problem(charging: Gateway, anna: Subscriber, method: str) -> None:
    unsigned, signed = ({}, charging.signed(PATH, body_of(), method=method))

    answers = [
        Client().generic(method, PATH, body_of(), content_type="application/json", headers=headers)
        for headers in (unsigned, signed)
    ]

    assert [problem(answer) for answer in answers] == [(401, "not_authenticated"), (405, "method_not_allowed")]
    assert untouched()


# -- numbers stay where they are (M6)


@pytest.mark.parametrize(
    "body",
    [
        body_of(),
        body_of(units=501),
        body_of(units="ten"),
        body_of(msisdn=f"+{ANNA}9"),
        body_of(msisdn=[ANNA]),
        body_of(msisdn=f"{ANNA}\x00"),
        body_of(request_id=ANNA * 6),
        body_of(service=ANNA + "xxxxxx"),
        body_of(event_time=ANNA),
        body_of(allow_partial=ANNA),
        body_of()[:-1],
        b'"' + ANNA.encode() + b'"',
    ],
    ids=[
        "granted", "refused", "invalid", "number too long", "number nested", "number with NUL", "number as request id",
        "number as service", "number as instant", "number as switch", "cut short", "number alone",
    ],
)  # fmt: skip
def test_no_number_is_told_or_logged(
    charging: Gateway, anna: Subscriber, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    """M6."""
    caplog.set_level(logging.DEBUG)

    answer = charging.post(PATH, body)

    assert answer.status_code in (201, 400, 409, 422)
    for told in (answer.content.decode(), str(answer.headers), caplog.text):
        assert ANNA[1:] not in told


@pytest.mark.parametrize("body", ["[" * 16000, '{"a":' * 3000], ids=["lists", "objects"])
def test_a_body_nested_beyond_reading_is_a_problem(charging: Gateway, anna: Subscriber, body: str) -> None:
    assert problem(charging.post(PATH, body.encode())) == (400, "parse_error")
    assert untouched()


LENIENT = {
    "units as text": {"units": "10"},
    "units in full width": {"units": "１０"},
    "units with a fraction": {"units": 1.0},
    "an instant without offset": {"event_time": "2026-11-23T07:00:00"},
    "a date": {"event_time": "2026-11-23"},
    "a week": {"event_time": "2026-W48-1"},
    "an instant with NUL": {"event_time": "2026-11-23T12:00:00+05:00\x00"},
    "a number as msisdn": {"msisdn": 77010000001},
    "a number as request id": {"request_id": 1},
    "a number as service": {"service": 1},
    "a word as switch": {"allow_partial": "yes"},
}


@pytest.mark.parametrize("fields", LENIENT.values(), ids=LENIENT)
def test_a_field_takes_its_own_type_alone(charging: Gateway, anna: Subscriber, fields: dict[str, Any]) -> None:
    assert problem(debit(charging, **fields)) == (422, "invalid")
    assert untouched()
