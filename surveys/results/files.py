"""A table as an SPSS file, made by a process of its own; files deleted."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from surveys.results.pieces import piece_of
from surveys.results.rows import AT_ONCE, Column, Value

_ROOT = Path(__file__).resolve().parents[2]


class NotWritten(Exception):
    """The process that writes SPSS files failed."""


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
