"""Surveys over the gateway's HTTP: the list, the code, a dropped session, back, hints, pages, the reward (S1, S2)."""

import pytest

from bonuses.models import Grant
from core.lib import gsm
from surveys.models import Answer, Response
from tests.surveys.conftest import COFFEE, Kind, make_member, make_survey  # noqa: F401

pytestmark = pytest.mark.django_db
ONE = "77010000001"


@pytest.fixture
def survey(make_survey, make_member, stand_at, now):  # noqa: F811
    stand_at(now)
    make_member(language="kk")
    return make_survey()


def test_from_the_menu_to_the_reward_and_the_balance(gateway, survey):
    listed = gateway.walk(ONE, "*555#", "6")
    assert listed["text"] == f"Сауалнамалар:\n{survey.pk} Кофе"

    first = gateway.walk(ONE, "*555#", "6", str(survey.pk))
    assert first["text"] == "Кофе ішесіз бе?\n1 Иә\n2 Жоқ"
    last = gateway.walk(ONE, survey.code, "1", "3", "1 3", "7", "Дәмді")

    assert last["action"] == "end"
    assert last["text"] == "Жауаптарыңызға рақмет! Сыйақы: 100 бірлік, 30.11 12:00 дейін."
    assert "100" in gateway.walk(ONE, "*111*3#")["text"]
    assert gateway.walk(ONE, survey.code)["text"] == "Бұл сауалнамаға жауап бергенсіз. Рақмет!"
    assert gateway.walk(ONE, "*555*6#")["text"] == "Қазір сізге сауалнама жоқ."


def test_a_dropped_session_goes_on_at_the_same_question(gateway, survey):
    gateway.walk(ONE, survey.code, "1", "3")

    again = gateway.walk(ONE, survey.code)

    assert again["text"].startswith("Не ұнайды?\n1 Латте")
    assert "00 Артқа" in again["text"]
    assert gateway.walk(ONE, survey.code, "00")["text"].startswith("Күніне неше кесе?")


def test_a_wrong_key_is_told_and_a_retransmitted_one_changes_nothing(gateway, survey):
    gateway.step("s1", ONE, 1, dialed=survey.code, visited_plmn="40102")

    hinted = gateway.step("s1", ONE, 2, input="7")
    assert hinted["text"] == "Қате.\nКофе ішесіз бе?\n1 Иә\n2 Жоқ"
    moved = gateway.step("s1", ONE, 3, input="1")
    assert gateway.step("s1", ONE, 3, input="1") == moved
    assert Answer.objects.count() == 1


def test_the_last_key_sent_again_pays_once(gateway, survey):
    gateway.step("s1", ONE, 1, dialed=survey.code, visited_plmn="40102")
    for sequence, key in enumerate(["1", "0", "10"], 2):
        last = gateway.step("s1", ONE, sequence, input=key)

    assert gateway.step("s1", ONE, 4, input="10") == last
    assert Grant.objects.filter(kind="survey").count() == 1
    assert Response.objects.get().state == "completed"


def test_a_text_is_kept_whole_with_its_stars(gateway, survey):
    gateway.walk(ONE, survey.code, "1", "0", "5", "5*5 дәмді, " + "ә" * 100)

    text = Answer.objects.get(question__code="why").text
    assert text == "5*5 дәмді, " + "ә" * 100


def test_keys_dialed_ahead_stop_where_something_is_recorded(gateway, survey):
    reply = gateway.walk(ONE, f"*555*6*{survey.pk}*1*3#")

    assert reply["text"].startswith("Кофе ішесіз бе?")
    assert not Answer.objects.exists()


def test_a_long_question_comes_in_pages_and_is_answered_on_any(gateway, make_survey, make_member, stand_at, now):  # noqa: F811
    stand_at(now)
    make_member(language="kk")
    choices = [{"value": n, "text_kk": f"Алматы көшесіндегі дүкен {n}"} for n in range(1, 7)]
    long = [("q1", Kind.SINGLE, {"kk": "Қай дүкенге барасыз?"}, choices, {}), *COFFEE[3:4]]
    survey = make_survey(questions=long, languages=["kk"])

    first = gateway.walk(ONE, survey.code)
    second = gateway.walk(ONE, survey.code, "0")

    assert first["text"].endswith("0 Әрі қарай")
    assert gsm.fits_ussd(first["text"])
    assert "дүкен 1" in first["text"]
    assert "дүкен 6" not in first["text"]
    assert first["text"] != second["text"]
    assert gateway.walk(ONE, survey.code, "0", "6")["text"].startswith("Бізді досыңызға")


def test_no_member_is_asked_nothing(gateway, survey, make_subscriber):
    make_subscriber(language="ru")

    assert gateway.walk("77010000002", "*555*6#")["text"] == "Вы не в SMART. Вступить: *555*1#"
    assert gateway.walk("77010000002", survey.code)["text"] == "Вы не в SMART. Вступить: *555*1#"


@pytest.mark.parametrize("code", ["*555*6*987654#", "*555*6*0#", "*555*6*99999999#"])
def test_no_such_survey(gateway, survey, code):
    assert gateway.walk(ONE, code)["text"] == "Мұндай сауалнама қазір жоқ. Сауалнамалар: *555*6#"


def test_no_number_of_a_survey(gateway, survey):
    assert gateway.walk(ONE, "*555*6*9999999999999999#")["text"] == "Мұндай код жоқ. Мәзір: *555#"


def test_cumulative_texts_answer_too(africastalking, survey):
    session = "at1"
    code = {"code": "*555#"}
    shown = africastalking.step(session, ONE, f"6*{survey.pk}", **code)
    assert shown == "CON Кофе ішесіз бе?\n1 Иә\n2 Жоқ"
    typed = f"6*{survey.pk}"
    for key in ("1", "0", "5", "5*5 дәмді"):
        typed = f"{typed}*{key}"
        shown = africastalking.step(session, ONE, typed, **code)

    assert shown.startswith("END Жауаптарыңызға рақмет!")
    assert Answer.objects.get(question__code="why").text == "5*5 дәмді"
