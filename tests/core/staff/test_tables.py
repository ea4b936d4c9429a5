"""A table as a file: safe cells, a sheet each million rows, nothing from outside the folder of files."""

from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from django.http import Http404
from pytest_django import Settings

from core.staff import tables

ROWS = [["name", "count"], ["=1+1", 2], ["bell\x07", None]]


def test_both_kinds_tell_the_same_table_without_a_formula() -> None:
    text = tables.answer(ROWS, kind="csv", name="results")
    book = tables.answer(ROWS[:2], kind="xlsx", name="results")

    assert b"".join(text).decode("utf-8-sig").splitlines() == ["name,count", "'=1+1,2", "bell\x07,"]
    sheet = openpyxl.load_workbook(BytesIO(book.content)).worksheets[0]
    assert list(sheet.iter_rows(values_only=True)) == [("name", "count"), ("'=1+1", 2)]
    assert [answer["Content-Disposition"] for answer in (text, book)] == [
        'attachment; filename="results.csv"',
        'attachment; filename="results.xlsx"',
    ]


def test_what_a_workbook_cannot_hold_is_left_out_of_it(tmp_path: Path) -> None:
    tables.write_xlsx(tmp_path / "book.xlsx", ROWS)

    assert openpyxl.load_workbook(tmp_path / "book.xlsx").worksheets[0]["A3"].value == "bell "


def test_a_sheet_that_is_full_is_followed_by_another_with_the_heading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "_A_SHEET", 2)

    tables.write_xlsx(tmp_path / "book.xlsx", [["row"], *([number] for number in range(5))], legend=[["row", "which"]])

    book = openpyxl.load_workbook(tmp_path / "book.xlsx")
    assert {sheet.title: [cell for (cell, *_more) in sheet.iter_rows(values_only=True)] for sheet in book} == {
        "SMART": ["row", 0, 1],
        "SMART 2": ["row", 2, 3],
        "SMART 3": ["row", 4],
        "labels": ["row"],
    }


def test_only_files_that_we_made_are_answered(tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    made, strange = tmp_path / "media" / "exports" / "file.csv", tmp_path / "secret.csv"
    made.parent.mkdir(parents=True)
    for file in (made, strange):
        file.write_text("told")

    answer = tables.kept(str(made), name="answers.csv")

    assert answer["Content-Disposition"] == 'attachment; filename="answers.csv"'
    answer.file_to_stream.close()
    for path in (str(strange), str(made.parent), str(made.with_name("none.csv")), ""):
        with pytest.raises(Http404):
            tables.kept(path, name="answers.csv")
