"""Trying a survey: the telephone asks as the engine would, to every end, and nothing of it is recorded."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client

from smart.programme import answer_survey, begin_survey
from smart.ussd.screens import surveys as ussd
from surveys.models import Answer, Question, Response, Survey, Version
from surveys.questionnaire import drafting, scripts
from surveys.staff.walkthrough import Walk
from tests.surveys.staff.forms import MakeSurvey, Staff, at_now, make_member, make_survey, page_of

__all__ = ["at_now", "make_member", "make_survey"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]
LONG = "Как часто вы пьёте кофе, где и с кем, и почему именно там, а не в другом месте рядом с домом? " * 2


class Phone:
    """The page as somebody uses it."""

    def __init__(self, client: Client, survey: Survey, language: str = "en", version: int = 1) -> None:
        self.client, self.address = client, page_of(survey, "try/")
        self._take(client.post(self.address, {"version": version, "language": language}))

    def press(self, key: str) -> str:
        self._take(self.client.post(self.address, {"way": self.way, "key": key}, headers={"HX-Request": "true"}))
        return self.screen

    def _take(self, answer: Any) -> None:
        self.page = answer.content.decode()
        self.way = re.findall(r'name="way" value="([^"]+)"', self.page)[0]
        self.screen = unescape(re.findall(r'aria-live="polite" lang="\w\w">([^<]*)</p>', self.page)[0])


@pytest.fixture
def client(staff: Staff) -> Client:
    return staff("marketing")


def test_a_walk_to_the_end_with_a_wrong_key_and_back(client: Client, make_survey: MakeSurvey) -> None:
    phone = Phone(client, make_survey(state="draft"))

    assert phone.screen == "Do you drink coffee?\n1 Yes\n2 No"
    assert phone.press("7").startswith("Wrong key.\nDo you drink coffee?")
    assert phone.press("1") == "How many cups a day?\n0-20\n00 Back"
    assert phone.press("21").startswith("Please enter a number from 0 to 20.")
    assert phone.press("00").startswith("Do you drink coffee?")
    assert phone.press("1").startswith("How many cups")
    assert phone.press("3").startswith("What do you like?")
    assert phone.press("1 3").startswith("Would you recommend us?")
    assert phone.press("7").startswith("Why?")
    assert phone.press("Good *1* coffee").startswith("Thank you for your answers! Your reward: 100 units until")

    for told in ("Yes", "Latte, Raf", "Good *1* coffee", "Completed: the reward is earned."):
        assert told in phone.page
    assert 'name="key"' not in phone.page


def test_nothing_of_it_is_recorded(client: Client, make_survey: MakeSurvey) -> None:
    survey = make_survey()
    phone = Phone(client, survey)
    for key in ("1", "3", "1", "9"):
        phone.press(key)

    assert "Completed" in phone.page
    assert (Response.objects.count(), Answer.objects.count()) == (0, 0)


def test_it_ends_as_not_eligible_without_a_reward(client: Client, make_survey: MakeSurvey) -> None:
    phone = Phone(client, make_survey(state="draft"))

    assert phone.press("2") == "Thank you! This survey is for others this time."
    assert "Ended as not eligible: no reward." in phone.page


def test_pages_are_turned_with_0_and_a_key_on_the_first_page_answers(client: Client, make_survey: MakeSurvey) -> None:
    rows = [{"value": n, "text_ru": text} for n, text in ((1, "Каждый день"), (2, "Реже"))]
    survey = make_survey(state="draft", languages=["ru"], questions=[
        ("q1", "single", {"ru": LONG.strip()}, rows, {}), ("q2", "yes_no", {"ru": "Ещё?"}, [], {}),
    ])  # fmt: skip
    phone = Phone(client, survey, "ru")

    first, second, third = phone.screen, phone.press("0"), phone.press("0")

    assert first.endswith("\n0 Далее") or first.endswith("\n0 Дальше") or "\n0 " in first
    assert len({first, second, third}) == 3
    assert Phone(client, survey, "ru").press("1").startswith("Ещё?")


@pytest.mark.parametrize(
    "keys", [["1", "3", "1 3", "7", "Хорошо"], ["1", "0", "10"], ["2"], ["9", "1", "00", "1", "99"]]
)
@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_it_says_what_the_survey_itself_says(
    make_survey: MakeSurvey, make_member: Any, keys: list[str], language: str, now: datetime
) -> None:
    survey, member = make_survey(), make_member(language=language)
    walk = Walk(scripts.of(Version.objects.get()), language)
    standing = begin_survey(survey_id=survey.pk, subscriber=member, channel="ussd", language=language, now=now)

    for second, key in enumerate(keys, 1):
        walk.press(key, second)
        standing = answer_survey(
            response_id=standing.response_id, subscriber_id=member.pk, turn=standing.turn, key=key,
            now=now + timedelta(seconds=second),
        )  # fmt: skip
        assert walk.ended == standing.ended
        if standing.item is not None:
            assert walk.screen == ussd._show(standing).text


def test_a_draft_that_leads_nowhere_says_so(client: Client, make_survey: MakeSurvey) -> None:
    survey = make_survey(state="draft", questions=[("q1", "yes_no", {"en": "Well?"}, [{"value": 1, "then": "q9"}], {})])
    phone = Phone(client, survey)

    assert phone.press("1") == "This answer leads to a question that does not exist."
    assert "A dead end" in phone.page


def test_the_published_and_the_draft_can_both_be_tried(client: Client, make_survey: MakeSurvey, now: datetime) -> None:
    survey = make_survey()
    drafting.new_draft(survey=survey, by="staff:x", now=now)
    Question.objects.filter(version__number=2, code="drinks").update(text_en="Coffee?")

    assert Phone(client, survey, version=1).screen.startswith("Do you drink coffee?")
    assert Phone(client, survey, version=2).screen.startswith("Coffee?")


def test_the_time_on_the_way_is_told(client: Client, make_survey: MakeSurvey, now: datetime,
                                     stand_at: Callable[[datetime], None]) -> None:  # fmt: skip
    phone = Phone(client, make_survey(state="draft"))
    stand_at(now + timedelta(seconds=65))

    phone.press("1")

    assert "Time: 1:05" in phone.page
    assert "65 s" in phone.page


@pytest.mark.parametrize("way", ["", "nonsense", "e30:1abc:def"])
def test_a_way_that_is_not_ours_begins_anew(client: Client, make_survey: MakeSurvey, way: str) -> None:
    answer = client.post(page_of(make_survey(), "try/"), {"way": way, "key": "1"})

    assert answer.status_code == 200
    assert 'name="way"' not in answer.content.decode()


@pytest.mark.parametrize("sent", [{"version": "7"}, {"version": "1", "language": "fr"}, {"version": "ы"}, {}])
def test_what_cannot_be_begun_is_not(client: Client, make_survey: MakeSurvey, sent: dict[str, str]) -> None:
    answer = client.post(page_of(make_survey(), "try/"), sent)

    assert answer.status_code == 200
    assert 'name="way"' not in answer.content.decode()


def test_a_survey_with_no_question_says_so(client: Client, make_survey: MakeSurvey) -> None:
    page = client.get(page_of(make_survey(state="draft", questions=[]), "try/")).content.decode()

    assert "There is no question yet." in page


def test_the_handset_leads_staff_to_it(client: Client, make_survey: MakeSurvey) -> None:
    survey = make_survey(state="draft", name="Coffee at home")
    make_survey(state="draft", name="Nothing asked", questions=[])

    assert "/admin/survey/try/" in client.get("/handset/").content.decode()
    assert "/admin/survey/try/" not in Client().get("/handset/").content.decode()
    page = client.get("/admin/survey/try/").content.decode()
    assert page_of(survey, "try/") in page
    assert "Nothing asked" not in page
