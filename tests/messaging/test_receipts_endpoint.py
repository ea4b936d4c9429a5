"""Where HTTP gateways report deliveries to: signed, bounded, and stored before it says so."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.db import DatabaseError
from django.test import Client, override_settings

from core.lib import clock
from messaging import callbacks, outbox, receipts
from messaging.counters import RECEIPTS
from messaging.models import Receipt

pytestmark = pytest.mark.django_db

MESSAGE = {"transport": "kannel-1", "message_id": 4211, "month": date(2026, 11, 1)}
DELIVERED = {"status": "1", "smsc-id": "a1f0", "text": "id:a1f0 sub:001 dlvrd:001 stat:DELIVRD err:000"}


@pytest.fixture(autouse=True)
def _room_for_receipts(db: None) -> None:
    outbox.make_partitions(now=clock.now())


def path(valid_until: datetime | None = None, **given: Any) -> str:
    """The path that a gateway calls."""
    until = valid_until or clock.now() + timedelta(hours=2)
    return urlsplit(callbacks.address("https://smart.example", **MESSAGE | given, valid_until=until)).path


def counted(result: str, transport: str = "") -> float:
    return RECEIPTS.labels(transport, result)._value.get()


@pytest.mark.parametrize(
    ("number", "status"),
    [("1", "delivered"), ("2", "undelivered"), ("4", "underway"), ("8", "underway"), ("16", "undelivered")],
)
def test_a_receipt_is_stored_and_then_acknowledged(client: Client, number: str, status: str) -> None:
    before = counted("stored", "kannel-1")

    response = client.get(path(), DELIVERED | {"status": number})

    receipt = Receipt.objects.get()
    assert response.status_code == 200
    assert (receipt.transport, receipt.message_id, receipt.message_month) == ("kannel-1", 4211, date(2026, 11, 1))
    assert (receipt.status, receipt.network_id, receipt.error) == (status, "a1f0", "")
    assert receipt.matched_at is None
    assert counted("stored", "kannel-1") == before + 1


def test_a_receipt_may_be_posted_as_a_form(client: Client) -> None:
    response = client.post(path(), urlencode(DELIVERED), content_type="application/x-www-form-urlencoded")

    assert response.status_code == 200
    assert Receipt.objects.get().status == "delivered"


@pytest.mark.parametrize(
    ("text", "kept", "error"),
    [
        ("id:1 stat:UNDELIV err:045 text:ok", "id:1 stat:UNDELIV err:045 text:ok", "045"),
        ("NACK/0x0000000b/Invalid Destination Address", "NACK/0x0000000b/Invalid Destination Address",
         "NACK/0x0000000b/Invalid Destination Address"),
        ("to 77010000001 and +7 (701) 000000001 err:7", "to [number] and +7 (701) [number] err:7", "7"),
        ("NACK/11/no route to 77010000001", "NACK/11/no route to [number]", "NACK/11/no route to [number]"),
        ("nul \0 and\nline err:0", "nul   and line err:0", ""),
        ("٧٧٠١٠٠٠٠٠٠١", "[number]", ""),
    ],
    ids=["error", "nack", "number", "number-in-nack", "nul", "arabic-digits"],
)  # fmt: skip
def test_the_text_is_kept_without_numbers(client: Client, text: str, kept: str, error: str) -> None:
    client.get(path(), DELIVERED | {"status": "2", "text": text})

    receipt = Receipt.objects.get()
    assert (receipt.raw, receipt.error) == (kept, error)


@pytest.mark.parametrize(
    "altered",
    [
        lambda token: token.replace("4211-", "4212-"),
        lambda token: token.replace("-202611-", "-202612-"),
        lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
        lambda token: token[:-64] + "0" * 64,
        lambda token: token.upper(),
        lambda token: "x",
        lambda token: "4211",
        lambda token: token + "0",
        lambda token: token.replace("4211-", "٤٢١١-"),
    ],
    ids=["id", "month", "signature", "zeros", "case", "short", "bare-id", "longer", "digits"],
)
def test_an_address_that_we_did_not_give_out_is_refused_and_counted(client: Client, altered: Any) -> None:
    before = counted("forged")
    *head, token, _ = path().split("/")

    response = client.get("/".join([*head, altered(token), ""]), DELIVERED)

    assert response.status_code == 403
    assert response.content == b""
    assert not Receipt.objects.exists()
    assert counted("forged") == before + 1


def test_a_signature_holds_for_its_transport_alone(client: Client) -> None:
    assert client.get(path().replace("kannel-1", "kannel-2"), DELIVERED).status_code == 403


def test_a_signature_holds_for_its_secret_alone(client: Client) -> None:
    with override_settings(CALLBACK_SECRET="another"):
        foreign = path()

    assert client.get(foreign, DELIVERED).status_code == 403


def test_an_address_lasts_three_days_beyond_its_messages_validity(client: Client) -> None:
    before = counted("expired")

    in_time = client.get(path(clock.now() - timedelta(days=3) + timedelta(minutes=1)), DELIVERED)
    too_late = client.get(path(clock.now() - timedelta(days=3, seconds=2)), DELIVERED)

    assert (in_time.status_code, too_late.status_code) == (200, 403)
    assert Receipt.objects.count() == 1
    assert counted("expired") == before + 1


@pytest.mark.parametrize("status", ["", "3", "delivered", "-1", "1.0", "1" * 400, "²", "%d"])
def test_a_receipt_that_says_nothing_is_refused_and_counted(client: Client, status: str) -> None:
    before = counted("malformed")

    response = client.get(path(), DELIVERED | {"status": status})

    assert response.status_code == 400
    assert not Receipt.objects.exists()
    assert counted("malformed") == before + 1


@pytest.mark.parametrize("send", ["query", "body"])
def test_what_is_huge_is_refused_unread_and_counted(client: Client, send: str) -> None:
    before = counted("huge")
    fields = urlencode(DELIVERED | {"text": "x" * 5000})

    if send == "query":
        response = client.get(f"{path()}?{fields}")
    else:
        response = client.post(path(), fields, content_type="application/x-www-form-urlencoded")

    assert response.status_code == 413
    assert not Receipt.objects.exists()
    assert counted("huge") == before + 1


def test_a_replay_is_stored_again_and_does_no_harm(client: Client) -> None:
    same = path()

    answers = [client.get(same, DELIVERED).status_code for _ in range(3)]
    receipts.match(now=clock.now())

    assert answers == [200] * 3
    assert Receipt.objects.count() == 3


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_only_get_and_post_are_spoken(client: Client, method: str) -> None:
    assert getattr(client, method)(path()).status_code == 405


def test_what_could_not_be_stored_is_not_acknowledged(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> int:
        raise DatabaseError

    monkeypatch.setattr(receipts, "store", fail)
    client.raise_request_exception = False

    assert client.get(path(), DELIVERED).status_code == 500


def test_no_address_holds_a_number_and_each_message_has_its_own() -> None:
    until = datetime(2026, 11, 23, 16, tzinfo=UTC)

    assert path(until) == path(until)
    assert path(until) != path(until, message_id=4212)
    assert path(until).startswith("/api/messaging/v1/receipts/kannel-1/4211-202611-1795708800-")
