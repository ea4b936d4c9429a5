"""What every dialect of the registry must be able to do, tried by its own declaration."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator

from bonuses.models import Grant
from core.access import auth
from enrollment.models import Membership, Subscriber
from smart.ussd.dialect import Dialect, HandsetSession
from smart.ussd.models import UssdSession
from tests.ussd.conftest import ACTIVATED, ANNA, ASKED, JOINED, DialectClient, Phone, effects

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
RUSSIAN = "79161234567"


def walk(client: DialectClient, code: str, *keys: str) -> tuple[str, str]:
    """Dial and press; return the last action and text."""
    phone = Phone(client, code)
    answers = [phone.dial(), *(phone.press(key) for key in keys)]
    return phone.read(answers[-1])


def test_a_member_joins_activates_and_leaves(client: DialectClient, anna: Subscriber) -> None:
    """J2, J3, J5, B2."""
    asked = walk(client, "*555*1#", "9")
    joined = walk(client, "*555#", "1", "1")
    activated = walk(client, "*555*00#")
    kept = walk(client, "*555#", "2", "2")
    left = walk(client, "*555*2#")

    assert (asked[0], ASKED in asked[1]) == ("continue", True)
    assert joined == ("end", JOINED)
    assert activated[1].startswith(ACTIVATED)
    assert kept == ("end", "You stay in SMART.")
    assert left == ("end", "You have left SMART. Units lost: 500. To return: *555*1#")


def test_a_dial_sent_again_gets_the_same_bytes_and_acts_once(client: DialectClient, member: Subscriber) -> None:
    """B3."""
    phone = Phone(client, "*555*00#")

    first, again = phone.dial(), phone.again()

    assert ACTIVATED in phone.read(first)[1]
    assert again.content == first.content
    assert Grant.objects.get().state == Grant.State.ACTIVE


def test_a_key_sent_again_is_no_further_key(client: DialectClient, anna: Subscriber) -> None:
    phone = Phone(client, "*555#")
    phone.dial()

    first, again = phone.press("1"), phone.again()

    assert again.content == first.content
    assert UssdSession.objects.get().turn == 2
    assert phone.read(phone.press("1")) == ("end", JOINED)


def test_the_network_a_dial_names_is_the_one_that_counts(client: DialectClient, member: Subscriber) -> None:
    """B4."""
    phone = Phone(client, "*555*00#", network="25001")

    action, _text = phone.read(phone.dial())

    assert action == "end"
    assert Grant.objects.get().state == Grant.State.WAITING


def test_a_number_of_another_country_hears_whom_smart_is_for(client: DialectClient) -> None:
    """J1."""
    phone = Phone(client, "*555*1#", msisdn=RUSSIAN)

    assert phone.read(phone.dial()) == ("end", "SMART — только для номеров activ.")


def test_a_key_of_a_session_nobody_opened_ends_politely(client: DialectClient, member: Subscriber) -> None:
    before = effects()
    phone = Phone(client, "*555#")
    phone.session.sequence = 1

    assert phone.read(phone.press("9"))[0] == "end"
    assert effects() == before


def test_without_time_nothing_is_done_and_the_phone_is_asked_to_try_again(
    client: DialectClient, member: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(auth, "_credential", away)
    phone = Phone(client, "*555*2#")

    assert phone.read(phone.dial()) == ("end", "SMART занят. Повторите через минуту.")
    assert Membership.objects.get().left_at is None


def test_a_request_without_its_proof_is_nobodys(client: DialectClient, member: Subscriber) -> None:
    sent = client.dialect.compose(HandsetSession(ANNA, "*555*2#", "40102"), None)

    nobody = client.http.generic(sent.method, sent.path, sent.body, content_type=sent.content_type)

    assert nobody.status_code == 401
    assert Membership.objects.get().left_at is None
    assert client.send(sent).status_code == 200


def test_a_body_too_large_is_refused(client: DialectClient) -> None:
    sent = client.dialect.compose(HandsetSession(ANNA, "*555#"), None)

    assert client.send(replace(sent, body=b" " * (16 * 1024 + 1))).status_code == 413


def test_a_method_of_another_dialect_is_refused(client: DialectClient) -> None:
    sent = client.dialect.compose(HandsetSession(ANNA, "*555#"), None)

    refused = client.send(replace(sent, method="PUT"))

    assert refused.status_code == 405
    assert refused.headers["Allow"] == ", ".join((*client.dialect.methods, "OPTIONS"))


def test_its_address_is_the_one_its_gateway_calls(dialect: Dialect[Any]) -> None:
    sent = dialect.compose(HandsetSession(ANNA, "*555#"), None)

    assert resolve(sent.path.partition("?")[0]).url_name == f"ussd-{dialect.name}"
    assert sent.method in dialect.methods


def test_the_schema_describes_it(dialect: Dialect[Any]) -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]

    [described] = [methods for methods in paths.values() if _summary(methods) == dialect.operation.summary]

    assert set(described) == {method.lower() for method in dialect.methods}
    for operation in described.values():
        assert set(operation["responses"]) == {"200", "401", "413", "422"}
        assert operation["description"].strip() == (dialect.operation.description or type(dialect).__doc__).strip()


def _summary(methods: dict[str, Any]) -> str:
    return str(next(iter(methods.values())).get("summary"))
