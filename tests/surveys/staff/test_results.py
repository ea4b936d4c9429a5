"""The results' pages and files, as staff open them."""

import csv
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import quote

import openpyxl
import pyreadstat
import pytest
from django.contrib.auth.models import User
from django.test import Client

from core.access.models import AuditEvent
from enrollment.models import Town
from surveys.models import Export, Survey
from surveys.results import exporting, files
from tests.surveys.results import respond
from tests.surveys.staff.forms import at_now, make_member, make_survey, page_of

__all__ = ["at_now", "make_member", "make_survey"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_now")]
YES, NO = 1, 2
LATTE, RAF = 1 << 1, 1 << 3


@pytest.fixture
def survey(make_survey: Callable[..., Survey], now: datetime) -> Survey:
    """Twelve answered; one wrote a number into its words."""
    survey = make_survey()
    almaty = Town.objects.get(code="almaty")
    respond(survey, {"drinks": YES, "cups": 2, "likes": LATTE | RAF, "score": 10}, now=now, times=6, town=almaty,
            age=30, gender="f")  # fmt: skip
    respond(survey, {"drinks": YES, "cups": 4, "likes": LATTE, "score": 3, "why": "=Дорого, звоните [number]"}, now=now,
            times=3, age=50, gender="m", is_fast=True)  # fmt: skip
    respond(survey, {"drinks": YES, "cups": 9, "likes": RAF, "score": 7, "why": "Вкусно"}, now=now, age=70, gender="m")
    respond(survey, {"drinks": NO}, now=now, times=2, state="screened_out")
    return survey


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


def results_of(survey: Survey, rest: str = "") -> str:
    return page_of(survey, f"results/{rest}")


def shown(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_page_tells_every_question(staff: Callable[..., Client], survey: Survey) -> None:
    page = shown(staff("marketing"), results_of(survey))

    assert "How many cups a day?" in page
    assert "<strong>10</strong><span>of those who began and were wanted: 100.0 %</span>" in page
    assert "NPS <strong>30</strong> (95 %: -26 … 86)" in page
    assert "Everybody's who began, unfinished ones too." in page
    assert "3 were answered suspiciously fast. They are counted in everything below." in page
    assert "Read the answers" in page


def test_fast_ones_are_left_out_when_asked_and_it_is_said(staff: Callable[..., Client], survey: Survey) -> None:
    page = shown(staff("marketing"), results_of(survey, "?fast=no"))

    assert '<span class="sr-filter">without suspiciously fast ones</span>' in page
    assert "<strong>7</strong><span>of those who began" in page


def test_a_chart_s_bars_are_the_table_s_shares(staff: Callable[..., Client], survey: Survey) -> None:
    answer = staff("marketing").get(results_of(survey))

    likes = next(one for one in answer.context["questions"] if one["asked"].code == "likes")
    chart = json.loads(likes["chart"])
    assert chart["labels"] == ["Latte", "Espresso", "Raf"]
    assert chart["datasets"][1]["data"] == [90, 0, 70]
    low, high = chart["datasets"][0]["data"][0]
    assert low < 90 < high


def test_a_survey_that_nobody_answered_says_so(
    staff: Callable[..., Client], make_survey: Callable[..., Survey]
) -> None:
    survey = make_survey()

    page = shown(staff("marketing"), results_of(survey))

    assert page.count("Nobody has answered it yet.") == 5


def test_counting_leads_to_results_alone(staff: Callable[..., Client], survey: Survey) -> None:
    count = results_of(survey, "count/?weights=members&then=https://elsewhere.example/")

    assert staff("marketing").get(count).status_code == 404


@pytest.mark.parametrize("rest", ["", "live/", "count/", "cross/", "texts/why/", "answers.csv", "files/1/"])
def test_only_who_may_see_responses_gets_in(
    staff: Callable[..., Client], survey: Survey, client: Client, rest: str
) -> None:
    address = results_of(survey, rest)

    assert client.get(address).status_code == 302
    assert staff("care").get(address).status_code == 403
    client.force_login(User.objects.create_user("partner", password="x"))
    assert client.get(address).status_code == 302


def test_a_draft_has_no_results(staff: Callable[..., Client], make_survey: Callable[..., Survey]) -> None:
    assert staff("marketing").get(results_of(make_survey(state="draft"))).status_code == 404


def test_a_cross_table_says_in_words_whether_it_is_chance(
    staff: Callable[..., Client], make_survey: Callable[..., Survey], now: datetime
) -> None:
    survey = make_survey()
    for gender, value, times in (("f", YES, 30), ("f", NO, 10), ("m", YES, 10), ("m", NO, 30)):
        respond(survey, {"drinks": value}, now=now, times=times, gender=gender, state="screened_out")

    page = shown(staff("marketing"), results_of(survey, "cross/?row=drinks&by=gender"))

    assert "Differs more than chance explains (p &lt; 0.001; chi-square 20.00, degrees of freedom: 1)." in page
    assert "75.0 % <span" in page
    assert "not to be trusted" not in page


def test_a_shaky_test_is_warned_of(staff: Callable[..., Client], survey: Survey) -> None:
    page = shown(staff("marketing"), results_of(survey, "cross/?row=score&by=q:cups"))

    assert "the test is not to be trusted" in page


def test_several_choices_are_tested_one_by_one(staff: Callable[..., Client], survey: Survey) -> None:
    page = shown(staff("marketing"), results_of(survey, "cross/?row=likes&by=gender"))

    assert "each is tested by itself" in page
    assert "Could be chance (p = " in page


def test_words_are_searched_and_masked(staff: Callable[..., Client], survey: Survey, now: datetime) -> None:
    respond(survey, {"why": "перезвоните 8 701 000 00 01"}, now=now)
    client = staff("marketing")

    every, some = (
        shown(client, results_of(survey, "texts/why/")),
        shown(client, results_of(survey, "texts/why/?q=ВКУС")),
    )

    assert "Found: 5" in every
    assert "701 000" not in every
    assert "Found: 1" in some
    assert "65 and older" in some
    assert "No answer says that." in shown(client, results_of(survey, "texts/why/?q=чай"))
    assert "Found: 3" in shown(client, results_of(survey, "texts/why/?fast=&age=4"))


def lines(client: Client, address: str) -> list[list[str]]:
    answer = client.get(address)
    assert answer.status_code == 200
    body = b"".join(answer.streaming_content).decode()
    assert body.startswith("\ufeff")
    return list(csv.reader(StringIO(body.removeprefix("\ufeff"))))


def test_a_csv_has_words_and_nothing_that_leads_to_anybody(staff: Callable[..., Client], survey: Survey) -> None:
    heading, *rows = lines(staff("marketing"), results_of(survey, "answers.csv"))

    assert len(rows) == 12
    assert [row[0] for row in rows] == [str(number) for number in range(1, 13)]
    written = next(row for row in rows if "=Дорого" in ",".join(row))
    found = dict(zip(heading, written, strict=True))
    assert found["day"] == "2026-11-23"
    assert found["age"] == "45–54"
    assert found["suspiciously fast"] == "Yes"
    assert found["drinks: Do you drink coffee?"] == "Yes"
    assert found["likes: What do you like?: Latte"] == "Yes"
    assert found["likes: What do you like?: Raf"] == "No"
    assert found["why: Why?"] == "'=Дорого, звоните [number]"
    people = {str(one) for one in survey.responses.values_list("subscriber_id", flat=True)}
    ids = {str(one) for one in survey.responses.values_list("pk", flat=True)} - {str(n) for n in range(1, 100)}
    assert not {cell for row in rows for cell in row} & (people | ids)
    assert AuditEvent.objects.filter(action="export_survey", subject=f"survey:{survey.pk}").count() == 1


def test_rows_come_in_no_order_of_their_own(
    staff: Callable[..., Client], make_survey: Callable[..., Survey], now: datetime
) -> None:
    """Else the first row would be who began first."""
    survey = make_survey()
    for cups in range(20):
        respond(survey, {"cups": cups}, now=now)
    client = staff("marketing")

    def order() -> list[str]:
        heading, *rows = lines(client, results_of(survey, "answers.csv"))
        return [row[heading.index("cups: How many cups a day?")] for row in rows]

    first, second = order(), order()

    assert sorted(first) == sorted(second)
    assert first != second


def made(client: Client, survey: Survey, kind: str, now: datetime, query: str = "") -> Path:
    """Ask for a file, let the worker make it, fetch it."""
    asked = client.post(results_of(survey, f"files/{query}"), {"kind": kind})
    assert asked.status_code == 302
    assert "Waiting for a worker" in shown(client, asked.url)
    assert exporting.make_waiting(now=now) == 1
    assert client.get(f"{asked.url}progress/").headers["HX-Refresh"] == "true"
    assert "The file is ready." in shown(client, asked.url)
    answer = client.get(f"{asked.url}fetch/")
    path = Path(Export.objects.latest("pk").path)
    assert b"".join(answer.streaming_content) == path.read_bytes()
    return path


def test_a_workbook_is_made_by_a_worker(
    staff: Callable[..., Client], survey: Survey, now: datetime, media: Path
) -> None:
    path = made(staff("marketing"), survey, "xlsx", now, "?gender=m")

    sheet = openpyxl.load_workbook(path).active
    heading, *rows = list(sheet.iter_rows(values_only=True))
    assert len(rows) == 4
    assert {row[heading.index("gender")] for row in rows} == {"male"}


def test_an_spss_file_has_variables_and_words_for_their_values(
    staff: Callable[..., Client], survey: Survey, now: datetime, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "AT_ONCE", 5)  # twelve rows: three pieces

    path = made(staff("marketing"), survey, "sav", now)
    table, meta = pyreadstat.read_sav(path)

    assert len(table) == 12
    assert meta.number_rows == 12
    assert list(table["row"]) == list(range(1, 13))
    assert meta.column_names_to_labels["q_cups"] == "cups: How many cups a day?"
    assert meta.variable_value_labels["q_drinks"] == {1: "Yes", 2: "No"}
    assert sorted(table["q_cups"].dropna()) == [2] * 6 + [4] * 3 + [9]
    assert set(table["q_why"]) == {"", "Вкусно", "=Дорого, звоните [number]"}
    assert table["q_likes_1"].sum() == 9
    assert set(table["q_likes_1"].isna()) == {True, False}
    assert list(path.parent.glob("*")) == [path]


def test_files_are_forgotten_after_a_day(
    staff: Callable[..., Client], survey: Survey, now: datetime, media: Path
) -> None:
    path = made(staff("marketing"), survey, "xlsx", now)

    exporting.make_waiting(now=now + timedelta(days=1, seconds=1))

    assert not path.exists()
    assert not Export.objects.exists()


def test_a_file_that_could_not_be_made_says_so(
    staff: Callable[..., Client], survey: Survey, now: datetime, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files.sys, "executable", "/bin/false")
    client = staff("marketing")
    asked = client.post(results_of(survey, "files/"), {"kind": "sav"})

    with pytest.raises(files.NotWritten):
        exporting.make_waiting(now=now)

    assert "could not be made" in shown(client, asked.url)
    assert client.get(f"{asked.url}fetch/").status_code == 404
    assert list(media.rglob("*.sav")) == []


def test_a_file_of_another_survey_is_not_here(
    staff: Callable[..., Client], survey: Survey, make_survey: Callable[..., Survey], now: datetime, media: Path
) -> None:
    client = staff("marketing")
    made(client, survey, "xlsx", now)

    assert client.get(results_of(make_survey(), f"files/{Export.objects.get().pk}/fetch/")).status_code == 404


def test_a_dead_worker_s_file_is_made_by_the_next(survey: Survey, now: datetime, media: Path) -> None:
    export = exporting.ask(survey=survey, kind="xlsx", asked="", language="ru", by="staff:asel", now=now)
    Export.objects.filter(pk=export.pk).update(state="making")

    assert exporting.make_waiting(now=now + timedelta(minutes=4)) == 0
    assert exporting.make_waiting(now=now + timedelta(minutes=6)) == 1


def test_weights_are_told_with_what_they_cost(
    staff: Callable[..., Client], survey: Survey, make_member: Callable[..., Any]
) -> None:
    make_member(gender="f", town=Town.objects.get(code="astana"))

    client, address = staff("marketing"), results_of(survey, "?weights=members")
    assert "<progress" in shown(client, address)
    count = results_of(survey, f"count/?weights=members&then={quote(address)}")
    assert client.get(count).headers["HX-Redirect"] == f"{address}&counted=1"

    page = shown(client, address)

    assert "Kish's effective sample size" in page
    assert "Weights are kept between 0.2 and 5.0" in page
    assert "nobody answered, and who are therefore not represented:" in page
    assert "completed ones only" in page
