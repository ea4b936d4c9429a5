"""Which step a request is, by gateways of all kinds: once, in order, to the subscriber whose session it is."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from bonuses.models import Grant
from enrollment.models import ConsentEvent, Membership, Subscriber
from smart.ussd import sessions
from smart.ussd.models import Dial, UssdSession
from tests.races import race
from tests.ussd.conftest import (
    ACTIVATED,
    ANNA,
    ASKED,
    BORIS,
    JOINED,
    LOST,
    AfricasTalking,
    Comviva,
    Gateway,
    effects,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]
together = pytest.mark.django_db(transaction=True)


def test_another_number_gets_nothing_from_a_session_of_africas_talking_or_comviva(
    africastalking: AfricasTalking, comviva: Comviva, anna: Subscriber, make_subscriber: Callable[..., Subscriber]
) -> None:
    make_subscriber(msisdn=BORIS, language="en")
    africastalking.step("s", ANNA, "1")
    comviva.step("s", ANNA, "*555*1#", transaction="t1", new=True)

    assert africastalking.step("s", BORIS, "1*1") == africastalking.step("s", BORIS, "1") == f"END {LOST}"
    assert comviva.step("s", BORIS, "1", transaction="t2") == ("FB", LOST)
    assert effects() == (0, 0, 0)


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
