"""The child process that opens a partner's file: little memory, little time, no Django, no database, no secret.

    python -m campaigns.offers.uploads.reading FILE MEMORY SECONDS

writes lines of JSON: {"rows": N} and N rows as [number, given, wrong], or {"refused": code, "details": {…}}.
"""

import json
import resource
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from campaigns.offers.uploads import headings, plain, workbook
from campaigns.offers.uploads.table import MOST_BYTES, MOST_ROWS, Cell, FileRow, Unreadable

_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # and every encrypted workbook
_MOST_TOLD = 5  # headings in a refusal


def main(arguments: list[str]) -> None:
    """Read the file and answer on standard output."""
    path, memory, seconds = Path(arguments[0]), int(arguments[1]), int(arguments[2])
    _limit(memory, seconds)
    answer: list[Any]
    try:
        rows = read(path)
        answer = [{"rows": len(rows)}, *rows]
    except Unreadable as refusal:
        answer = [{"refused": refusal.code, "details": refusal.details}]
    except MemoryError:
        answer = [{"refused": "too_much_memory", "details": {}}]
    signal.alarm(0)  # how fast we are listened to is not the file's fault
    for line in answer:
        sys.stdout.write(json.dumps(line) + "\n")


def _limit(memory: int, seconds: int) -> None:
    """Take from ourselves what a file must not use; the alarm ends us by its default action."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(4 * seconds)  # for a machine that has little time for us


def read(path: Path) -> list[FileRow]:
    """Return the file's rows that are not blank. Raises Unreadable. What it is, its content says, never its name."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= MOST_BYTES else b""
    except OSError:
        raise Unreadable("lost") from None
    if size > MOST_BYTES:
        raise Unreadable("too_large", most=MOST_BYTES >> 20)
    if not data.strip():
        raise Unreadable("empty")
    if data.startswith(_OLD_EXCEL):
        raise Unreadable("old_excel")
    return list(take(workbook.rows(data) if data.startswith(b"PK") else plain.rows(data)))


def take(lines: Iterable[list[Cell]]) -> Iterator[FileRow]:
    """Yield the rows below the headings by field, counted as they stand. Raises Unreadable."""
    fields: list[str] = []
    number = taken = 0
    for line in lines:
        is_blank = not any(one.text or one.wrong for one in line)
        if not fields:
            fields = [] if is_blank else _fields(line)
            continue
        number += 1
        if is_blank:
            continue
        taken += 1
        if taken > MOST_ROWS:
            raise Unreadable("too_many_rows", most=MOST_ROWS)
        yield _row(number, fields, line)
    if not taken:
        raise Unreadable("no_rows" if fields else "empty")


def _fields(line: list[Cell]) -> list[str]:
    """The columns' fields; a column without a heading has none and must be blank."""
    while line and not line[-1].text:
        line.pop()
    fields = headings.fields_of([one.text for one in line])
    pairs = list(zip(line, fields, strict=True))
    if not any(fields):
        raise Unreadable("no_headings")
    if unknown := [one.text[:40] for one, field in pairs if one.text and not field]:
        raise Unreadable("unknown_headings", names=", ".join(unknown[:_MOST_TOLD]))
    if twice := [one.text[:40] for place, (one, field) in enumerate(pairs) if field and field in fields[:place]]:
        raise Unreadable("headings_twice", names=", ".join(twice[:_MOST_TOLD]))
    if lacking := headings.missing(fields):
        raise Unreadable("missing_headings", names=", ".join(lacking))
    return fields


def _row(number: int, fields: list[str], line: list[Cell]) -> FileRow:
    given, wrong = {}, {}
    for place, one in enumerate(line):
        if not (one.text or one.wrong):
            continue
        field = fields[place] if place < len(fields) else ""
        if not field:
            wrong[""] = "stray_cell"
            continue
        given[field] = one.text
        if one.wrong:
            wrong[field] = one.wrong
    return FileRow(number, given, wrong)


if __name__ == "__main__":
    main(sys.argv[1:])
