"""Comviva: XML pull requests, transactions, what no XML may hold."""

import pytest
from defusedxml.ElementTree import fromstring

from enrollment.models import Membership, Subscriber
from smart.ussd.models import UssdSession
from tests.ussd.conftest import (
    ACTIVATED,
    ANNA,
    ASKED,
    JOINED,
    LOST,
    Comviva,
    effects,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]


def test_a_pull_request_opens_and_goes_on_until_the_platform_ends(comviva: Comviva, anna: Subscriber) -> None:
    asked = comviva.step("s", ANNA, "*555*1#", transaction="t1", new=True)
    joined = comviva.step("s", ANNA, "1", transaction="t2")

    assert asked[0] == "FC"
    assert ASKED in asked[1]
    assert joined == ("FB", JOINED)


def test_the_response_names_number_and_session_as_they_were_sent(comviva: Comviva, anna: Subscriber) -> None:
    answer = comviva.ask("s<&>1", "+7 701 000 00 01", "*555#", transaction="t1", new=True)
    root = fromstring(answer.content)

    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert (root.tag, root.findtext("msisdn"), root.findtext("sessionId")) == ("response", "+7 701 000 00 01", "s<&>1")


@pytest.mark.parametrize("is_pressed", [False, True], ids=["dialed", "from the menu"])
def test_a_repeated_transaction_gets_the_same_bytes_and_acts_once(
    comviva: Comviva, member: Subscriber, is_pressed: bool
) -> None:
    """B3."""
    if is_pressed:
        comviva.step("s", ANNA, "*555#", transaction="t1", new=True)
    last = {"typed": "00", "transaction": "t2"} if is_pressed else {"typed": "*555*00#", "transaction": "t1"}

    first, again = (comviva.ask("s", ANNA, new=not is_pressed, **last).content for _ in range(2))

    assert again == first
    assert ACTIVATED in first.decode()


def test_a_transaction_repeated_at_once_is_no_further_key(comviva: Comviva, anna: Subscriber) -> None:
    comviva.step("s", ANNA, "*555#", transaction="t1", new=True)

    first, again = (comviva.ask("s", ANNA, "1", transaction="t2").content for _ in range(2))

    assert again == first
    assert comviva.step("s", ANNA, "1", transaction="t3") == ("FB", JOINED)


def test_a_key_for_a_session_nobody_opened_ends_politely(comviva: Comviva, anna: Subscriber) -> None:
    assert comviva.step("s", ANNA, "1", transaction="t1") == ("FB", LOST)
    assert not UssdSession.objects.exists()


def test_a_session_is_not_opened_twice(comviva: Comviva, member: Subscriber) -> None:
    comviva.step("s", ANNA, "*555#", transaction="t1", new=True)

    state, _text = comviva.step("s", ANNA, "*555*2#", transaction="t2", new=True)

    assert state == "FB"
    assert Membership.objects.get().left_at is None


_FIELDS = (
    "<sessionId>s</sessionId><transactionId>t</transactionId><msisdn>77010000001</msisdn>"
    "<newRequest>1</newRequest><subscriberInput>{typed}</subscriberInput>"
)
_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
HOSTILE = {
    "entity": '<!DOCTYPE request [<!ENTITY code "*555*2#">]>' + _FIELDS.format(typed="&code;"),
    "a thousand million laughs": f'<!DOCTYPE request [<!ENTITY l0 "ha">{_LAUGHS}]>' + _FIELDS.format(typed="&l9;"),
    "one long entity many times": f'<!DOCTYPE request [<!ENTITY a "{"a" * 5000}">]>' + _FIELDS.format(typed="&a;" * 99),
    "external entity": '<!DOCTYPE request [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + _FIELDS.format(typed="&f;"),
    "external DTD": '<!DOCTYPE request SYSTEM "http://192.0.2.1/x.dtd">' + _FIELDS.format(typed="*555*2#"),
    "parameter entity": '<!DOCTYPE request [<!ENTITY % p SYSTEM "http://192.0.2.1/p">%p;]>' + _FIELDS.format(typed="1"),
    "empty DTD": "<!DOCTYPE request>" + _FIELDS.format(typed="*555*2#"),
    "undeclared entity": _FIELDS.format(typed="&code;"),
}


@pytest.mark.parametrize("xml", HOSTILE.values(), ids=HOSTILE.keys())
def test_xml_with_a_dtd_or_entities_is_refused(comviva: Comviva, member: Subscriber, xml: str) -> None:
    doctype, fields = xml.split("<sessionId>")
    before = effects()

    answer = comviva.post(f"{doctype}<request type='pull'><sessionId>{fields}</request>".encode())

    assert (answer.status_code, answer.json()["errors"]) == (422, {"body": "XML without a DTD is required."})
    assert not UssdSession.objects.exists()
    assert (effects(), Membership.objects.get().left_at) == (before, None)


def test_the_same_xml_without_either_is_served(comviva: Comviva, member: Subscriber) -> None:
    answer = comviva.post(f"<request type='pull'>{_FIELDS.format(typed='*555*2#')}</request>".encode())

    assert answer.status_code == 200
    assert Membership.objects.get().left_at is not None
