"""Answers as files: what is read back from each is what was answered, and nothing leads to who answered."""

import csv
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import openpyxl
import pyreadstat
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.utils import translation

from core.access.models import AuditEvent
from core.lib import safe_csv
from core.staff import tables
from enrollment.models import Subscriber, Town
from surveys.fieldwork import lifecycle
from surveys.models import Export, Question, Survey
from surveys.questionnaire import drafting
from surveys.results import exporting, files, questions, rows
from surveys.results.filters import Filters
from surveys.results.raking import Raked
from tests.backoffice.conftest import staff
from tests.campaigns.test_privacy import CANARIES, betrayed
from tests.surveys.conftest import COFFEE, write
from tests.surveys.results import respond
from tests.surveys.staff.forms import at_now

__all__ = ["at_now", "staff"]
pytestmark = pytest.mark.django_db
Kind = Question.Kind
YES, NO = 1, 2
LATTE, RAF = 1 << 1, 1 << 3
WHERE = (
    "where",
    Kind.SINGLE,
    {"kk": "Қайда ішесіз?", "ru": "Где вы его пьёте?", "en": "Where do you drink it?"},
    [
        {"value": 1, "text_kk": "Үйде", "text_ru": "Дома", "text_en": "At home"},
        {"value": 2, "text_kk": "Кафеде", "text_ru": "В кафе", "text_en": "At a café"},
    ],
    {},
)
Table = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    with translation.override("en"):
        yield


@pytest.fixture
def survey(make_survey: Callable[..., Survey], now: datetime) -> Survey:
    """One answer to each kind of question, one that is not eligible, one that has stopped."""
    survey = make_survey(questions=[*COFFEE, WHERE])
    respond(survey, {"drinks": YES, "cups": 20, "likes": LATTE | RAF, "score": 0, "why": "Қымбат, өте", "where": 2},
            now=now, town=Town.objects.get(code="almaty"), age=30, gender="f", language="kk", channel="ivr",
            seconds=1.5, is_fast=True)  # fmt: skip
    respond(survey, {"drinks": NO}, now=now, state="screened_out")
    respond(survey, {"drinks": YES, "cups": 0}, now=now, state="started", waits="score")
    return survey


def as_csv(survey: Survey, folder: Path, language: str = "en") -> Table:
    """The table as a CSV file has it, by headings."""
    asked = questions.of(survey)
    columns = rows.columns(survey, asked, language)
    path = folder / "answers.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(safe_csv.lines(rows.worded(columns, rows.rows(survey, asked, Filters()))))
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def as_xlsx(survey: Survey, folder: Path, language: str = "en") -> Table:
    asked = questions.of(survey)
    path = folder / "answers.xlsx"
    columns = rows.columns(survey, asked, language)
    tables.write_xlsx(path, rows.worded(columns, rows.rows(survey, asked, Filters())))
    heading, *lines = openpyxl.load_workbook(path)["SMART"].iter_rows(values_only=True)
    return [dict(zip(map(str, heading), line, strict=True)) for line in lines]


def as_sav(survey: Survey, folder: Path, language: str = "en") -> tuple[Table, Any]:
    """The table as an SPSS file has it, by variables, and what the file says of them."""
    asked = questions.of(survey)
    path = folder / "answers.sav"
    files.write_sav(path, rows.columns(survey, asked, language), rows.rows(survey, asked, Filters()))
    table, meta = pyreadstat.read_sav(path)
    return table.astype(object).where(table.notna(), None).to_dict("records"), meta


def whole(table: Table, heading: str, value: object) -> dict[str, Any]:
    """The row that says so."""
    (found,) = [row for row in table if row[heading] == value]
    return found


READ = {"csv": as_csv, "xlsx": as_xlsx}


@pytest.mark.parametrize("kind", READ)
def test_every_kind_of_answer_is_read_back_in_words(survey: Survey, tmp_path: Path, kind: str) -> None:
    table = READ[kind](survey, tmp_path)

    found = whole(table, "state", "completed")
    assert found | {"row": 0} == {
        "row": 0, "day": "2026-11-23", "seconds taken": as_told(kind, 9), "state": "completed",
        "suspiciously fast": "Yes", "version": as_told(kind, 1), "language": "Kazakh", "answered by": "calls",
        "town": "Almaty", "age": "25–34", "gender": "female",
        "drinks: Do you drink coffee?": "Yes", "drinks: seconds taken": as_told(kind, 1.5),
        "cups: How many cups a day?": as_told(kind, 20), "cups: seconds taken": as_told(kind, 1.5),
        "likes: What do you like?: Latte": "Yes", "likes: What do you like?: Espresso": "No",
        "likes: What do you like?: Raf": "Yes", "likes: seconds taken": as_told(kind, 1.5),
        "score: Would you recommend us?": as_told(kind, 0), "score: seconds taken": as_told(kind, 1.5),
        "why: Why?": "Қымбат, өте", "why: seconds taken": as_told(kind, 1.5),
        "where: Where do you drink it?": "At a café", "where: seconds taken": as_told(kind, 1.5),
    }  # fmt: skip
    stopped = whole(table, "state", "begun")
    assert stopped["cups: How many cups a day?"] == as_told(kind, 0)
    assert [stopped[name] for name in stopped if name.startswith(("score", "why", "where", "likes", "town"))] == [
        as_told(kind, None)
    ] * 11


def as_told(kind: str, value: float | None) -> Any:
    """A number as the format has it: CSV knows text alone, an empty cell of a workbook is None."""
    return value if kind == "xlsx" else "" if value is None else str(value)


def test_every_kind_of_answer_is_read_back_from_spss(survey: Survey, tmp_path: Path) -> None:
    table, meta = as_sav(survey, tmp_path)

    found = whole(table, "state", 2)
    assert {name: found[name] for name in found if name.startswith("q_") and not name.endswith("_s")} == {
        "q_drinks": 1, "q_cups": 20, "q_likes_1": 1, "q_likes_2": 0, "q_likes_3": 1, "q_score": 0,
        "q_why": "Қымбат, өте", "q_where": 2,
    }  # fmt: skip
    assert (found["day"], found["seconds"], found["fast"], found["q_cups_s"]) == ("2026-11-23", 9, 1, 1.5)
    assert whole(table, "state", 1) | {"row": 0} == {
        **dict.fromkeys(found), "row": 0, "day": "2026-11-23", "state": 1, "fast": 0, "version": 1, "language": 2,
        "channel": 2, "age": -1, "gender": 3, "q_drinks": 1, "q_drinks_s": 5, "q_cups": 0, "q_cups_s": 5, "q_why": "",
    }  # fmt: skip
    assert meta.variable_value_labels["q_where"] == {1: "At home", 2: "At a café"}


@pytest.mark.parametrize(
    ("language", "question", "yes", "home", "raf", "state"),
    [
        ("en", "Do you drink coffee?", "Yes", "At home", "Raf", "completed"),
        ("ru", "Вы пьёте кофе?", "Да", "Дома", "Раф", "завершён"),
        ("kk", "Кофе ішесіз бе?", "Иә", "Үйде", "Раф", "аяқталған"),
    ],
)
def test_labels_are_in_the_reader_s_language(
    survey: Survey, tmp_path: Path, language: str, question: str, yes: str, home: str, raf: str, state: str
) -> None:
    told, meta = as_csv(survey, tmp_path, language), as_sav(survey, tmp_path, language)[1]

    heading = f"drinks: {question}"
    assert heading in told[0]
    assert yes in {row[heading] for row in told}
    assert meta.column_names_to_labels["q_drinks"] == heading
    assert meta.variable_value_labels["q_drinks"][1] == yes
    assert meta.variable_value_labels["q_where"][1] == home
    assert meta.column_names_to_labels["q_likes_3"].endswith(raf)
    assert meta.variable_value_labels["state"][2] == state
    assert [one[0] for one in as_xlsx(survey, tmp_path, language)[0].items()] == list(told[0])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝"])
def test_no_cell_is_a_formula(make_survey: Callable[..., Survey], now: datetime, tmp_path: Path, start: str) -> None:
    survey = make_survey()
    respond(survey, {"why": f"{start}cmd|' /C calc'!A0"}, now=now)

    for read in READ.values():
        assert read(survey, tmp_path)[0]["why: Why?"] == f"'{start}cmd|' /C calc'!A0"
    sheet = openpyxl.load_workbook(tmp_path / "answers.xlsx")["SMART"]
    assert {cell.data_type for row in sheet for cell in row} <= {"inlineStr", "s", "n"}  # "f" is a formula


def test_what_no_workbook_may_hold_does_not_keep_it_from_being_written(
    make_survey: Callable[..., Survey], now: datetime, tmp_path: Path
) -> None:
    """A key press may bring a control character, which XML has no way to say."""
    survey = make_survey()
    respond(survey, {"why": "a\x1bb\x02c"}, now=now)

    assert as_xlsx(survey, tmp_path)[0]["why: Why?"] == "a b c"


def test_columns_have_names_of_their_own(make_survey: Callable[..., Survey], now: datetime, tmp_path: Path) -> None:
    """A choice's column, a time's column and another question's may want the same one."""
    text = dict.fromkeys(("kk", "ru", "en"), "?")
    several = ("x", Kind.SEVERAL, text, COFFEE[2][3], {})
    numbers = [(code, Kind.NUMBER, text, [], {"low": 0, "high": 9}) for code in ("x_1", "X_s", "x-1")]
    survey = make_survey(questions=[several, *numbers])
    respond(survey, {"x": RAF, "x_1": 4, "X_s": 5, "x-1": 6}, now=now)

    table, meta = as_sav(survey, tmp_path)

    names = [name.lower() for name in meta.column_names]
    assert len(set(names)) == len(names)
    by_heading = {meta.column_names_to_labels[name]: value for name, value in table[0].items()}
    assert [by_heading[f"{code}: ?"] for code in ("x_1", "X_s", "x-1")] == [4, 5, 6]
    assert (by_heading["x: ?: Latte"], by_heading["x: ?: Raf"], by_heading["x: seconds taken"]) == (0, 1, 5)


def test_versions_share_a_column(survey: Survey, now: datetime, tmp_path: Path) -> None:
    """A choice that a correction added; what the newest calls it; a question that it dropped."""
    version = drafting.new_draft(survey=survey, by="staff:asel", now=now)
    version.questions.all().delete()
    latte, *others = COFFEE[2][3]
    likes = [latte | {"text_en": "Caffè latte"}, *others, {"value": 4} | dict.fromkeys(
        ("text_kk", "text_ru", "text_en"), "Мокко")]  # fmt: skip
    write(version, [COFFEE[0], COFFEE[1], (*COFFEE[2][:3], likes, {}), COFFEE[3], COFFEE[4]])
    drafting.publish(version=version, by="staff:asel", now=now)
    respond(survey, {"drinks": YES, "likes": LATTE | 1 << 4}, now=now, version=version)

    table, meta = as_sav(survey, tmp_path)

    newest, older = whole(table, "version", 2), whole(table, "q_cups", 20)
    assert (newest["q_likes_1"], newest["q_likes_4"], newest["q_where"]) == (1, 1, None)
    assert (older["q_likes_1"], older["q_likes_4"], older["q_where"]) == (1, 0, 2)
    assert meta.column_names_to_labels["q_likes_1"] == "likes: What do you like?: Caffè latte"


@pytest.mark.parametrize("kind", ["csv", "xlsx", "sav"])
def test_nothing_leads_to_the_member(
    make_survey: Callable[..., Survey], make_subscriber: Callable[..., Subscriber], now: datetime, tmp_path: Path,
    kind: str,
) -> None:  # fmt: skip
    """M6: canaries whose numbers stand in their own words, as nobody masked them."""
    survey = make_survey()
    for place, number in enumerate(CANARIES):
        member = make_subscriber(msisdn=number, id=918_273_640_000 + place)
        respond(survey, {"why": f"мой номер {number}, звоните 8 {number[1:4]} {number[4:]}"}, now=now,
                subscriber_id=member.pk, pk=618_273_640_000 + place, grant=518_273_640_000 + place)  # fmt: skip
    READ_ALL[kind](survey, tmp_path)

    body = unpacked(tmp_path / f"answers.{kind}")

    assert "мой номер [number]".encode() in body
    assert betrayed(body) == []
    for found in (b"91827364", b"61827364", b"51827364", b"07:00:", b"12:00:"):  # ids, and the instant
        assert found not in body


READ_ALL: dict[str, Callable[[Survey, Path], Any]] = {"csv": as_csv, "xlsx": as_xlsx, "sav": as_sav}


def unpacked(path: Path) -> bytes:
    """What a file holds: a workbook is an archive, its own dates left out; an SPSS file says when it was written."""
    if path.suffix == ".csv":
        return path.read_bytes()
    if path.suffix == ".sav":
        return path.read_bytes()[:84] + path.read_bytes()[101:]
    with zipfile.ZipFile(path) as archive:
        return b"".join(archive.read(name) for name in archive.namelist() if name.startswith("xl/"))


def test_a_workbook_tells_what_its_columns_and_numbers_mean(survey: Survey, now: datetime, media: Path) -> None:
    export = exporting.ask(survey=survey, kind="xlsx", asked="", language="ru", by="staff:asel", now=now)

    exporting.make_waiting(now=now)

    export.refresh_from_db()
    heading, *lines = openpyxl.load_workbook(export.path)["labels"].iter_rows(values_only=True)
    assert heading == ("код", "вопрос", "значение", "название")
    assert ("q_where", "where: Где вы его пьёте?", 2, "В кафе") in lines
    assert ("q_likes_3", "likes: Что вы любите?: Раф", 1, "Да") in lines
    assert ("q_cups", "cups: Сколько чашек в день?", None, None) in [(*line, None, None)[:4] for line in lines]


def test_codes_are_the_columns_names_and_numbers(survey: Survey, tmp_path: Path) -> None:
    asked = questions.of(survey)
    columns = rows.columns(survey, asked, "kk")

    heading, *lines = rows.coded(columns, rows.rows(survey, asked, Filters()))

    (done,) = [dict(zip(heading, line, strict=True)) for line in lines if 20 in line]
    assert (done["q_where"], done["q_likes_1"], done["gender"], done["state"]) == (2, 1, 2, 2)


def test_who_took_answers_out_and_whose_is_written_down(survey: Survey, now: datetime) -> None:
    exporting.ask(survey=survey, kind="sav", asked="gender=f&fast=no", language="ru", by="staff:asel", now=now)

    event = AuditEvent.objects.get(action="export_survey")
    assert (event.by, event.subject, event.reason) == ("staff:asel", f"survey:{survey.pk}", "sav")
    assert event.details == {"filters": "gender=f&fast=no"}
    assert event.action_in_words == "took a survey's answers out as a file"


def test_a_csv_with_codes_is_streamed_and_who_took_it_is_known(
    staff: Callable[..., Client], survey: Survey, at_now: datetime
) -> None:
    address = f"/admin/survey/{survey.pk}/results/answers.csv"

    answer = staff("marketing").get(f"{address}?codes=1&gender=f&x=1")

    assert answer.streaming
    heading, *lines = csv.reader(StringIO(b"".join(answer.streaming_content).decode("utf-8-sig")))
    assert [dict(zip(heading, line, strict=True))["q_where"] for line in lines] == ["2"]
    assert AuditEvent.objects.get(action="export_survey").details == {"filters": "gender=f"}


def test_half_a_file_is_shown_as_a_bar_and_not_given_out(
    staff: Callable[..., Client], survey: Survey, at_now: datetime, media: Path
) -> None:
    export = exporting.ask(survey=survey, kind="xlsx", asked="", language="ru", by="staff:asel", now=at_now)
    half = media / "half.xlsx"
    half.write_bytes(b"half")
    Export.objects.filter(pk=export.pk).update(state="making", path=str(half), rows=200, made=50)
    address = f"/admin/survey/{survey.pk}/results/files/{export.pk}/"
    client = staff("marketing")

    assert '<progress id="made" max="100" value="25">' in client.get(f"{address}progress/").content.decode()
    assert client.get(f"{address}fetch/").status_code == 404
    care = staff("care")
    assert [care.get(f"{address}{rest}").status_code for rest in ("", "progress/", "fetch/")] == [403, 403, 403]


def test_the_page_about_files_names_every_variable_and_code(survey: Survey) -> None:
    page = (Path(settings.BASE_DIR) / "docs" / "surveys-exports.md").read_text()
    columns = rows.columns(survey, [], "en", Raked(weights={}))

    assert [one.name for one in columns if f"| `{one.name}` |" not in page] == []
    coded = [one for one in columns if one.labels and one.name not in ("town", "fast")]
    told = [f"{value} {label}".replace("-", "\N{MINUS SIGN}") for one in coded for value, label in one.labels.items()]
    assert len(told) == 4 + 3 + 3 + 8 + 3
    assert [one for one in told if one not in page] == []


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = str(tmp_path)
    return tmp_path


def test_nothing_is_left_of_a_worker_that_was_killed(survey: Survey, now: datetime, media: Path) -> None:
    """Its half of a file has answers in it."""
    export = exporting.ask(survey=survey, kind="sav", asked="", language="ru", by="staff:asel", now=now)
    killed = exporting._claim(now)
    assert killed is not None
    half = Path(killed.path)
    half.parent.mkdir()
    for path in (half, half.with_name(f"{half.stem}.piece.sav")):
        path.write_bytes(b"half")

    exporting.make_waiting(now=now + timedelta(minutes=6))

    export.refresh_from_db()
    assert export.state == "done"
    assert list(half.parent.iterdir()) == [Path(export.path)]
    assert Path(export.path).stat().st_mode & 0o777 == 0o600


def test_what_kills_its_workers_for_an_hour_is_given_up(survey: Survey, now: datetime, media: Path) -> None:
    export = exporting.ask(survey=survey, kind="xlsx", asked="", language="ru", by="x", now=now)
    left = media / "left.xlsx"
    left.write_bytes(b"half")
    Export.objects.update(state="making", path=str(left), touched_at=now + timedelta(minutes=58))

    assert exporting.make_waiting(now=now + timedelta(minutes=61)) == 0
    Export.objects.update(touched_at=now + timedelta(minutes=55))
    assert exporting.make_waiting(now=now + timedelta(minutes=61)) == 0

    export.refresh_from_db()
    assert (export.state, export.path, left.exists()) == ("failed", "", False)


def test_a_worker_that_was_only_slow_leaves_the_file_to_the_next(survey: Survey, now: datetime, media: Path) -> None:
    export = exporting.ask(survey=survey, kind="xlsx", asked="", language="ru", by="staff:asel", now=now)
    slow = exporting._claim(now)
    assert slow is not None
    exporting.make_waiting(now=now + timedelta(minutes=6))

    exporting._make(slow, lambda: now)

    export.refresh_from_db()
    assert list((media / "survey-exports").iterdir()) == [Path(export.path)]
    assert export.path != slow.path


MANY = """
WITH many AS (
    INSERT INTO surveys_response (survey_id, version_id, subscriber_id, language, channel, gender, state, asked, path,
        turn, started_at, asked_at, ended_at, is_fast, units)
    SELECT %(survey)s, %(version)s, n, 'ru', 'ussd', 'f', 'completed', '', '{}', 5, %(now)s, %(now)s, %(now)s, false, 0
    FROM generate_series(1, %(count)s) n RETURNING id, version_id
)
INSERT INTO surveys_answer (response_id, question_id, value, text, answered_at, took_ms)
SELECT many.id, q.id, CASE WHEN q.code <> 'why' THEN 2 END, CASE WHEN q.code = 'why' THEN 'Ответ ' || many.id ELSE ''
       END, %(now)s, 1000
FROM many JOIN surveys_question q ON q.version_id = many.version_id
"""


def test_a_table_that_grew_since_it_was_last_measured_is_read_as_fast(
    make_survey: Callable[..., Survey], now: datetime
) -> None:
    """The database's statistics may say that the tables are empty: they were, before answers came by the thousand."""
    survey = make_survey()
    version = lifecycle.current(survey)
    assert version is not None
    many = {"survey": survey.pk, "version": version.pk, "now": now, "count": 20_000}
    with connection.cursor() as cursor:
        with transaction.atomic():
            cursor.execute(MANY, many)
            transaction.set_rollback(True)
        cursor.execute("ANALYZE surveys_response, surveys_answer")
        cursor.execute(MANY, many)
        statement, given = rows._statement(survey, questions.of(survey), Filters())
        cursor.execute("SET LOCAL statement_timeout = '30s'")

        cursor.execute(f"EXPLAIN {statement}", given)
        plan = "\n".join(line for (line,) in cursor.fetchall())
        cursor.execute(statement, given)

        assert len(cursor.fetchall()) == 20_000
    assert "on surveys_answer a" in plan
    assert "Seq Scan on surveys_answer" not in plan
    assert "answer_once" in plan


@contextmanager
def held() -> Iterator[list[float]]:
    """The most that was held at a time beyond what was there before, in MB."""
    found: list[float] = []
    tracemalloc.start()
    try:
        yield found
        found.append(tracemalloc.get_traced_memory()[1] / 1e6)
    finally:
        tracemalloc.stop()


@pytest.mark.long
@pytest.mark.parametrize(("kind", "count"), [("csv", 50_000), ("sav", 10_000)])
def test_memory_does_not_grow_with_the_answers(
    make_survey: Callable[..., Survey], now: datetime, tmp_path: Path, kind: str, count: int
) -> None:
    """A table held whole takes 30 MB at 50,000 rows, 9 MB at 10,000."""
    survey = make_survey()
    version = lifecycle.current(survey)
    assert version is not None
    with connection.cursor() as cursor:
        cursor.execute(MANY, {"survey": survey.pk, "version": version.pk, "now": now, "count": count})
    asked = questions.of(survey)
    columns, table = rows.columns(survey, asked, "ru"), rows.rows(survey, asked, Filters())
    path = tmp_path / f"answers.{kind}"

    with held() as most:
        if kind == "csv":
            with path.open("w", encoding="utf-8") as file:
                file.writelines(safe_csv.lines(rows.worded(columns, table)))
        else:
            files.write_sav(path, columns, table)

    assert path.stat().st_size > 20 * count
    assert most[0] < 6


def test_a_workbook_holds_a_row_at_a_time(tmp_path: Path) -> None:
    """Two thousand rows of ten kilobytes would be twenty megabytes."""
    columns = [rows.Column("row", "row"), rows.Column("why", "why", is_text=True, width=10_000)]
    table: Iterator[list[rows.Value]] = ([number, f"{number} " * 2_000] for number in range(1_000, 3_000))

    with held() as most:
        tables.write_xlsx(tmp_path / "answers.xlsx", rows.worded(columns, table))

    book = openpyxl.load_workbook(tmp_path / "answers.xlsx", read_only=True)
    assert sum(1 for _row in book["SMART"].rows) == 2_001
    assert most[0] < 6
