"""Our own dialect: JSON, numbered steps, sessions."""

from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta

import pytest

from bonuses.models import Grant
from core.access import keys
from core.access.models import ApiClient
from enrollment.models import Membership, Subscriber
from smart.ussd import sessions
from smart.ussd.models import UssdSession
from tests.ussd.conftest import (
    ANNA,
    BORIS,
    JOINED,
    LOST,
    Gateway,
    effects,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]


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
