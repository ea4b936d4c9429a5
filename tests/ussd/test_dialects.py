"""What gateways of three kinds send, and what they get: once, in order, to the subscriber whose session it is."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from django.db import connection

from bonuses.models import Grant
from core.access import keys
from core.access.models import ApiClient
from enrollment.models import ConsentEvent, Membership, Subscriber
from smart.ussd import sessions
from smart.ussd.models import Dial, UssdSession
from tests.bonuses.conftest import enroll
from tests.races import race
from tests.ussd.conftest import AfricasTalking, Comviva, Gateway

pytestmark = pytest.mark.django_db
together = pytest.mark.django_db(transaction=True)

ANNA, BORIS = "77010000001", "77010000002"
ASKED = "offers and surveys"
JOINED = "You are in SMART! 500 units await you. Activate: *555*00#"
ACTIVATED = "500 units until 30.11 12:00"
LOST = "This session is over. Dial *555# again."
NO_SUCH_CODE = "There is no such code. Menu: *555#"


@pytest.fixture(autouse=True)
def _noon(stand_at: Callable[[datetime], None], now: datetime) -> None:
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


def effects() -> tuple[int, int, int]:
    """How many memberships, consent records and bonuses there are."""
    return Membership.objects.count(), ConsentEvent.objects.count(), Grant.objects.count()


# -- Africa's Talking


@pytest.mark.parametrize(
    ("code", "dialed", "pressed"),
    [
        ("555", "1", "1*1"),
        ("*555#", "1", "1*1"),
        ("*555*1#", "", "1"),
        ("*555*1#", "", "*1"),
        ("*555#", "*1#", "*1*1#"),
        ("*555", "1", "1*1#"),
    ],
    ids=["bare root", "root as dialed", "whole code", "whole code then star", "stars at the ends", "hash at the end"],
)
def test_a_direct_dial_is_understood_however_it_is_spelled(
    africastalking: AfricasTalking, anna: Subscriber, code: str, dialed: str, pressed: str
) -> None:
    """J2."""
    asked = africastalking.step("s", ANNA, dialed, code=code)
    joined = africastalking.step("s", ANNA, pressed, code=code)

    assert asked.startswith("CON ")
    assert ASKED in asked
    assert joined == f"END {JOINED}"


@pytest.mark.parametrize(
    ("first", "second"),
    [("1", "1*1"), ("*1", "*1*1"), ("*1", "1*1"), ("1#", "1*1#")],
    ids=["digits", "stars", "star once", "hashes"],
)
def test_after_a_bare_dial_keys_come_with_stars_or_without(
    africastalking: AfricasTalking, anna: Subscriber, first: str, second: str
) -> None:
    menu = africastalking.step("s", ANNA, "")
    asked = africastalking.step("s", ANNA, first)
    joined = africastalking.step("s", ANNA, second)

    assert menu.startswith("CON SMART\n1 Join")
    assert ASKED in asked
    assert joined == f"END {JOINED}"


@pytest.mark.parametrize(
    ("code", "text"),
    [("*555#", "00"), ("555", "00"), ("*555*00#", ""), ("*555#", "*00#")],
    ids=["root and text", "bare root", "whole code", "stars"],
)
def test_00_stays_a_string(africastalking: AfricasTalking, member: Subscriber, code: str, text: str) -> None:
    """B2."""
    reply = africastalking.step("s", ANNA, text, code=code)

    assert reply.startswith(f"END {ACTIVATED}")
    assert Grant.objects.get().state == Grant.State.ACTIVE


def test_00_stays_a_string_as_a_key_of_the_menu(africastalking: AfricasTalking, member: Subscriber) -> None:
    africastalking.step("s", ANNA, "")

    assert africastalking.step("s", ANNA, "00").startswith(f"END {ACTIVATED}")


@pytest.mark.parametrize("text", ["0", "000", "٠٠", "0 0", "0*0"])
def test_what_is_not_00_activates_nothing(africastalking: AfricasTalking, member: Subscriber, text: str) -> None:
    assert africastalking.step("s", ANNA, text) == f"END {NO_SUCH_CODE}"
    assert Grant.objects.get().state == Grant.State.WAITING


@pytest.mark.parametrize(
    ("code", "text"),
    [("*111#", "3"), ("111", "3"), ("*111*3#", ""), ("*111#", "*3#")],
    ids=["root and text", "bare root", "whole code", "stars"],
)
def test_the_balance_has_another_root(africastalking: AfricasTalking, member: Subscriber, code: str, text: str) -> None:
    """B10."""
    reply = africastalking.step("s", ANNA, text, code=code)

    assert reply == "END Balance: no data now\nBonus 500: dial *555*00#"


@pytest.mark.parametrize(("code", "text"), [("*111#", "2"), ("*111*00#", ""), ("*111#", ""), ("*5550#", "2")])
def test_our_digits_under_another_root_do_nothing(
    africastalking: AfricasTalking, member: Subscriber, code: str, text: str
) -> None:
    before = effects()

    assert africastalking.step("s", ANNA, text, code=code) == f"END {NO_SUCH_CODE}"
    assert effects() == before
    assert Grant.objects.get().state == Grant.State.WAITING


@pytest.mark.parametrize("texts", [["00"], ["", "00"]], ids=["dialed", "from the menu"])
def test_a_repeated_text_gets_the_stored_reply_and_acts_once(
    africastalking: AfricasTalking, member: Subscriber, texts: list[str]
) -> None:
    """B3: the second activation would say that the bonus is activated already."""
    first = [africastalking.ask("s", ANNA, text).content for text in texts]
    again = [africastalking.ask("s", ANNA, text).content for text in texts]

    assert again == first
    assert first[-1].startswith(f"END {ACTIVATED}".encode())
    assert UssdSession.objects.get().turn == len(texts)


@pytest.mark.parametrize("texts", [[""], ["", "4"], ["", "9"]], ids=["menu", "languages", "wrong key"])
def test_a_text_repeated_at_once_is_no_further_key(
    africastalking: AfricasTalking, anna: Subscriber, texts: list[str]
) -> None:
    for text in texts:
        first = africastalking.ask("s", ANNA, text).content

        assert africastalking.ask("s", ANNA, text).content == first
    assert UssdSession.objects.get().turn == len(texts)


def test_a_text_that_does_not_follow_ends_politely(africastalking: AfricasTalking, member: Subscriber) -> None:
    africastalking.step("s", ANNA, "")
    africastalking.step("s", ANNA, "2")

    assert africastalking.step("s", ANNA, "3*1") == "END This session is over. Dial *555# again."
    assert Membership.objects.get().left_at is None


@pytest.mark.parametrize(
    ("code", "texts"),
    [("*555#", [""]), ("*555#", ["00"]), ("*555*00#", [""]), ("*555#", ["", "1"]), ("*555#", [])],
    ids=["waiting", "over", "whole code", "in the midst", "never seen"],
)
def test_a_callback_at_the_sessions_end_is_accepted_and_does_nothing(
    africastalking: AfricasTalking, member: Subscriber, code: str, texts: list[str]
) -> None:
    for text in texts:
        africastalking.step("s", ANNA, text, code=code)
    before, state = effects(), Grant.objects.get().state

    told = {"status": "Success", "durationInMillis": "4000", "hopsCount": "2", "input": "1", "errorMessage": ""}
    reply = africastalking.step("s", ANNA, None, code=code, cost="0", **told)

    assert reply.startswith(("CON ", "END "))
    assert (effects(), Grant.objects.get().state) == (before, state)


# -- Comviva


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


# -- our own dialect


WALKS = {
    "a bonus dialed": [{"dialed": "*555*00#", "visited_plmn": "40102"}],
    "a bonus of the menu": [{"dialed": "*555#", "visited_plmn": "40102"}, {"input": "00"}],
    "leaving": [{"dialed": "*555*2#"}],
    "leaving, confirmed": [{"dialed": "*555#"}, {"input": "2"}, {"input": "1"}],
    "a step that does nothing": [{"dialed": "*555#"}, {"input": "9"}],
}


@pytest.mark.parametrize("is_same_process", [True, False], ids=["same process", "new process"])
@pytest.mark.parametrize("walk", WALKS.values(), ids=WALKS.keys())
def test_a_retransmission_gets_the_same_bytes_and_acts_once(
    gateway: Gateway, member: Subscriber, walk: list[dict[str, str]], is_same_process: bool
) -> None:
    """B3, J5."""
    for sequence, typed in enumerate(walk, 1):
        first = gateway.ask("s", ANNA, sequence, **typed).content
        before = effects()
        if not is_same_process:
            sessions._hints.clear()

        assert gateway.ask("s", ANNA, sequence, **typed).content == first
        assert effects() == before
    assert UssdSession.objects.get().turn == len(walk)


def test_an_earlier_step_sent_late_gets_its_own_reply(gateway: Gateway, anna: Subscriber) -> None:
    first = gateway.ask("s", ANNA, 1, dialed="*555#").content
    gateway.step("s", ANNA, 2, input="1")

    assert gateway.ask("s", ANNA, 1, dialed="*555#").content == first
    assert gateway.step("s", ANNA, 3, input="1")["text"] == JOINED


@pytest.mark.parametrize("sequence", [0, 3, 4, 2**31 - 1])
def test_a_step_out_of_order_ends_politely_and_does_nothing(gateway: Gateway, anna: Subscriber, sequence: int) -> None:
    gateway.step("s", ANNA, 1, dialed="*555*1#")

    reply = gateway.step("s", ANNA, sequence, input="1")

    assert (reply["action"], reply["text"]) == ("end", LOST)
    assert effects() == (0, 0, 0)
    assert gateway.step("s", ANNA, sequence, input="1") == reply
    assert gateway.step("s", ANNA, 2, input="1")["text"] == LOST, "the telephone was told that it is over"
    assert effects() == (0, 0, 0)


@pytest.mark.parametrize("code", ["*555*2#", "*555*00#"])
def test_a_code_dialed_in_a_session_under_way_does_nothing(gateway: Gateway, member: Subscriber, code: str) -> None:
    gateway.step("s", ANNA, 1, dialed="*555#", visited_plmn="40102")

    assert gateway.step("s", ANNA, 2, dialed=code)["action"] == "end"
    assert (Membership.objects.get().left_at, Grant.objects.get().state) == (None, Grant.State.WAITING)


def test_a_request_that_says_a_thing_twice_is_none(gateway: Gateway, anna: Subscriber) -> None:
    path = "/api/ussd/v1/sessions/s/"
    body = b'{"msisdn": "%s", "sequence": 1, "dialed": "*111*3#", "dialed": "*555*1#"}' % ANNA.encode()

    assert gateway.post(path, body).status_code == 422
    assert not UssdSession.objects.exists()


def test_a_caller_we_do_not_know_is_told_so_in_the_language_chosen(gateway: Gateway) -> None:
    """J8: there is nobody to keep it for, and nothing is said of a language that were kept."""
    assert gateway.walk(ANNA, "*555*4#", "3")["text"] == "SMART is for activ numbers only."


def test_a_key_for_an_unknown_session_of_a_number_nobody_has_ends_in_the_programmes_language(gateway: Gateway) -> None:
    assert gateway.step("s", ANNA, 2, input="1")["text"] == "Сеанс завершён. Наберите *555# ещё раз."


def test_a_key_for_an_unknown_session_ends_politely(gateway: Gateway, anna: Subscriber) -> None:
    assert gateway.step("s", ANNA, 2, input="1") == {"action": "end", "text": LOST, "encoding": "gsm7"}
    assert not UssdSession.objects.exists()


def test_a_session_that_ended_takes_no_further_key(gateway: Gateway, anna: Subscriber) -> None:
    gateway.step("s", ANNA, 1, dialed="*555*1#")
    gateway.step("s", ANNA, 2, input="2")

    assert gateway.step("s", ANNA, 3, input="1")["text"] == "This session is over. Dial *555# again."
    assert effects() == (0, 0, 0)


@pytest.mark.parametrize("is_same_process", [True, False], ids=["same process", "new process"])
@pytest.mark.parametrize(
    ("after", "members"),
    [(timedelta(seconds=180), 1), (timedelta(seconds=180, milliseconds=1), 0)],
    ids=["at the last instant", "an instant later"],
)
def test_a_session_lasts_as_long_as_the_networks(
    gateway: Gateway,
    anna: Subscriber,
    stand_at: Callable[[datetime], None],
    now: datetime,
    after: timedelta,
    members: int,
    is_same_process: bool,
) -> None:
    gateway.step("s", ANNA, 1, dialed="*555*1#")
    if not is_same_process:
        sessions._hints.clear()
    stand_at(now + after)

    reply = gateway.step("s", ANNA, 2, input="1")

    assert reply["action"] == "end"
    assert Membership.objects.count() == members


@pytest.mark.parametrize("sequence", [1, 2], ids=["a step answered before", "the next step"])
def test_another_subscribers_session_is_as_unknown_as_none(
    gateway: Gateway, anna: Subscriber, make_subscriber: Callable[..., Subscriber], sequence: int
) -> None:
    make_subscriber(msisdn=BORIS, language="en")
    gateway.step("s", ANNA, 1, dialed="*555*1#")

    reply = gateway.step("s", BORIS, sequence, input="1")

    assert reply == gateway.step("nobody's", BORIS, 2, input="1")
    assert effects() == (0, 0, 0)
    assert gateway.step("s", ANNA, 2, input="1")["text"] == JOINED


def test_another_number_gets_nothing_from_a_session_of_africas_talking_or_comviva(
    africastalking: AfricasTalking, comviva: Comviva, anna: Subscriber, make_subscriber: Callable[..., Subscriber]
) -> None:
    make_subscriber(msisdn=BORIS, language="en")
    africastalking.step("s", ANNA, "1")
    comviva.step("s", ANNA, "*555*1#", transaction="t1", new=True)

    assert africastalking.step("s", BORIS, "1*1") == africastalking.step("s", BORIS, "1") == f"END {LOST}"
    assert comviva.step("s", BORIS, "1", transaction="t2") == ("FB", LOST)
    assert effects() == (0, 0, 0)


def test_another_gateways_session_of_the_same_name_is_another(
    gateway: Gateway, anna: Subscriber, now: datetime
) -> None:
    client = ApiClient.objects.create(name="another", kind="ussd", proof="signature")
    key, secret = keys.issue(client=client, by="test", now=now)
    gateway.step("s", ANNA, 1, dialed="*555*1#")

    reply = Gateway(key.key_id, secret).step("s", ANNA, 2, input="1")

    assert reply["text"] == LOST
    assert effects() == (0, 0, 0)


def test_a_session_goes_on_in_another_process(gateway: Gateway, anna: Subscriber) -> None:
    replies = []
    for sequence, typed in enumerate([{"dialed": "*555#"}, {"input": "1"}, {"input": "1"}], 1):
        replies.append(gateway.step("s", ANNA, sequence, **typed))
        sessions._hints.clear()

    assert replies[-1]["text"] == JOINED
    assert effects() == (1, 6, 1)


@pytest.mark.parametrize("key", ["1", "2"], ids=["twin of an effect", "twin of a step"])
def test_a_stale_hint_decides_nothing(gateway: Gateway, anna: Subscriber, key: str) -> None:
    """This process remembers the consent screen; another has taken the key since."""
    gateway.step("s", ANNA, 1, dialed="*555*1#")
    stale = deepcopy(sessions._hints)
    first = gateway.ask("s", ANNA, 2, input=key).content
    before = effects()
    sessions._hints.update(stale)

    assert gateway.ask("s", ANNA, 2, input=key).content == first
    assert effects() == before


# -- consent (J3)


def test_consent_dialed_ahead_does_not_count_until_it_was_shown(gateway: Gateway, anna: Subscriber) -> None:
    """J3."""
    asked = gateway.step("s", ANNA, 1, dialed="*555*1*1#")

    assert (asked["action"], ASKED in asked["text"]) == ("continue", True)
    assert effects() == (0, 0, 0)
    assert gateway.step("s", ANNA, 2, input="1")["text"] == JOINED
    assert set(ConsentEvent.objects.values_list("key", "session", "language")) == {("1", "s", "en")}


@pytest.mark.parametrize(
    ("code", "text", "more"),
    [("*555#", "1*1", "1*1*1"), ("555", "1*1", "1*1*1"), ("*555*1*1#", "", "1"), ("*555*1#", "1", "1*1")],
    ids=["text", "bare root", "whole code", "half and half"],
)
def test_consent_dialed_ahead_through_africas_talking_does_not_count(
    africastalking: AfricasTalking, anna: Subscriber, code: str, text: str, more: str
) -> None:
    """J3."""
    asked = africastalking.step("s", ANNA, text, code=code)

    assert asked.startswith("CON ")
    assert ASKED in asked
    assert effects() == (0, 0, 0)
    assert africastalking.step("s", ANNA, more, code=code) == f"END {JOINED}"


def test_consent_dialed_ahead_through_comviva_does_not_count(comviva: Comviva, anna: Subscriber) -> None:
    """J3."""
    asked = comviva.step("s", ANNA, "*555*1*1#", transaction="t1", new=True)

    assert (asked[0], ASKED in asked[1]) == ("FC", True)
    assert effects() == (0, 0, 0)
    assert comviva.step("s", ANNA, "1", transaction="t2") == ("FB", JOINED)


@pytest.mark.parametrize("keys_pressed", [["1*1"], ["1*1*1*1"], ["9", "1*1"], ["1", "9*1"]])
def test_keys_pressed_at_once_do_not_pass_the_consent(
    gateway: Gateway, anna: Subscriber, keys_pressed: list[str]
) -> None:
    """J3: the keys after the one that shows the text, or shows it again, are not answers to it."""
    gateway.step("s", ANNA, 1, dialed="*555#")
    for sequence, key in enumerate(keys_pressed, 2):
        reply = gateway.step("s", ANNA, sequence, input=key)

    assert (reply["action"], ASKED in reply["text"]) == ("continue", True)
    assert effects() == (0, 0, 0)


# -- the same request many times at once


def _same(answers: list[Any]) -> bytes:
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    return bytes(answers[0].content)


@together
def test_16_twins_of_a_dial_get_the_same_bytes_and_one_effect(gateway: Gateway, member: Subscriber) -> None:
    """B3."""
    answers = race(*[lambda: gateway.ask("s", ANNA, 1, dialed="*555*00#", visited_plmn="40102")] * 16)

    assert ACTIVATED.encode() in _same(answers)
    assert UssdSession.objects.get().turn == 1


@together
@pytest.mark.parametrize("is_same_process", [True, False], ids=["same process", "new process"])
def test_16_twins_of_a_key_get_the_same_bytes_and_one_effect(
    gateway: Gateway, anna: Subscriber, is_same_process: bool
) -> None:
    """J3: one record a purpose and channel."""
    gateway.step("s", ANNA, 1, dialed="*555*1#")
    if not is_same_process:
        sessions._hints.clear()

    answers = race(*[lambda: gateway.ask("s", ANNA, 2, input="1")] * 16)

    assert JOINED.encode() in _same(answers)
    assert effects() == (1, 6, 1)


@together
def test_16_twins_of_a_mere_step_move_the_session_once(gateway: Gateway, anna: Subscriber) -> None:
    gateway.step("s", ANNA, 1, dialed="*555#")

    answers = race(*[lambda: gateway.ask("s", ANNA, 2, input="1")] * 16)

    assert ASKED.encode() in _same(answers)
    assert UssdSession.objects.get().turn == 2


@together
def test_16_twins_of_africas_talking_get_the_same_bytes_and_one_effect(
    africastalking: AfricasTalking, anna: Subscriber
) -> None:
    africastalking.step("s", ANNA, "1")

    answers = race(*[lambda: africastalking.ask("s", ANNA, "1*1")] * 16)

    assert _same(answers) == f"END {JOINED}".encode()
    assert effects() == (1, 6, 1)


@together
def test_16_twins_of_comviva_get_the_same_bytes_and_one_effect(comviva: Comviva, member: Subscriber) -> None:
    dial = {"typed": "*555*00#", "transaction": "t1", "new": True}

    answers = race(*[lambda: comviva.ask("s", ANNA, **dial)] * 16)

    assert ACTIVATED in _same(answers).decode()
    assert UssdSession.objects.get().turn == 1


@together
def test_of_16_copies_of_one_signed_request_one_is_served(gateway: Gateway, member: Subscriber) -> None:
    body = b'{"msisdn": "77010000001", "dialed": "*555*00#", "visited_plmn": "40102", "sequence": 1}'
    sent = gateway.signed("/api/ussd/v1/sessions/s/", body)

    answers = race(*[lambda: gateway.post("/api/ussd/v1/sessions/s/", body, **sent)] * 16)

    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 15
    assert UssdSession.objects.get().turn == 1


# -- what was once taken for a key


@pytest.mark.parametrize("code", ["*555*2#", "*555*00#"])
def test_a_late_callback_of_an_unknown_session_does_nothing(
    africastalking: AfricasTalking, member: Subscriber, code: str
) -> None:
    before, state = effects(), Grant.objects.get().state

    reply = africastalking.step("gone", ANNA, None, code=code, status="Success", durationInMillis="4000")

    assert reply.startswith("END ")
    assert (effects(), Grant.objects.get().state) == (before, state)
    assert not UssdSession.objects.exists()


def test_text_that_does_not_go_on_from_the_last_is_no_key(africastalking: AfricasTalking, anna: Subscriber) -> None:
    """J3: `11` after `1` is another text, not the key that accepts."""
    africastalking.step("s", ANNA, "1")

    reply = africastalking.step("s", ANNA, "11")

    assert reply.startswith("END ")
    assert not Membership.objects.exists()


def test_a_session_that_comviva_ends_presses_no_key(comviva: Comviva, anna: Subscriber) -> None:
    comviva.step("s", ANNA, "*555*1#", transaction="t1", new=True)

    state, _text = comviva.step("s", ANNA, "1", transaction="t2", flow="FE")

    assert state == "FB"
    assert not Membership.objects.exists()


@together
def test_keys_sent_all_at_once_never_break_the_session(africastalking: AfricasTalking, anna: Subscriber) -> None:
    africastalking.step("s", ANNA, "")
    texts = ["*".join(["4", *["9"] * n]) for n in range(16)]

    replies = race(*[lambda text=text: africastalking.step("s", ANNA, text) for text in texts])

    assert all(reply.startswith(("CON ", "END ")) for reply in replies)


# -- what comes after the session was filed


def _file_all(now: datetime) -> None:
    assert sessions.file_finished(now=now + timedelta(minutes=11)) == 1
    sessions._hints.clear()


def test_a_key_that_comes_after_its_session_was_filed_is_no_code(
    africastalking: AfricasTalking, member: Subscriber, now: datetime, stand_at: Callable[[datetime], None]
) -> None:
    """J5: `2` of a menu long over is not `*555*2#`."""
    africastalking.step("s", ANNA, "")
    _file_all(now)
    stand_at(now + timedelta(minutes=12))

    assert africastalking.step("s", ANNA, "2") == f"END {LOST}"
    assert Membership.objects.get().left_at is None


@pytest.mark.parametrize("text", ["00", "2"])
def test_a_dial_sent_again_after_its_session_was_filed_gets_the_same_bytes(
    africastalking: AfricasTalking, member: Subscriber, now: datetime, stand_at: Callable[[datetime], None], text: str
) -> None:
    first = africastalking.step("s", ANNA, text)
    _file_all(now)
    stand_at(now + timedelta(minutes=12))
    before = effects()

    assert africastalking.step("s", ANNA, text) == first
    assert effects() == before


def test_a_leaving_sent_again_after_its_session_was_filed_does_not_end_the_next_membership(
    gateway: Gateway, member: Subscriber, now: datetime, stand_at: Callable[[datetime], None]
) -> None:
    """J5."""
    left = gateway.step("s", ANNA, 1, dialed="*555*2#")
    gateway.walk(ANNA, "*555*1#", "1")
    sessions.file_finished(now=now + timedelta(minutes=11))
    stand_at(now + timedelta(minutes=12))

    assert gateway.step("s", ANNA, 1, dialed="*555*2#") == left
    assert Membership.objects.filter(left_at=None).count() == 1


def test_what_a_filed_session_showed_is_not_shown_to_another(
    gateway: Gateway, member: Subscriber, now: datetime, make_subscriber: Callable[..., Subscriber]
) -> None:
    make_subscriber(msisdn=BORIS, language="en")
    gateway.step("s", ANNA, 1, dialed="*111*3#")
    _file_all(now)

    assert "500" not in gateway.step("s", BORIS, 1, dialed="*111*3#")["text"]


def test_a_session_of_cumulative_texts_is_on_disk_before_it_is_answered(
    africastalking: AfricasTalking, comviva: Comviva, member: Subscriber
) -> None:
    """What a crash forgets must not be taken for a direct dial afterwards; where the code is said, it need not wait."""
    comviva.step("c", ANNA, "*555#", transaction="t1", new=True)
    assert _commits() == "off"

    africastalking.step("s", ANNA, "")
    assert _commits() == "on"


def _commits() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        return cursor.fetchone()[0]


# -- what is turned away is kept too


def test_a_dial_of_a_foreign_number_is_kept(gateway: Gateway, db: None) -> None:
    gateway.step("s", "79010000001", 1, dialed="*555*1#")
    gateway.step("s", "79010000001", 1, dialed="*555*1#")

    kept = Dial.objects.get()
    assert (kept.subscriber, kept.dialed) == (None, "*555*1#")
    assert kept.steps[0][1:4] == ["*555*1#", "end", "SMART — только для номеров activ."]


def test_a_step_that_does_not_follow_is_kept(gateway: Gateway, anna: Subscriber) -> None:
    gateway.step("s", ANNA, 1, dialed="*555*1#")

    gateway.step("s", ANNA, 7, input="1")
    gateway.step("gone", ANNA, 2, input="1")

    assert [step[1:4] for step in UssdSession.objects.get().steps][1:] == [["1", "end", LOST]]
    assert [(dial.subscriber, dial.session_id, dial.steps[0][1]) for dial in Dial.objects.order_by("pk")] == [
        (anna, "gone", "1"),
    ]


def test_a_key_in_anothers_session_is_kept_with_whoever_pressed_it(
    gateway: Gateway, anna: Subscriber, make_subscriber: Callable[..., Subscriber]
) -> None:
    boris = make_subscriber(msisdn=BORIS, language="en")
    gateway.step("s", ANNA, 1, dialed="*555*1#")

    gateway.step("s", BORIS, 2, input="1")

    assert Dial.objects.get().subscriber == boris
