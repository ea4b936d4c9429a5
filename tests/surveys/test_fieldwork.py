"""A survey from draft to end: checked, launched, invited, reminded once, paused, over (S1, M2, M5)."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import translation

from core.lib import astana
from enrollment.models import Membership, Town
from messaging.models import Contact, Message, SendingPolicy
from smart import programme
from surveys.fieldwork import inviting, lifecycle
from surveys.models import Choice, Invitation, Question, Quota, Response, Survey, Version
from surveys.questionnaire import drafting
from surveys.responses import answering
from tests.surveys.test_answering import walk

pytestmark = pytest.mark.django_db
ME = "staff:asel"
DONE = ["1", "0", "10"]


def invited():
    return {message.subscriber_id: message for message in Message.objects.filter(message_class="survey")}


def had_two_invitations(member, now):
    Contact.objects.create(subscriber=member, month=astana.month_of(now), day=astana.day_of(now), surveys=2)


def excluded(survey, now):
    return lifecycle.counts(survey=survey, now=now).excluded


def test_members_are_invited_each_in_his_language_with_the_code(make_survey, make_member, now):
    aigul, boris = make_member(language="kk"), make_member(language="ru")
    survey = make_survey()

    messages = invited()

    assert set(messages) == {aigul.pk, boris.pk}
    assert messages[boris.pk].text == f"Опрос SMART «Кофе»: 100 единиц за ответы. Наберите *555*6*{survey.pk}#"
    assert "сауалнама" in messages[aigul.pk].text
    assert messages[aigul.pk].purpose == "surveys"
    assert survey.invited == 2
    assert Invitation.objects.count() == 2


def test_an_invitation_of_marketing_s_own_words(make_survey, make_member, now):
    boris = make_member()
    make_survey(invitation_ru="Кофе «{title}»! Дарим {units} единиц.")

    assert invited()[boris.pk].text.startswith("Кофе «Кофе»! Дарим 100 единиц. Наберите *555*6*")


def test_a_braced_word_of_marketing_s_own_is_refused(make_survey, now):
    survey = make_survey(state="draft", invitation_ru="Привет, {name}")
    drafting.publish(version=drafting.draft_of(survey), by=ME, now=now)

    with pytest.raises(lifecycle.SurveyNotReady, match="placeholder"), translation.override("en"):
        lifecycle.launch(survey=survey, by=ME, now=now)


def test_who_is_left_out_and_why(make_survey, make_member, now):
    make_member()
    capped, agreed_not, english = make_member(), make_member(), make_member(language="en")
    had_two_invitations(capped, now)
    Membership.objects.filter(subscriber=agreed_not).update(consents=7)  # offers alone
    town = Town.objects.get(code="almaty")
    far, full = make_member(gender="m"), make_member(gender="f", town=town)
    survey = make_survey(state="draft", languages=["ru"])
    Quota.objects.create(survey=survey, gender="f", wanted=1, taken=1)
    Quota.objects.create(survey=survey, wanted=5, gender="")

    counts = lifecycle.counts(survey=survey, now=now)

    assert counts.matched == 6
    assert counts.excluded == {"cap_month": 1, "no_consent": 1, "no_language": 1, "group_full": 1}
    assert counts.reachable == 2
    drafting.publish(version=drafting.draft_of(survey), by=ME, now=now)
    lifecycle.launch(survey=survey, by=ME, now=now)
    lifecycle.feed(now=now)
    assert far.pk in invited()
    assert not {capped.pk, agreed_not.pk, english.pk, full.pk} & set(invited())


def test_an_invitation_goes_by_the_channel_agreed_to_for_surveys(make_survey, make_member, now):
    """M2: what was agreed to for offers counts for no invitation."""
    member = make_member()
    Membership.objects.filter(subscriber=member).update(consents=1 + 16)  # offers by SMS, surveys by USSD

    make_survey(channels=["sms", "ussd"])

    assert invited()[member.pk].channel == "ussd"


def test_who_agrees_to_surveys_no_more_is_not_reminded(make_survey, make_member, now):
    """M2."""
    make_member()
    make_survey(remind_after_days=3)
    Membership.objects.update(consents=7)  # offers alone

    assert lifecycle.feed(now=now + timedelta(days=3)) == 0
    assert Invitation.objects.get().reminded_at is None


def test_of_no_group_is_not_invited(make_survey, make_member, now):
    make_member(gender="m"), make_member()
    survey = make_survey(state="draft")
    Quota.objects.create(survey=survey, gender="m", age_from=18, wanted=3)

    assert excluded(survey, now) == {"no_group": 2}  # he told no birthday


@pytest.mark.parametrize(("born", "is_in"), [("2008-11-23", True), ("2008-11-24", False), ("1991-11-24", True)])
def test_invited_and_begun_by_the_same_ages(make_survey, make_member, now, born, is_in):
    member = make_member(birth_date=born)
    survey = make_survey(state="draft")
    Quota.objects.create(survey=survey, age_from=18, age_to=34, wanted=3)
    member.refresh_from_db()

    assert (excluded(survey, now) == {}) is is_in
    if is_in:
        assert answering._cell(survey, member, now).wanted == 3
    else:
        with pytest.raises(answering.NotForYou):
            answering._cell(survey, member, now)


def test_nobody_is_invited_twice(make_survey, make_member, now):
    make_member()
    survey = make_survey()
    Survey.objects.update(watermark=0)

    assert lifecycle.feed(now=now) == 0
    assert excluded(survey, now) == {"invited": 1}


def test_a_reminder_once_and_not_to_who_has_answered(make_survey, make_member, now):
    done, begun, silent = make_member(), make_member(), make_member()
    survey = make_survey(remind_after_days=3)
    walk(survey, done, DONE, now)
    walk(survey, begun, ["1"], now)

    assert lifecycle.feed(now=now + timedelta(days=2, hours=23)) == 0
    assert lifecycle.feed(now=now + timedelta(days=3)) == 2
    assert lifecycle.feed(now=now + timedelta(days=6)) == 0

    reminders = Message.objects.filter(origin=f"survey_reminder:{survey.pk}")
    assert {message.subscriber_id for message in reminders} == {begun.pk, silent.pk}
    assert Invitation.objects.get(subscriber=silent).reminded_at == now + timedelta(days=3)
    assert Invitation.objects.get(subscriber=done).reminded_at is None


def test_a_reminder_counts_for_the_month_s_two(make_survey, make_member, now):
    member = make_member()
    make_survey(remind_after_days=1)
    had_two_invitations(member, now)

    assert lifecycle.feed(now=now + timedelta(days=2)) == 0


def test_paused_invites_nobody_and_lets_nobody_begin(make_survey, make_member, now):
    member, other = make_member(), make_member()
    survey = make_survey(state="scheduled")
    standing_survey = lifecycle.pause(survey=survey, by=ME, now=now)

    assert lifecycle.feed(now=now) == 0
    with pytest.raises(answering.SurveyPaused):
        walk(standing_survey, member, [], now)
    lifecycle.resume(survey=survey, by=ME, now=now)
    assert lifecycle.feed(now=now) == 2
    lifecycle.pause(survey=survey, by=ME, now=now)
    survey.refresh_from_db()
    assert survey.stream.is_paused
    with pytest.raises(answering.SurveyPaused):
        walk(survey, other, [], now)


def test_who_has_begun_goes_on_while_it_is_paused(make_survey, make_member, now):
    member, survey = make_member(), make_survey()
    walk(survey, member, ["1"], now)
    lifecycle.pause(survey=survey, by=ME, now=now)

    assert walk(survey, member, ["0", "10"], now).ended == "completed"


def test_over_at_its_end(make_survey, make_member, now):
    make_member()
    survey = make_survey()

    lifecycle.feed(now=survey.ends_at)

    survey.refresh_from_db()
    assert survey.state == "finished"
    assert [message.state for message in invited().values()] == ["cancelled"]
    assert answering.open_to(subscriber=make_member(), now=survey.ends_at) == []


def test_who_leaves_hears_no_more_of_it(make_survey, make_member, now):
    member = make_member()
    survey = make_survey(remind_after_days=1)
    programme.opt_out(subscriber=member, by="ussd:t", now=now)

    assert invited()[member.pk].state == "cancelled"
    assert lifecycle.feed(now=now + timedelta(days=2)) == 0
    assert lifecycle.invitations_by_state(survey, now) == {"cancelled": 1}


def test_a_launch_is_refused_with_all_that_is_in_the_way(make_survey, now):
    survey = make_survey(state="draft", channels=["ivr"], ends_at=now)
    drafting.publish(version=drafting.draft_of(survey), by=ME, now=now)

    with pytest.raises(lifecycle.SurveyNotReady) as refused, translation.override("en"):
        lifecycle.launch(survey=survey, by=ME, now=now)

    with translation.override("en"):
        assert "its end is over" in str(refused.value)
        assert "a text cannot be answered on the telephone" in str(refused.value)


def test_a_launch_without_published_questions_is_refused(make_survey, now):
    with pytest.raises(lifecycle.SurveyNotReady), translation.override("en"):
        lifecycle.launch(survey=make_survey(state="draft"), by=ME, now=now)


def test_an_invitation_by_ussd_fits_a_screen_or_is_refused(make_survey, now):
    survey = make_survey(state="draft", channels=["ussd"], languages=["kk"], invitation_kk="Ұ" * 70)
    drafting.publish(version=drafting.draft_of(survey), by=ME, now=now)

    with pytest.raises(lifecycle.SurveyNotReady, match="does not fit one screen"), translation.override("en"):
        lifecycle.launch(survey=survey, by=ME, now=now)


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_the_usual_invitation_fits_every_channel(make_survey, language):
    survey = make_survey(state="draft")
    texts = {channel: inviting.text(survey, channel, language, 100) for channel in ("sms", "ussd", "ivr")}

    assert inviting.fits(texts["ussd"])
    assert texts["ussd"].splitlines()[1].startswith("1 ")


def test_the_forecast(make_survey, make_member, now):
    for _ in range(3):
        make_member()
    survey = make_survey(state="draft")
    drafting.publish(version=drafting.draft_of(survey), by=ME, now=now)
    Quota.objects.create(survey=survey, wanted=2)

    told = lifecycle.forecast(survey=survey, now=now)

    assert (told.counts.reachable, told.units, told.wanted) == (3, 200, 2)
    assert told.segments >= 3


def test_the_reward_is_the_terms_where_the_survey_says_none(make_survey, make_member, now):
    survey = make_survey(reward_units=None)

    assert walk(survey, make_member(), DONE, now).units == 50


def test_a_correction_copies_and_the_published_never_changes(make_survey, now):
    survey = make_survey()
    published = lifecycle.current(survey)
    draft = drafting.new_draft(survey=survey, by=ME, now=now)

    assert draft.number == 2
    assert drafting.new_draft(survey=survey, by=ME, now=now) == draft
    assert [question.code for question in draft.questions.all()] == [q.code for q in published.questions.all()]
    for sql in (
        "UPDATE surveys_question SET text_ru = 'x' WHERE version_id = %s",
        "DELETE FROM surveys_choice USING surveys_question q WHERE q.id = question_id AND q.version_id = %s",
        "UPDATE surveys_version SET number = 9 WHERE id = %s",
        "INSERT INTO surveys_question (version_id, position, code, kind, text_kk, text_ru, text_en, is_screening,"
        " \"then\") VALUES (%s, 9, 'q9', 'text', '', '', '', false, '')",
    ):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, [published.pk])
    Question.objects.filter(version=draft).update(text_ru="Иначе?")


def test_questions_with_a_problem_are_not_published(make_survey, now):
    survey = make_survey(state="draft")
    version = drafting.draft_of(survey)
    Choice.objects.filter(question__code="cups").update(then="nowhere")

    with pytest.raises(drafting.NotPublishable, match="cups"):
        drafting.publish(version=version, by=ME, now=now)
    assert Version.objects.get().published_at is None


def test_states_go_only_where_they_may(make_survey):
    survey = make_survey()

    with pytest.raises(IntegrityError), transaction.atomic():
        Survey.objects.filter(pk=survey.pk).update(state="draft", launched_at=None)
    with pytest.raises(lifecycle.SurveyStateRefusal):
        lifecycle.launch(survey=survey, by=ME, now=survey.starts_at)


def test_an_ended_response_stays_as_it_is(make_survey, make_member, now):
    walk(make_survey(), make_member(), DONE, now)

    for change in ({"state": "started", "asked": "score", "ended_at": None}, {"units": 1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Response.objects.update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        Response.objects.all().delete()


def test_the_policy_may_forbid_invitations(make_survey, make_member, now):
    make_member()
    SendingPolicy.objects.update(surveys_a_month=0)

    make_survey()

    assert invited() == {}


def test_questions_not_in_every_language_are_not_launched(make_survey, now):
    survey = make_survey(state="draft", languages=["ru"])
    Question.objects.filter(version=drafting.draft_of(survey)).update(text_en="")
    drafting.publish(version=drafting.draft_of(survey), by=ME, now=now)
    Survey.objects.update(languages=["ru", "en"])
    survey.refresh_from_db()

    with pytest.raises(lifecycle.SurveyNotReady, match="every language"), translation.override("en"):
        lifecycle.launch(survey=survey, by=ME, now=now)
