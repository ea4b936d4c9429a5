"""Taking part (S1, S2, B11): each question once, back, resumed, quotas, the reward exactly once."""

from datetime import timedelta

import pytest

from bonuses.models import Grant
from enrollment.models import Channel, Fact, Interest, SubscriberFact
from smart import programme
from surveys.fieldwork import lifecycle
from surveys.models import Answer, Choice, Question, Quota, Response
from surveys.questionnaire import drafting
from surveys.responses import answering

pytestmark = pytest.mark.django_db


def begin(survey, member, now, language="ru"):
    return programme.begin_survey(
        survey_id=survey.pk, subscriber=member, channel=Channel.USSD, language=language, now=now
    )


def press(standing, member, key, now):
    return programme.answer_survey(
        response_id=standing.response_id, subscriber_id=member.pk, turn=standing.turn, key=key, now=now
    )


def walk(survey, member, keys, now, step=timedelta(seconds=5)):
    standing = begin(survey, member, now)
    for place, key in enumerate(keys, 1):
        standing = press(standing, member, key, now + place * step)
    return standing


def answers(member):
    return {
        answer.question.code: answer.text or answer.value
        for answer in Answer.objects.filter(response__subscriber=member).select_related("question")
    }


def test_to_the_end_with_the_reward_in_the_same_step(make_survey, make_member, now):
    survey, member = make_survey(), make_member()

    standing = walk(survey, member, ["1", "3", "1 3", "7", "Вкусно"], now)

    assert standing.ended == "completed"
    assert standing.units == 100
    assert answers(member) == {"drinks": 1, "cups": 3, "likes": 0b1010, "score": 7, "why": "Вкусно"}
    grant = Grant.objects.get(subscriber=member, kind="survey")
    assert (grant.units, grant.state, grant.source) == (100, "active", f"survey:{survey.pk}")
    response = Response.objects.get(subscriber=member)
    assert (response.grant, response.units, response.is_fast) == (grant.pk, 100, False)


def test_an_answer_decides_what_follows(make_survey, make_member, now):
    survey, member = make_survey(), make_member()

    standing = walk(survey, member, ["1", "0"], now)

    assert standing.item.code == "score"  # likes was jumped over
    assert press(standing, member, "10", now).ended == "completed"  # and why, after a ten


def test_screened_out_is_an_end_without_a_reward(make_survey, make_member, now):
    survey, member = make_survey(), make_member()

    standing = walk(survey, member, ["2"], now)

    assert (standing.ended, standing.units) == ("screened_out", 0)
    assert not Grant.objects.filter(kind="survey").exists()
    with pytest.raises(answering.AlreadyAnswered):
        begin(survey, member, now)


@pytest.mark.parametrize(("keys", "bad"), [([], "3"), (["1"], "21"), (["1"], "x"), (["1", "2"], "4"), (["1", "2"], "")])
def test_a_wrong_key_shows_the_question_again_with_a_hint(make_survey, make_member, now, keys, bad):
    survey, member = make_survey(), make_member()
    standing = walk(survey, member, keys, now)

    again = press(standing, member, bad, now)

    assert again.item == standing.item
    assert again.hint
    assert Answer.objects.count() == len(keys)


def test_back_takes_the_last_answer_back_and_what_it_led_to(make_survey, make_member, now):
    survey, member = make_survey(), make_member()
    standing = walk(survey, member, ["1", "0"], now)

    standing = press(standing, member, "00", now)
    assert standing.item.code == "cups"
    standing = press(standing, member, "2", now)

    assert standing.item.code == "likes"
    assert answers(member) == {"drinks": 1, "cups": 2}


def test_back_at_the_first_question_changes_nothing(make_survey, make_member, now):
    survey, member = make_survey(), make_member()
    standing = begin(survey, member, now)

    assert press(standing, member, "00", now).item.code == "drinks"


def test_a_doubled_key_answers_once(make_survey, make_member, now):
    survey, member = make_survey(), make_member()
    standing = begin(survey, member, now)

    first = press(standing, member, "1", now)
    twin = press(standing, member, "1", now)

    assert first.item == twin.item
    assert answers(member) == {"drinks": 1}


def test_resumed_at_the_same_question_another_day(make_survey, make_member, now):
    survey, member = make_survey(), make_member()
    walk(survey, member, ["1", "3"], now)
    later = now + timedelta(days=3)

    standing = begin(survey, member, later)

    assert standing.item.code == "likes"
    standing = press(standing, member, "2", later + timedelta(seconds=4))
    assert Answer.objects.get(question__code="likes").took_ms == 4000  # the days away are not thinking


def test_a_session_left_open_elsewhere_cannot_answer_for_the_resumed_one(make_survey, make_member, now):
    survey, member = make_survey(), make_member()
    old = begin(survey, member, now)
    new = begin(survey, member, now)

    shown = press(old, member, "2", now)

    assert shown.item.code == "drinks"
    assert not Answer.objects.exists()
    assert press(new, member, "1", now).item.code == "cups"


def test_a_started_response_keeps_its_version(make_survey, make_member, now):
    survey, member, other = make_survey(), make_member(), make_member()
    standing = walk(survey, member, ["1"], now)
    version = drafting.new_draft(survey=survey, by="staff:asel", now=now)
    Question.objects.filter(version=version, code="cups").update(text_ru="Сколько чашек?")
    drafting.publish(version=version, by="staff:asel", now=now)

    assert begin(survey, member, now).item.texts["ru"] == "Сколько чашек в день?"
    assert walk(survey, other, ["1"], now).item.texts["ru"] == "Сколько чашек?"
    assert standing.item.id != walk(survey, make_member(), ["1"], now).item.id


def test_a_full_group_is_not_begun(make_survey, make_member, now):
    survey, man = make_survey(), make_member(gender="m")
    Quota.objects.create(survey=survey, gender="m", wanted=1, taken=1)

    with pytest.raises(answering.GroupFull):
        begin(survey, man, now)


def test_of_no_group_is_not_asked(make_survey, make_member, now):
    survey, unknown = make_survey(), make_member()
    Quota.objects.create(survey=survey, gender="m", wanted=1)

    with pytest.raises(answering.NotForYou):
        begin(survey, unknown, now)


@pytest.mark.parametrize(("rewards", "units"), [(True, 100), (False, 0)])
def test_a_group_that_fills_meanwhile_is_a_polite_end(make_survey, make_member, now, rewards, units):
    survey = make_survey(rewards_full=rewards)
    quota = Quota.objects.create(survey=survey, gender="m", wanted=1)
    slow, quick = make_member(gender="m"), make_member(gender="m")
    standing = walk(survey, slow, ["1", "0"], now)
    assert walk(survey, quick, ["1", "0", "10"], now).ended == "completed"

    ended = press(standing, slow, "10", now)

    assert (ended.ended, ended.units) == ("full", units)
    quota.refresh_from_db()
    assert quota.taken == 1


def test_a_fast_completion_is_flagged_and_kept(make_survey, make_member, now):
    survey, member = make_survey(), make_member()

    walk(survey, member, ["1", "0", "10"], now, step=timedelta(milliseconds=500))

    response = Response.objects.get()
    assert (response.state, response.is_fast, response.units) == ("completed", True, 100)


def test_what_an_answer_tells_is_written_down(make_survey, make_member, now):
    car = Fact.objects.create(code="latte", label="Drinks latte", values=["yes", "no"])
    coffee = Interest.objects.first()
    survey = make_survey(state="draft")
    Choice.objects.filter(question__code="likes", value=1).update(fact=car, fact_value="yes", interest=coffee)
    version = drafting.draft_of(survey)
    drafting.publish(version=version, by="staff:asel", now=now)
    lifecycle.launch(survey=survey, by="staff:asel", now=now)
    lifecycle.feed(now=now)
    member = make_member()

    walk(survey, member, ["1", "2", "1", "9"], now)

    assert SubscriberFact.objects.get(subscriber=member).value == "yes"
    member.refresh_from_db()
    assert member.interests >> coffee.bit & 1


def test_who_left_meanwhile_answers_no_more(make_survey, make_member, now):
    survey, member = make_survey(), make_member()
    standing = walk(survey, member, ["1"], now)
    programme.opt_out(subscriber=member, by="ussd:t", now=now)

    with pytest.raises(answering.joining.NotMember):
        press(standing, member, "1", now)


def test_over_is_over(make_survey, make_member, now):
    survey, member = make_survey(), make_member()
    standing = walk(survey, member, ["1"], now)

    with pytest.raises(answering.SurveyOver):
        press(standing, member, "1", survey.ends_at)


def test_numbers_in_a_text_are_masked(make_survey, make_member, now):
    survey, member = make_survey(), make_member()

    walk(survey, member, ["1", "2", "1", "3", "Звоните 8 701 000 00 01"], now)

    assert answers(member)["why"] == "Звоните [number]"


def test_who_is_no_member_begins_nothing(make_survey, make_subscriber, now):
    with pytest.raises(answering.joining.NotMember):
        begin(make_survey(), make_subscriber(), now)

    assert not Response.objects.exists()


def test_who_is_not_of_the_people_asked_begins_nothing(make_survey, make_member, now):
    survey = make_survey(audience={"genders": ["f"]})
    asked, other = make_member(gender="f"), make_member(gender="m")

    assert begin(survey, asked, now).item.code == "drinks"
    with pytest.raises(answering.NotForYou):
        begin(survey, other, now)
