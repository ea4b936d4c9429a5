"""What a sponsor sees of its survey: tens, nothing small, nothing to be found by subtraction or from two days (P2)."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from campaigns.models import Partner
from core.lib import crypto
from surveys.models import PublishedResult, Survey
from surveys.results import publishing
from surveys.results.publishing import ENOUGH, LEAST, STEP
from tests.campaigns.portal.conftest import person, signed_in
from tests.campaigns.test_privacy import betrayed, contents
from tests.surveys.results import respond

pytestmark = pytest.mark.django_db
YES, NO = 1, 2
LATTE, ESPRESSO, RAF = 1 << 1, 1 << 2, 1 << 3


@pytest.fixture
def partner(now: datetime) -> Partner:
    return Partner.objects.create(name="Arbat Coffee", slug="arbat", created_at=now)


@pytest.fixture
def survey(make_survey: Callable[..., Survey], partner: Partner, now: datetime) -> Survey:
    """150 finished it: four would not recommend, three love espresso, two do not love latte."""
    survey = make_survey(sponsor=partner)
    respond(survey, {"drinks": YES, "cups": 2, "likes": LATTE | RAF, "score": 10}, now=now, times=90)
    respond(survey, {"drinks": YES, "cups": 3, "likes": LATTE, "score": 8, "why": "Уютно"}, now=now, times=53)
    respond(survey, {"drinks": YES, "cups": 17, "likes": LATTE | ESPRESSO, "score": 8}, now=now, times=3)
    respond(survey, {"drinks": YES, "cups": 3, "likes": RAF, "score": 1, "why": "Дорого"}, now=now, times=2)
    respond(survey, {"drinks": YES, "cups": 3, "likes": LATTE, "score": 0, "why": "Шумно"}, now=now, times=2)
    return survey


@pytest.fixture
def dana(partner: Partner) -> Client:
    return signed_in(person(partner, "dana", "owner").user)


def shown(survey: Survey) -> dict[str, publishing.ShownQuestion]:
    survey = publishing.for_sponsor(survey.sponsor or 0).get(pk=survey.pk)
    published = publishing.read(survey)
    assert published is not None
    return {one.code: one for one in published.shown.questions}


def test_a_sponsor_reads_tens(survey: Survey, dana: Client, now: datetime) -> None:
    assert publishing.publish(survey=survey, now=now)

    told = PublishedResult.objects.get().figures
    assert told["completed"] in (150, 160)
    for one in told["questions"]:
        for count in (one["answered"], *one["rows"].values()):
            assert count % STEP == 0
            assert count > LEAST
    page = dana.get(f"/partners/surveys/{survey.pk}/").content.decode()
    assert f"<strong>{told['completed']}</strong>" in page
    assert "Сколько чашек в день?" in page
    assert "Уютно" not in page


def test_no_text_and_no_small_cell_is_told(survey: Survey, now: datetime) -> None:
    publishing.publish(survey=survey, now=now)

    found = shown(survey)

    assert set(found) == {"drinks", "cups", "likes", "score"}
    assert set(found["likes"].rows) == {"3"}  # espresso: 3; latte: all but two
    assert "17" not in found["cups"].rows


@pytest.mark.parametrize("few", range(1, 2 * LEAST))
def test_a_hidden_cell_is_not_what_the_total_leaves(
    make_survey: Callable[..., Survey], partner: Partner, now: datetime, few: int
) -> None:
    """One small cell takes the smallest large one with it, is told in tens itself, or is "few or none" as none is."""
    survey = make_survey(sponsor=partner)
    for cups, times in ((1, 60), (2, 50), (3, few)):
        respond(survey, {"drinks": YES, "cups": cups}, now=now, times=times)
    publishing.publish(survey=survey, now=now)

    cups = shown(survey)["cups"]

    hidden = {"1", "2", "3"} - set(cups.rows)
    assert few >= LEAST or "3" in hidden
    if len(hidden) == 1:
        assert (hidden, few < LEAST, cups.others) == ({"3"}, True, None)
    elif hidden:
        assert cups.others is not None
        assert cups.others >= 50


def test_the_first_one_of_a_cell_does_not_show() -> None:
    """None, or one of three cups: the cells shown are the same but in one survey of ten."""

    def told(few: int, cell: int) -> object:
        return publishing._TENS.parts({"1": 60, "2": 50, "3": few}, cell=str(cell))

    changed = sum(told(0, cell) != told(1, cell) for cell in range(1_000))

    assert 50 < changed < 200


def test_nothing_is_told_of_fewer_than_a_hundred(
    make_survey: Callable[..., Survey], partner: Partner, dana: Client, now: datetime
) -> None:
    survey = make_survey(sponsor=partner)
    respond(survey, {"drinks": YES}, now=now, times=99)
    respond(survey, {"drinks": NO}, now=now, times=50, state="screened_out")

    assert not publishing.publish(survey=survey, now=now)
    page = dana.get(f"/partners/surveys/{survey.pk}/").content.decode()
    assert "Результатов пока нет" in page
    respond(survey, {"drinks": YES}, now=now)
    assert publishing.publish(survey=survey, now=now)


def test_a_question_few_answered_is_left_out(
    make_survey: Callable[..., Survey], partner: Partner, now: datetime
) -> None:
    survey = make_survey(sponsor=partner)
    respond(survey, {"drinks": YES, "score": 9}, now=now, times=ENOUGH - 1)
    respond(survey, {"drinks": YES}, now=now, times=ENOUGH)

    publishing.publish(survey=survey, now=now)

    assert set(shown(survey)) == {"drinks"}


def test_two_days_do_not_tell_one_answer(survey: Survey, now: datetime) -> None:
    """Renewed only when a hundred more have come; the last ones are told when these are enough, else never."""
    publishing.publish(survey=survey, now=now)
    before = PublishedResult.objects.get().figures
    respond(survey, {"drinks": YES, "cups": 20, "likes": ESPRESSO, "score": 0}, now=now, times=ENOUGH - 1)

    assert not publishing.publish(survey=survey, now=now + timedelta(days=1))
    assert PublishedResult.objects.get().figures == before

    respond(survey, {"drinks": YES, "cups": 20, "likes": ESPRESSO, "score": 0}, now=now)
    assert publishing.publish(survey=survey, now=now + timedelta(days=2))
    assert PublishedResult.objects.get().figures != before


def test_what_is_final_never_changes(survey: Survey, now: datetime) -> None:
    publishing.publish(survey=survey, now=now)
    Survey.objects.filter(pk=survey.pk).update(state="finished", finished_at=now)
    survey.refresh_from_db()

    publishing.publish(survey=survey, now=now + timedelta(days=1))

    assert PublishedResult.objects.get().is_final
    with pytest.raises(IntegrityError), transaction.atomic():
        PublishedResult.objects.update(figures={})


def test_it_is_written_once_a_day(survey: Survey, now: datetime) -> None:
    assert publishing.publish_daily(now=now) == 1
    assert publishing.publish_daily(now=now + timedelta(hours=3)) is None
    assert publishing.publish_daily(now=now + timedelta(days=1)) == 0


def test_the_nps_is_of_what_is_shown(make_survey: Callable[..., Survey], partner: Partner, now: datetime) -> None:
    survey = make_survey(sponsor=partner)
    for score, times in ((10, 100), (7, 60), (2, 40)):
        respond(survey, {"drinks": YES, "score": score}, now=now, times=times)
    publishing.publish(survey=survey, now=now)

    score = shown(survey)["score"]

    rows = score.rows
    assert set(rows) == {"promoters", "passives", "detractors"}
    assert publishing.nps(score) == round(100 * (rows["promoters"] - rows["detractors"]) / sum(rows.values()))
    assert abs((publishing.nps(score) or 0) - 30) <= 8  # each group is less than ten off


def test_no_query_narrows_what_is_shown(survey: Survey, dana: Client, now: datetime) -> None:
    publishing.publish(survey=survey, now=now)
    address = f"/partners/surveys/{survey.pk}/"

    assert dana.get(address).content.count(b"<tr>") == dana.get(f"{address}?gender=f&answer=score:1").content.count(
        b"<tr>"
    )


def test_another_s_survey_is_not_there(survey: Survey, now: datetime) -> None:
    stranger = Partner.objects.create(name="Sinema", slug="sinema", created_at=now)
    boris = signed_in(person(stranger, "boris", "owner").user)

    assert boris.get(f"/partners/surveys/{survey.pk}/").status_code == 404
    assert "Опросов пока нет" in boris.get("/partners/surveys/").content.decode()


@pytest.mark.parametrize("state", ["draft", "scheduled"])
def test_a_survey_that_has_not_begun_is_not_there(
    make_survey: Callable[..., Survey], partner: Partner, dana: Client, now: datetime, state: str
) -> None:
    survey = make_survey(state=state, sponsor=partner, starts_at=now + timedelta(days=1))

    assert dana.get(f"/partners/surveys/{survey.pk}/").status_code == 404


def test_who_has_not_signed_in_is_asked_to(client: Client) -> None:
    assert client.get("/partners/surveys/").status_code == 302


def test_a_sponsor_learns_no_number(
    survey: Survey,
    dana: Client,
    now: datetime,
    make_subscriber: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """M6: canaries answered it, one wrote a number, even unmasked in the table; pages, rows and logs are searched."""
    caplog.set_level(logging.INFO)
    for number in ("77010000001", "77010000002"):
        canary = make_subscriber(msisdn=number)
        assert crypto.blind_index(number) == canary.msisdn_index
        respond(survey, {"drinks": YES, "cups": 2, "likes": LATTE, "score": 9, "why": f"звоните {number}"}, now=now,
                subscriber_id=canary.pk)  # fmt: skip
    publishing.publish(survey=survey, now=now)

    answers = [contents(dana.get(address)) for address in ("/partners/surveys/", f"/partners/surveys/{survey.pk}/")]

    assert "Кофе" in answers[0].decode()
    assert [betrayed(one) for one in answers] == [[], []]
    assert betrayed(str(list(PublishedResult.objects.values())).encode()) == []
    assert betrayed("\n".join(record.getMessage() + repr(record.args) for record in caplog.records).encode()) == []
