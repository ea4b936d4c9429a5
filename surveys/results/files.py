"""A table as a file, in memory that does not grow with it: XLSX by sheets, SPSS by a process of its own."""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from core.lib import safe_csv
from surveys.results.pieces import piece_of
from surveys.results.rows import AT_ONCE, Column, Value, worded

_A_SHEET = 1_000_000  # Excel takes 48,576 more
_ROOT = Path(__file__).resolve().parents[2]


class NotWritten(Exception):
    """The process that writes SPSS files failed."""


def write_xlsx(
    path: Path, columns: Sequence[Column], rows: Iterator[list[Value]], *, legend: Iterable[Sequence[Value]] = ()
) -> None:
    """Write a workbook: a new sheet each million rows; last one with what columns and numbers mean (rows.legend)."""
    book = Workbook(write_only=True)
    heading, *_none = worded(columns, iter(()))
    told = islice(worded(columns, rows), 1, None)
    first = next(told, None)
    number = 0
    while first is not None or not number:
        number += 1
        sheet = book.create_sheet(f"SMART {number}" if number > 1 else "SMART")
        sheet.append([_cell(one) for one in heading])
        if first is not None:
            sheet.append([_cell(one) for one in first])
        for row in islice(told, _A_SHEET - 1):
            sheet.append([_cell(one) for one in row])
        first = next(told, None)
    if lines := [[_cell(one) for one in line] for line in legend]:
        sheet = book.create_sheet("labels")
        for line in lines:
            sheet.append(line)
    book.save(path)


def _cell(value: Value) -> Any:
    """A safe cell, without the characters that a workbook cannot hold."""
    told = safe_csv.cell(value)
    return ILLEGAL_CHARACTERS_RE.sub(" ", told) if isinstance(told, str) else told


def drop(path: Path) -> None:
    """Delete a file and the piece of it that was being written."""
    path.unlink(missing_ok=True)
    piece_of(path).unlink(missing_ok=True)


def write_sav(path: Path, columns: Sequence[Column], rows: Iterator[list[Value]]) -> None:
    """Write an SPSS file with the columns' headings and the words for their numbers. Raises NotWritten.

    The library that writes it holds a whole table and numpy: it stays in a process of its own, which takes the table
    in pieces (surveys.results.sav).
    """
    head = [
        {"name": one.name, "heading": one.heading[:250], "labels": one.labels, "width": one.width if one.is_text else 0}
        for one in columns
    ]
    command = [sys.executable, "-m", "surveys.results.sav", str(path)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, cwd=_ROOT)
    assert child.stdin is not None
    with suppress(BrokenPipeError), child:  # its exit code says it
        child.stdin.write(json.dumps(head) + "\n")
        while piece := list(islice(rows, AT_ONCE)):
            child.stdin.write(json.dumps(piece) + "\n")
    if child.returncode:
        raise NotWritten
