"""Results of surveys: every figure against what is known to have been answered."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.http import QueryDict
from django.utils import translation

from enrollment.models import Subscriber, Town
from surveys.models import Question, Survey
from surveys.questionnaire import drafting
from surveys.results import crossing, figures, filters, questions
from surveys.results.filters import Filters
from tests.surveys.conftest import COFFEE, write
from tests.surveys.results import respond

pytestmark = pytest.mark.django_db
YES, NO = 1, 2
LATTE, ESPRESSO, RAF = 1 << 1, 1 << 2, 1 << 3


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def survey(make_survey: Callable[..., Survey], now: datetime) -> Survey:
    """Ten finished it, four do not drink coffee, three stopped at the cups, two at the score; one group was full."""
    survey = make_survey()
    almaty = Town.objects.get(code="almaty")
    respond(survey, {"drinks": YES, "cups": 2, "likes": LATTE | RAF, "score": 10}, now=now, times=6, town=almaty,
            age=30, gender="f")  # fmt: skip
    respond(survey, {"drinks": YES, "cups": 4, "likes": ESPRESSO, "score": 3, "why": "Дорого"}, now=now, times=3,
            age=50, gender="m", language="kk")  # fmt: skip
    respond(survey, {"drinks": YES, "cups": 6, "likes": LATTE, "score": 8, "why": "Вкусно"}, now=now, seconds=1,
            is_fast=True)  # fmt: skip
    respond(survey, {"drinks": NO}, now=now, times=4, state="screened_out")
    respond(survey, {"drinks": YES}, now=now, times=3, state="started", waits="cups")
    respond(survey, {"drinks": YES, "cups": 1, "likes": LATTE}, now=now, times=2, state="started", waits="score")
    respond(survey, {"drinks": YES}, now=now, state="full")
    return survey


def told(survey: Survey, code: str, found: Filters | None = None) -> figures.Told:
    asked = questions.of(survey)
    counted = figures.answers(survey, asked, found or Filters())
    return counted.told(next(one for one in asked if one.code == code))


def parsed(survey: Survey, query: str) -> Filters:
    return filters.parse(QueryDict(query), questions.of(survey))


def test_the_funnel_counts_everybody_once(survey: Survey) -> None:
    asked = questions.of(survey)

    found = figures.funnel(survey, asked, Filters(), figures.answers(survey, asked, Filters()))

    assert found.states == {"completed": 10, "screened_out": 4, "started": 5, "full": 1}
    assert (found.begun, found.completed, found.fast) == (20, 10, 1)
    assert found.completion == pytest.approx(10 / 15)
    by_code = {one.code: (one.asked, one.answered, one.left_here, one.screened_here) for one in found.by_question}
    assert by_code["drinks"] == (20, 20, 0, 4)
    assert by_code["cups"] == (15, 12, 3, 0)
    assert by_code["likes"] == (12, 12, 0, 0)
    assert by_code["score"] == (12, 10, 2, 0)
    assert by_code["why"] == (4, 4, 0, 0)


def test_the_median_time_is_within_a_step(survey: Survey) -> None:
    asked = questions.of(survey)

    found = figures.funnel(survey, asked, Filters(), figures.answers(survey, asked, Filters()))

    cups = next(one for one in found.by_question if one.code == "cups")
    assert cups.median_ms == pytest.approx(5000, rel=0.05)


def test_several_choices_are_counted_bit_by_bit(survey: Survey) -> None:
    found = told(survey, "likes")

    assert {row.key: row.count for row in found.rows} == {1: 9, 2: 3, 3: 6}
    assert found.answered == 12
    latte = found.rows[0]
    assert latte.share == pytest.approx(0.75)
    # Wilson's interval of 9 of 12.
    assert (latte.low, latte.high) == (pytest.approx(0.4677, abs=1e-4), pytest.approx(0.9111, abs=1e-4))


def test_the_score_is_an_nps(survey: Survey) -> None:
    found = told(survey, "score")

    assert found.groups == (6, 1, 3)
    assert found.nps is not None
    assert found.nps[0] == pytest.approx(30)
    assert found.mean is not None
    assert found.mean[0] == pytest.approx((60 + 9 + 8) / 10)
    assert [row.count for row in found.rows] == [0, 0, 0, 3, 0, 0, 0, 0, 1, 0, 6]


def test_a_wide_number_is_told_in_bands_and_its_mean_exactly(make_survey: Callable[..., Survey], now: datetime) -> None:
    survey = make_survey(
        questions=[("paid", "number", dict.fromkeys(("kk", "ru", "en"), "?"), [], {"low": 0, "high": 99_999})]
    )
    for paid in (0, 4_999, 5_000, 99_999):
        respond(survey, {"paid": paid}, now=now)

    found = told(survey, "paid")

    assert {row.key: row.count for row in found.rows if row.count} == {0: 2, 5_000: 1, 95_000: 1}
    assert found.mean is not None
    assert found.mean[0] == pytest.approx(109_998 / 4)


@pytest.mark.parametrize(
    ("query", "answered"),
    [
        ("", 12), ("fast=no", 11), ("among=completed", 10), ("gender=f", 6), ("gender=u", 3), ("gender=f&gender=m", 9),
        ("age=2", 6), ("age=4", 3), ("age=-1", 3), ("language=kk", 3), ("channel=ivr", 0), ("version=1", 12),
        ("version=2", 0), ("answer=score:10", 6), ("answer=likes:1", 9), ("answer=score:11", 12), ("town=nowhere", 12),
        ("since=2026-11-24", 0), ("since=2026-11-23&until=2026-11-23", 12), ("until=2026-11-22", 0), ("since=x", 12),
    ],
)  # fmt: skip
def test_filters_narrow_whose_answers_are_read(survey: Survey, query: str, answered: int) -> None:
    assert told(survey, "cups", parsed(survey, query)).answered == answered


def test_a_town_narrows_too(survey: Survey) -> None:
    almaty = Town.objects.get(code="almaty")

    found = parsed(survey, f"town={almaty.pk}")

    assert told(survey, "cups", found).answered == 6
    assert found.words(questions.of(survey)) == [f"towns: {almaty}"]


def test_an_address_says_again_what_it_said(survey: Survey) -> None:
    query = (
        "town=3&age=2&age=-1&gender=u&language=kk&channel=ussd&version=1&since=2026-11-01&until=2026-11-30&fast=no"
        "&among=completed&answer=likes%3A1&weights=members"
    )

    assert parsed(survey, parsed(survey, query).query()) == parsed(survey, query)
    assert len(parsed(survey, query).words(questions.of(survey))) == 11


def test_versions_are_read_together_by_code(survey: Survey, now: datetime) -> None:
    """A correction that adds a choice and rewords: one question, and it is said which version differs."""
    version = drafting.new_draft(survey=survey, by="staff:asel", now=now)
    version.questions.all().delete()
    changed = [list(one) for one in COFFEE]
    changed[2][3] = [*changed[2][3], {"value": 4, "text_kk": "Мокко", "text_ru": "Мокко", "text_en": "Mocha"}]
    changed[1] = ["cups", "scale", changed[1][2], [], {"low": 1, "high": 5}]
    write(version, changed)
    drafting.publish(version=version, by="staff:asel", now=now)
    respond(survey, {"drinks": YES, "cups": 5, "likes": 1 << 4 | LATTE, "score": 10}, now=now, version=version)

    asked = {one.code: one for one in questions.of(survey)}

    assert {row.key: row.count for row in told(survey, "likes").rows} == {1: 10, 2: 3, 3: 6, 4: 1}
    assert asked["likes"].differs == (1,)
    assert asked["cups"].apart == (1,)  # a number then, a scale now
    assert told(survey, "cups").answered == 1
    assert (asked["score"].differs, asked["score"].apart) == ((), ())


def test_a_cross_table_adds_up_and_is_tested(make_survey: Callable[..., Survey], now: datetime) -> None:
    """30 of 40 women drink, 10 of 40 men: chi-square 20, one degree of freedom."""
    survey = make_survey()
    for gender, value, times in (("f", YES, 30), ("f", NO, 10), ("m", YES, 10), ("m", NO, 30)):
        respond(survey, {"drinks": value}, now=now, times=times, gender=gender, state="screened_out")
    drinks = questions.of(survey)[0]

    found = crossing.cross(survey, drinks, "gender", Filters())

    assert found.people == 80
    assert dict(zip(found.columns, found.lines[0].shares, strict=True)) == {"female": 75, "male": 25}
    assert found.test is not None
    assert (found.test.statistic, found.test.freedom) == (pytest.approx(20), 1)
    assert found.test.p == pytest.approx(7.74e-6, rel=0.01)


def test_a_question_of_several_choices_is_tested_choice_by_choice(survey: Survey) -> None:
    asked = {one.code: one for one in questions.of(survey)}

    found = crossing.cross(survey, asked["likes"], asked["score"], Filters())
    other_way = crossing.cross(survey, asked["score"], asked["likes"], Filters())

    assert found.test is None
    assert [line.test is not None for line in found.lines] == [True, True, True]
    assert found.totals == [3, 1, 6]
    assert other_way.columns_overlap
    assert other_way.test is None


@pytest.fixture
def members(make_member: Callable[..., Subscriber]) -> None:
    """Half of the members are women, whatever the answers say; nobody has counted them yet."""
    cache.clear()
    for gender in "ffmm":
        make_member(gender=gender)


def test_weights_make_shares_the_members(members: None, make_survey: Callable[..., Survey], now: datetime) -> None:
    """30 women who drink, 10 men who do not: weighted by gender it is half, of an effective 30."""
    survey = make_survey()
    respond(survey, {"drinks": YES}, now=now, times=30, gender="f")
    respond(survey, {"drinks": NO}, now=now, times=10, gender="m")
    respond(survey, {"drinks": NO}, now=now, times=7, gender="m", state="started", waits="cups")
    asked, found = questions.of(survey), parsed(survey, "weights=members")

    raked = figures.weights(survey, found, now=now)
    drinks = figures.answers(survey, asked, found, raked).told(asked[0])

    assert raked.converged
    assert drinks.answered == 40
    assert [row.share for row in drinks.rows] == [pytest.approx(0.5), pytest.approx(0.5)]
    assert drinks.effective == pytest.approx(30) == pytest.approx(raked.effective)
    assert figures.weights(survey, parsed(survey, "weights=members&gender=f"), now=now).empty == ()
    crossed = crossing.cross(survey, asked[0], "gender", found, raked)
    assert crossed.totals == [pytest.approx(20), pytest.approx(20)]


def test_how_many_statements_does_not_grow_with_the_questions(
    make_survey: Callable[..., Survey], django_assert_num_queries: Any, now: datetime
) -> None:
    text = dict.fromkeys(("kk", "ru", "en"), "?")
    survey = make_survey(
        questions=[(f"q{n}", Question.Kind.NUMBER, text, [], {"low": 0, "high": 9}) for n in range(30)]
    )
    respond(survey, {f"q{n}": 1 for n in range(30)}, now=now + timedelta(seconds=1))
    asked = questions.of(survey)

    with django_assert_num_queries(3):
        figures.funnel(survey, asked, Filters(), figures.answers(survey, asked, Filters()))
