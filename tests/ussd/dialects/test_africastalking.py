"""Africa's Talking: forms, cumulative text, the ways a direct dial is spelled."""

import pytest

from bonuses.models import Grant
from enrollment.models import Membership, Subscriber
from smart.ussd.models import UssdSession
from tests.ussd.conftest import (
    ACTIVATED,
    ANNA,
    ASKED,
    JOINED,
    NO_SUCH_CODE,
    AfricasTalking,
    effects,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]


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
