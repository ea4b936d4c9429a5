"""Real threads on a real PostgreSQL: one reward, one response, no group overfull, nothing left begun (S2, B11)."""

from datetime import timedelta

import pytest

from bonuses.models import Grant
from enrollment.models import Channel
from smart import programme
from surveys.fieldwork import lifecycle
from surveys.models import Answer, Quota, Response
from tests.bonuses.conftest import violated
from tests.races import race
from tests.surveys.test_answering import begin, press, walk

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]


def test_64_twins_of_the_last_key_pay_once(make_survey, make_member, now):
    survey, member = make_survey(), make_member()
    standing = walk(survey, member, ["1", "0"], now)

    shown = race(*[lambda: press(standing, member, "10", now)] * 64)

    assert {one.ended for one in shown} == {"completed"}
    assert sum(one.owes for one in shown) == 1
    assert Grant.objects.filter(kind="survey").count() == 1
    assert Answer.objects.count() == 3
    assert violated(now) == set()


def test_32_sessions_of_one_member_begin_one_response(make_survey, make_member, now):
    survey, member = make_survey(), make_member()

    race(*[lambda: begin(survey, member, now)] * 32)

    assert Response.objects.count() == 1


def test_a_group_takes_as_many_as_it_wants_however_many_end_at_once(make_survey, make_member, now):
    survey = make_survey()
    quota = Quota.objects.create(survey=survey, wanted=5)
    members = [make_member() for _ in range(16)]
    standings = [walk(survey, member, ["1", "0"], now) for member in members]

    ended = race(
        *[
            lambda standing=standing, member=member: press(standing, member, "10", now).ended
            for standing, member in zip(standings, members, strict=True)
        ]
    )

    assert sorted(ended) == ["completed"] * 5 + ["full"] * 11
    quota.refresh_from_db()
    assert quota.taken == 5
    assert violated(now) == set()


@pytest.mark.parametrize("turn", range(6))
def test_leaving_raced_against_the_last_answer_leaves_nothing_open(make_survey, make_member, now, turn):
    survey, member = make_survey(), make_member()
    standing = walk(survey, member, ["1", "0"], now)

    race(
        lambda: press(standing, member, "10", now),
        lambda: programme.opt_out(subscriber=member, by="ussd:t", now=now),
    )

    assert not Grant.objects.filter(subscriber=member, state__in=["waiting", "active"]).exists()
    assert violated(now + timedelta(days=2)) == set()


def test_members_begin_while_others_are_invited(make_survey, make_member, now):
    members = [make_member() for _ in range(8)]
    survey = make_survey(state="scheduled")
    lifecycle._start(survey.pk, now)

    race(
        lambda: lifecycle.feed(now=now),
        lambda: lifecycle.feed(now=now),
        *[
            lambda member=member: programme.begin_survey(
                survey_id=survey.pk, subscriber=member, channel=Channel.USSD, language="ru", now=now
            )
            for member in members
        ],
    )

    assert Response.objects.count() == 8
    assert violated(now) == set()
