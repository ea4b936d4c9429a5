"""A survey in the back office: set up, looked at, launched, changed as far as it may be, stopped (P1, S1)."""

from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from pytest_django import DjangoAssertNumQueries

from bonuses.models import BonusTerms
from campaigns.models import Partner
from core.access.models import AuditEvent
from enrollment.models import SavedAudience, Town
from smart import urls as project
from surveys.fieldwork import lifecycle
from surveys.models import Quota, Response, Survey, Version
from surveys.questionnaire import drafting
from surveys.staff.forms import usual_words
from tests.surveys.staff.forms import MakeSurvey, Staff, at_now, everybody, make_member, make_survey, page_of

__all__ = ["at_now", "everybody", "make_member", "make_survey"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]
LIST = "/admin/surveys/survey/"
ADD = f"{LIST}add/"


def form(audience: SavedAudience, *quotas: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What the browser sends for a survey with these quotas."""
    sent: dict[str, Any] = {
        "name": "Coffee", "title_kk": "Кофе", "title_ru": "Кофе", "title_en": "", "languages": ["kk", "ru"],
        "invitation_kk": "", "invitation_ru": "", "invitation_en": "", "saved_audience": audience.pk,
        "channels": "ussd sms", "starts_at_0": "2026-11-24", "starts_at_1": "10:00", "ends_at_0": "2026-11-30",
        "ends_at_1": "21:00", "rate_per_minute": "", "remind_after_days": "3", "reward_units": "",
        "rewards_full": "on", "fast_seconds": "2", "sponsor": "", "quotas-TOTAL_FORMS": str(len(quotas)),
        "quotas-INITIAL_FORMS": "0", "quotas-MIN_NUM_FORMS": "0", "quotas-MAX_NUM_FORMS": "1000", **changes,
    }  # fmt: skip
    for number, quota in enumerate(quotas):
        given = {"town": "", "age_from": "", "age_to": "", "gender": "", "wanted": "10", **quota}
        sent |= {f"quotas-{number}-{name}": value for name, value in given.items()}
    return sent


def launched_form(survey: Survey, **changes: Any) -> dict[str, Any]:
    """What the browser sends for a launched one."""
    return {
        "name": survey.name, "ends_at_0": "2026-12-03", "ends_at_1": "12:00", "rate_per_minute": "",
        "remind_after_days": "", **changes,
    }  # fmt: skip


def state(survey: Survey) -> str:
    survey.refresh_from_db()
    return survey.state


# -- set up


def test_a_survey_is_set_up_with_its_audience_as_it_is_now_and_a_first_draft(
    staff: Staff, everybody: SavedAudience, now: datetime
) -> None:
    SavedAudience.objects.update(definition={"towns": ["almaty"]})
    arbat = Partner.objects.create(name="Arbat Coffee", slug="arbat", created_at=now)
    almaty = Town.objects.get(code="almaty")

    answer = staff("marketing").post(ADD, form(everybody, {"town": almaty.pk, "age_from": "18"}, sponsor=arbat.pk))
    SavedAudience.objects.update(definition={})

    made = Survey.objects.get()
    assert answer.headers["Location"] == page_of(made)
    assert (made.audience, made.channels, made.languages) == ({"towns": ["almaty"]}, ["ussd", "sms"], ["kk", "ru"])
    assert (made.sponsor_id, made.reward_units, made.created_by) == (arbat.pk, None, "staff:marketing")
    assert made.starts_at == now + timedelta(hours=22)  # 10:00 of the next day in Astana
    assert made.quotas.get().town == almaty
    assert drafting.draft_of(made) is not None
    assert AuditEvent.objects.get(action="create_survey").subject == f"survey:{made.pk}"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ends_at_0": "2026-11-24", "ends_at_1": "09:59"}, "It ends before it starts."),
        ({"starts_at_0": "2026-11-01", "ends_at_0": "2026-11-02"}, "This is over already."),
        ({"rate_per_minute": "0"}, "At least one, or empty."),
        ({"remind_after_days": "0"}, "At least one, or empty."),
        ({"reward_units": "0"}, "At least one, or empty."),
        ({"fast_seconds": "601"}, "From 0 to 600 seconds."),
        ({"title_kk": ""}, "The survey is asked in this language: give it a title."),
        ({"title_kk": "к" * 41}, "Ensure this value has at most 40 characters"),
        ({"languages": []}, "This field is required."),
        ({"languages": ["fr"]}, "Select a valid choice."),
        ({"saved_audience": ""}, "This field is required."),
        ({"channels": "sms sms"}, "Select a valid choice."),
        ({"sponsor": "99"}, "Select a valid choice."),
        ({"invitation_ru": "Чай {code}"}, "a placeholder that does not exist"),
        ({"invitation_ru": "Чай \u202e"}, "at character 5"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_is_told_at_its_field(
    staff: Staff, everybody: SavedAudience, changes: dict[str, Any], why: str
) -> None:
    page = staff("marketing").post(ADD, form(everybody, **changes)).content.decode()

    assert why in page
    assert not Survey.objects.exists()


@pytest.mark.parametrize(
    ("quota", "why"),
    [({"age_from": "30", "age_to": "20"}, "It ends before it begins."), ({"wanted": "0"}, "At least 1.")],
    ids=["ages", "wanted"],
)
def test_a_quota_that_cannot_be_is_told(
    staff: Staff, everybody: SavedAudience, quota: dict[str, str], why: str
) -> None:
    assert why in staff("marketing").post(ADD, form(everybody, quota)).content.decode()
    assert not Quota.objects.exists()


def test_the_form_says_what_empty_means(staff: Staff) -> None:
    page = unescape(staff("marketing").get(ADD).content.decode())

    assert f"now {BonusTerms.objects.get(kind='survey').units} units" in page
    for code in ("kk", "ru", "en"):  # the usual words are shown in the language they are in
        assert usual_words(code) in page


def test_the_list_shows_where_each_stands_with_queries_that_do_not_grow(
    staff: Staff, make_survey: MakeSurvey, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = staff("marketing")
    for number in range(8):
        make_survey(name=f"Number {number}", state="draft")

    with django_assert_max_num_queries(9):
        page = client.get(LIST).content.decode()

    assert all(f"Number {number}" in page for number in range(8))
    assert "draft" in page


# -- what may change when


def test_of_a_launched_survey_only_name_later_end_pace_and_reminder_change(
    staff: Staff, make_survey: MakeSurvey
) -> None:
    survey = make_survey()
    sent = launched_form(
        survey, name="Coffee at last", rate_per_minute="60", remind_after_days="2", languages=["kk"], channels="ivr",
        reward_units="9999", title_ru="Чай", saved_audience="",
    )  # fmt: skip

    answer = staff("marketing").post(f"{LIST}{survey.pk}/change/", sent)

    assert answer.headers["Location"] == page_of(survey)
    before = {
        name: getattr(survey, name) for name in ("languages", "channels", "reward_units", "title_ru", "starts_at")
    }
    survey.refresh_from_db()
    assert {name: getattr(survey, name) for name in before} == before
    assert (survey.name, survey.rate_per_minute, survey.remind_after_days) == ("Coffee at last", 60, 2)
    assert survey.stream is not None
    assert survey.stream.rate_per_minute == 60  # senders keep to it


def test_a_launched_surveys_end_never_comes_earlier(staff: Staff, make_survey: MakeSurvey) -> None:
    survey = make_survey()
    ends = survey.ends_at

    sent = launched_form(survey, ends_at_0="2026-12-01")
    page = staff("marketing").post(f"{LIST}{survey.pk}/change/", sent).content.decode()

    assert "its end may only be later" in page
    survey.refresh_from_db()
    assert survey.ends_at == ends


def test_a_launched_surveys_form_says_what_can_no_longer_change_and_has_no_quotas(
    staff: Staff, make_survey: MakeSurvey
) -> None:
    survey = make_survey()

    page = staff("marketing").get(f"{LIST}{survey.pk}/change/").content.decode()

    assert "can no longer be changed" in page
    assert 'name="quotas-TOTAL_FORMS"' not in page
    assert 'name="channels"' not in page


def test_one_that_is_over_is_shown_on_its_page(staff: Staff, make_survey: MakeSurvey, now: datetime) -> None:
    survey = make_survey()
    lifecycle.cancel(survey=survey, by="staff:x", now=now)

    answer = staff("marketing").post(f"{LIST}{survey.pk}/change/", launched_form(survey, name="Tea"))

    assert answer.headers["Location"] == page_of(survey)
    survey.refresh_from_db()
    assert survey.name == "Coffee"


def test_only_a_draft_that_was_never_published_can_be_deleted(
    staff: Staff, make_survey: MakeSurvey, now: datetime
) -> None:
    client = staff("marketing")
    drafted, published = make_survey(state="draft"), make_survey(state="draft", name="Tea")
    drafting.publish(version=Version.objects.get(survey=published), by="staff:x", now=now)

    gone = client.post(f"{LIST}{drafted.pk}/delete/", {"post": "yes"})
    kept = client.post(f"{LIST}{published.pk}/delete/", {"post": "yes"})

    assert (gone.status_code, kept.status_code) == (302, 403)
    assert list(Survey.objects.all()) == [published]


def test_a_language_that_the_published_questions_lack_is_refused(
    staff: Staff, make_survey: MakeSurvey, everybody: SavedAudience, now: datetime
) -> None:
    survey = make_survey(state="draft", languages=["ru"], questions=[("q1", "yes_no", {"ru": "Да?"}, [], {})])
    drafting.publish(version=Version.objects.get(), by="staff:x", now=now)

    page = staff("marketing").post(f"{LIST}{survey.pk}/change/", form(everybody)).content.decode()

    assert "its text in “kk” is missing" in page
    survey.refresh_from_db()
    assert survey.languages == ["ru"]


# -- its page


def test_its_page_tells_what_was_decided(staff: Staff, make_survey: MakeSurvey, now: datetime) -> None:
    arbat = Partner.objects.create(name="Arbat Coffee", slug="arbat", created_at=now)
    survey = make_survey(state="draft", sponsor=arbat, remind_after_days=3, audience={"towns": ["almaty"]})
    Quota.objects.create(survey=survey, age_from=18, age_to=24, gender="f", wanted=40)

    page = staff("marketing").get(page_of(survey)).content.decode()

    for told in ("Members in Almaty", "Arbat Coffee", "once, after 3 days", "100 units", "18–24", "0 / 40",
                 f"*555*6*{survey.pk}#", "Do you drink coffee?", "Version 1, being written"):  # fmt: skip
        assert told in page, told


def test_its_page_lists_every_problem_with_a_link_to_its_question(staff: Staff, make_survey: MakeSurvey) -> None:
    survey = make_survey(state="draft", questions=[
        ("q1", "single", {"ru": "Что?"}, [{"value": 1, "text_ru": "Чай", "then": "q9"}], {}),
    ])  # fmt: skip

    page = staff("marketing").get(page_of(survey)).content.decode()

    assert "it needs two choices at least" in page
    assert "it leads to a question that does not exist" in page
    assert page_of(survey, "questions/q1/") in page


def test_the_invitation_is_shown_as_it_will_be(staff: Staff, make_survey: MakeSurvey) -> None:
    survey = make_survey(state="draft", channels=["sms", "ussd"], invitation_ru="Пейте {title}: {units}")

    page = staff("marketing").get(page_of(survey)).content.decode()

    assert f"Пейте Кофе: 100 Наберите *555*6*{survey.pk}#" in page
    assert "SMART survey &quot;Coffee&quot;: 100 units for your answers." in page


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"languages": ["kk"]}, "read none of the languages it is asked in"),
        ({"quota": {"age_from": 90}}, "are of no kind that answers are wanted of"),
        ({"quota": {"wanted": 1, "taken": 1}}, "are of a kind that has answered enough"),
    ],
    ids=["language", "no group", "full"],
)
def test_the_forecast_says_why_somebody_is_left_out(
    staff: Staff, make_survey: MakeSurvey, make_member: Any, fields: dict[str, Any], why: str
) -> None:
    make_member()
    quota = fields.pop("quota", None)
    survey = make_survey(state="draft", **fields)
    if quota:
        Quota.objects.create(survey=survey, **{"wanted": 5, **quota})

    page = staff("marketing").get(page_of(survey, "forecast/")).content.decode()

    assert why in page
    assert 'data-reachable="0"' in page
    assert "its questions are not published" in page  # and whom it would reach is told all the same


def test_the_forecast_of_one_that_is_ready_tells_units_at_stake(
    staff: Staff, make_survey: MakeSurvey, make_member: Any, now: datetime
) -> None:
    make_member()
    make_member()
    survey = make_survey(state="draft")
    Quota.objects.create(survey=survey, wanted=1)
    drafting.publish(version=Version.objects.get(), by="staff:x", now=now)

    page = staff("marketing").get(page_of(survey, "forecast/")).content.decode()

    assert 'data-reachable="2"' in page
    assert "units at stake" in page
    assert ">100<" in page  # one answer is wanted of the two


def test_progress_counts_who_came_how_far(
    staff: Staff, make_survey: MakeSurvey, make_member: Any, now: datetime
) -> None:
    member = make_member()
    survey = make_survey()
    Quota.objects.create(survey=survey, wanted=4, taken=1)
    Response.objects.create(
        survey=survey, version=Version.objects.get(), subscriber=member, language="ru", channel="ussd",
        state="screened_out", started_at=now, asked_at=now, ended_at=now,
    )  # fmt: skip

    page = staff("marketing").get(page_of(survey, "progress/?state=running")).content.decode()

    assert '<tr><td>not eligible</td><td class="sm-figure">1</td></tr>' in page
    assert '<tr><td>began</td><td class="sm-figure">1</td></tr>' in page
    assert "1 / 4" in page
    assert 'value="25"' in page


def test_progress_of_another_state_asks_for_the_page_anew(staff: Staff, make_survey: MakeSurvey) -> None:
    answer = staff("marketing").get(page_of(make_survey(), "progress/?state=paused"))

    assert answer.headers["HX-Refresh"] == "true"


def test_the_page_asks_no_more_queries_for_more_questions_and_quotas(
    staff: Staff, make_survey: MakeSurvey, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    questions = [(f"q{n}", "yes_no", {"kk": "А", "ru": "Б", "en": "C"}, [], {}) for n in range(1, 31)]
    survey = make_survey(state="draft", questions=questions)
    Quota.objects.bulk_create(Quota(survey=survey, town=town, wanted=5) for town in Town.objects.all()[:40])
    client = staff("marketing")

    with django_assert_max_num_queries(18):
        client.get(page_of(survey))


urlpatterns = [path("admin/survey/<int:pk>/results/", lambda request, pk: HttpResponse()), *project.urlpatterns]


@pytest.mark.urls(__name__)
@pytest.mark.parametrize(("before", "is_there"), [("running", True), ("draft", False)])
def test_results_are_led_to_once_it_is_launched(
    staff: Staff, make_survey: MakeSurvey, before: str, is_there: bool
) -> None:
    survey = make_survey(state=before)

    page = staff("marketing").get(page_of(survey)).content.decode()

    assert (f'href="{page_of(survey, "results/")}"' in page) is is_there


# -- what is done to it


@pytest.mark.parametrize(
    ("before", "name", "after"),
    [
        ("scheduled", "pause", "paused"),
        ("running", "pause", "paused"),
        ("running", "cancel", "cancelled"),
        ("draft", "cancel", "cancelled"),
    ],
)
def test_a_link_only_asks_and_its_form_acts(
    staff: Staff, make_survey: MakeSurvey, before: str, name: str, after: str
) -> None:
    survey, client = make_survey(state=before), staff("marketing")

    asked = client.get(page_of(survey, f"do/{name}/"))
    between = state(survey)
    client.post(page_of(survey, f"do/{name}/"))

    assert asked.status_code == 200
    assert (between, state(survey)) == (before, after)


def test_launch_and_resume(staff: Staff, make_survey: MakeSurvey, now: datetime) -> None:
    survey, client = make_survey(state="draft"), staff("marketing")
    drafting.publish(version=Version.objects.get(), by="staff:x", now=now)

    asked = client.get(page_of(survey, "do/launch/")).content.decode()
    client.post(page_of(survey, "do/launch/"))
    launched = state(survey)
    lifecycle.pause(survey=survey, by="staff:x", now=now)
    client.post(page_of(survey, "do/resume/"))

    assert "can no longer be changed" in asked
    assert (launched, state(survey)) == ("scheduled", "scheduled")
    assert survey.launched_by == "staff:marketing"


@pytest.mark.parametrize(
    ("before", "name", "why"),
    [
        ("draft", "launch", "its questions are not published"),
        ("draft", "pause", "that cannot be done now"),
        ("running", "launch", "that cannot be done now"),
        ("running", "resume", "that cannot be done now"),
    ],
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_refusal_is_told_on_its_page(
    staff: Staff, make_survey: MakeSurvey, before: str, name: str, why: str, method: str
) -> None:
    survey, client = make_survey(state=before), staff("marketing")

    page = getattr(client, method)(page_of(survey, f"do/{name}/"), follow=True).content.decode()

    assert why in page
    assert state(survey) == before


def test_there_is_no_other_thing_to_do(staff: Staff, make_survey: MakeSurvey) -> None:
    assert staff("marketing").post(page_of(make_survey(), "do/delete/")).status_code == 404


# -- quotas for many kinds


def test_cells_cross_towns_ages_and_genders(staff: Staff, make_survey: MakeSurvey) -> None:
    survey = make_survey(state="draft")
    towns = list(Town.objects.filter(code__in=["almaty", "astana"]).values_list("pk", flat=True))

    staff("marketing").post(
        page_of(survey, "cells/"), {"towns": towns, "bands": "18-24, 25–34,35+", "genders": ["m", "f"], "wanted": "50"}
    )

    found = set(survey.quotas.values_list("age_from", "age_to", "gender", "wanted"))
    assert survey.quotas.count() == 12
    assert {(18, 24, "m", 50), (25, 34, "f", 50), (35, None, "m", 50)} <= found


def test_cells_that_are_there_stay_unless_they_are_replaced(staff: Staff, make_survey: MakeSurvey) -> None:
    survey, client = make_survey(state="draft"), staff("marketing")
    Quota.objects.create(survey=survey, gender="m", wanted=7)

    client.post(page_of(survey, "cells/"), {"genders": ["m", "f"], "wanted": "50"})
    added = sorted(survey.quotas.values_list("gender", "wanted"))
    client.post(page_of(survey, "cells/"), {"genders": ["m"], "wanted": "50", "replaces": "on"})

    assert added == [("f", 50), ("m", 7)]
    assert list(survey.quotas.values_list("gender", "wanted")) == [("m", 50)]


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"bands": "18-", "wanted": "0"}, "greater than or equal to 1"),
        ({"bands": "24-18", "wanted": "5"}, "“24-18” is no band of ages"),
        ({"bands": "young", "wanted": "5"}, "“young” is no band of ages"),
        ({"bands": ",".join(f"{age}" for age in range(20, 60)), "genders": ["m", "f"], "towns": "all", "wanted": "5"},
         "400 at most"),
    ],
    ids=["none", "backwards", "word", "many"],
)  # fmt: skip
def test_cells_that_cannot_be_are_told(staff: Staff, make_survey: MakeSurvey, sent: dict[str, Any], why: str) -> None:
    survey = make_survey(state="draft")
    if sent.get("towns") == "all":
        sent = {**sent, "towns": list(Town.objects.values_list("pk", flat=True)[:10])}

    answer = staff("marketing").post(page_of(survey, "cells/"), sent)

    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert not Quota.objects.exists()


def test_a_launched_surveys_cells_stay(staff: Staff, make_survey: MakeSurvey) -> None:
    survey = make_survey()

    page = staff("marketing").post(page_of(survey, "cells/"), {"wanted": "5"}, follow=True).content.decode()

    assert "its quotas can no longer be changed" in page
    assert not Quota.objects.exists()


# -- who may

READ = ["", "forecast/", "progress/?state=running", "questions/", "try/"]
WRITE = ["cells/", "questions/new/", "questions/drinks/", "questions/drinks/delete/", "questions/publish/",
         "do/pause/"]  # fmt: skip
POST_ONLY = ["questions/preview/", "questions/correct/", "questions/drinks/move/"]


@pytest.mark.parametrize("rest", [*READ, *WRITE, *POST_ONLY])
def test_care_agents_and_strangers_see_nothing_of_it(staff: Staff, make_survey: MakeSurvey, rest: str) -> None:
    survey, method = make_survey(), "post" if rest in POST_ONLY else "get"

    agent = getattr(staff("care"), method)(page_of(survey, rest))
    stranger = getattr(Client(), method)(page_of(survey, rest))

    assert agent.status_code == 403
    assert stranger.status_code == 302
    assert "/login/" in stranger.headers["Location"]


@pytest.mark.parametrize("rest", [*WRITE, *POST_ONLY])
def test_who_may_only_look_writes_nothing(make_survey: MakeSurvey, rest: str) -> None:
    survey, client = make_survey(), looker()

    assert client.post(page_of(survey, rest)).status_code == 403
    assert client.get(page_of(survey)).status_code == 200


def looker() -> Client:
    """Somebody who may look at surveys, and no more."""
    user = User.objects.create_user("looker", password="x", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_survey"))
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user)
    return client


@pytest.mark.parametrize("rest", POST_ONLY)
def test_a_link_alone_changes_nothing(staff: Staff, make_survey: MakeSurvey, rest: str) -> None:
    assert staff("marketing").get(page_of(make_survey(state="draft"), rest)).status_code == 405


def test_marketing_sees_responses_and_invitations_and_changes_none(staff: Staff) -> None:
    client = staff("marketing")

    for model in ("response", "invitation"):
        assert client.get(f"/admin/surveys/{model}/").status_code == 200
        assert client.get(f"/admin/surveys/{model}/add/").status_code == 403


def test_surveys_give_marketing_no_right_over_partners_invitations(staff: Staff) -> None:
    staff("marketing")

    user = User.objects.get(username="marketing")
    assert user.has_perm("surveys.view_invitation")
    assert not user.has_perm("campaigns.view_invitation")
