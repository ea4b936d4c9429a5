"""Random surveys and random keys: each question is answered at most once, every path ends, one reward (S2, B11)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bonuses.models import Grant
from core.lib import crypto
from enrollment import consent
from enrollment.models import Channel, Subscriber
from smart import programme
from surveys.fieldwork import lifecycle
from surveys.models import Answer, Question, Quota, Response, Survey
from surveys.questionnaire import drafting, flow, scripts
from surveys.responses import answering
from surveys.responses.answering import Position
from tests.surveys.conftest import write

pytestmark = pytest.mark.django_db
Kind = Question.Kind
NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)
numbers = count(1)


@st.composite
def questionnaires(draw: st.DrawFn) -> list[Any]:
    """Questions that lead forward only, by their choices or by themselves."""
    size = draw(st.integers(1, 7))
    found = []
    for place in range(1, size + 1):
        kind = draw(st.sampled_from(list(Kind)))
        is_screening = draw(st.booleans())
        ahead = [f"q{later}" for later in range(place + 1, size + 1)]
        targets = ["", "", *ahead, flow.END, *([flow.NOT_ELIGIBLE] if is_screening else [])]
        more: dict[str, Any] = {"is_screening": is_screening, "then": draw(st.sampled_from(["", "", *ahead, flow.END]))}
        values = {Kind.SINGLE: (1, 2, 3), Kind.SEVERAL: (1, 2, 3, 4), Kind.YES_NO: (1, 2)}.get(kind, ())
        choices = [{"value": value, "text_ru": f"в{value}", "then": draw(st.sampled_from(targets))} for value in values]
        if kind in (Kind.NUMBER, Kind.SCALE):
            more |= {"low": 0, "high": 10}
            low = draw(st.integers(0, 10))
            branch = {
                "value": 1,
                "low": low,
                "high": draw(st.integers(low, 10)),
                "then": draw(st.sampled_from(targets)),
            }
            choices = [branch] if draw(st.booleans()) else []
        found.append((f"q{place}", kind, {"ru": f"Вопрос {place}?"}, choices, more))
    return found


# Keys as fingers press them: answers, nonsense, back, and what networks do to them.
KEYS = st.sampled_from(["1", "2", "3", "1 2", "0", "7", "10", "99", "", "x", "00", "00", "twice", "late", "again"])
VALID = {Kind.SINGLE: "1", Kind.SEVERAL: "2 3", Kind.NUMBER: "4", Kind.SCALE: "9", Kind.YES_NO: "1", Kind.TEXT: "да"}


class Life:
    """One member in one survey; checks after each step what must hold always."""

    def __init__(self, survey: Survey) -> None:
        self.survey, self.now = survey, NOW
        value = f"7701000{next(numbers) % 10000:04d}"
        Subscriber.objects.filter(msisdn_index=crypto.blind_index(value)).update(ended_at=NOW)
        self.member = Subscriber.objects.create(
            msisdn=crypto.encrypt_msisdn(value), msisdn_index=crypto.blind_index(value), brand="activ",
            line_status="active", language="ru", created_at=NOW, changed_at=NOW, gender="f",
        )  # fmt: skip
        shown = consent.ShownConsent(consent.current_consent_text(), "ru")
        programme.enroll(subscriber=self.member, shown=shown, session="s", key="1", by="ussd:t", now=NOW)
        self.standing = self.begin()
        self.before = self.standing

    def begin(self) -> Position:
        return programme.begin_survey(
            survey_id=self.survey.pk, subscriber=self.member, channel=Channel.USSD, language="ru", now=self.now
        )

    def press(self, standing: Position, key: str) -> Position:
        self.now += timedelta(seconds=3)
        return programme.answer_survey(
            response_id=standing.response_id, subscriber_id=self.member.pk, turn=standing.turn, key=key, now=self.now
        )

    def live(self, key: str) -> None:
        if key == "again":  # the session dropped
            self.standing = self.begin()
        elif key == "late":  # a key of the screen before, from a phone that was slow
            if self.before.turn < self.standing.turn:
                assert self.press(self.before, "1").turn == self.standing.turn
        else:
            self.before, pressed = self.standing, self.standing
            self.standing = self.press(pressed, "1" if key == "twice" else key)
            if key == "twice" and self.standing.turn != pressed.turn:
                assert self.press(pressed, "1").turn == self.standing.turn
        self.check()

    def check(self) -> None:
        response = Response.objects.get(pk=self.standing.response_id)
        answered = list(Answer.objects.filter(response=response).values_list("question__code", flat=True))
        assert sorted(answered) == sorted(response.path)
        assert len(set(answered)) == len(answered)
        assert response.asked not in response.path
        grants = Grant.objects.filter(subscriber=self.member, kind="survey")
        owed = response.state == "completed" or (response.state == "full" and self.survey.rewards_full)
        assert [(grant.pk, grant.units) for grant in grants] == ([(response.grant, response.units)] if owed else [])


def steps_to_the_end(life: Life) -> Iterator[None]:
    while not life.standing.ended:
        assert life.standing.item is not None
        life.standing = life.press(life.standing, VALID[Kind(life.standing.item.kind)])
        yield


@pytest.mark.long
@given(
    questions=questionnaires(),
    keys=st.lists(KEYS, max_size=25),
    room=st.sampled_from([None, 1, 5]),
    rewards_full=st.booleans(),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_surveys_and_random_keys(questions, keys, room, rewards_full):
    scripts.forget()
    survey = Survey.objects.create(
        name="S", languages=["ru"], channels=["ussd"], starts_at=NOW, ends_at=NOW + timedelta(days=1), reward_units=40,
        created_by="t", created_at=NOW, rewards_full=rewards_full,
    )  # fmt: skip
    version = drafting.new_draft(survey=survey, by="t", now=NOW)
    write(version, questions)
    wrong = drafting.problems(version)
    unreached = {problem.code for problem in wrong}
    assert all(problem.what == flow.NOTHING_LEADS for problem in wrong), wrong
    version.questions.filter(code__in=unreached).delete()
    version.questions.filter(then__in=unreached).update(then="")  # never followed: each choice leads elsewhere
    assert drafting.problems(version) == []
    drafting.publish(version=version, by="t", now=NOW)
    lifecycle.launch(survey=survey, by="t", now=NOW)
    lifecycle.feed(now=NOW)
    if room:
        Quota.objects.create(survey=survey, gender="f", wanted=room)

    life, other = Life(survey), Life(survey)
    for key in keys:
        if life.standing.ended:
            break
        life.live(key)
    for _step in steps_to_the_end(other):
        other.check()
    for steps, _step in enumerate(steps_to_the_end(life), 1):
        life.check()
        assert steps <= len(questions)
    life.check()

    assert life.standing.ended
    with pytest.raises(answering.AlreadyAnswered):
        life.begin()
    assert life.press(life.standing, "1").ended == life.standing.ended
    life.check()
    for quota in Quota.objects.filter(survey=survey):
        assert quota.taken == Response.objects.filter(survey=survey, state="completed").count() <= quota.wanted
