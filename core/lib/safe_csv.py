"""CSV that a spreadsheet cannot be tricked by."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_DANGEROUS = tuple("=+-@\t\r\n＝＋－＠")  # OWASP's list


def escape(value: str) -> str:
    """Put an apostrophe before a cell that a spreadsheet would take for a formula."""
    return f"'{value}" if value.startswith(_DANGEROUS) else value


def cell(value: object) -> Any:
    """A cell of a table: numbers as they are, all else as a safe text."""
    if value is None:
        return ""
    return value if isinstance(value, (int, float)) else escape(str(value))


class _Echo:
    """Gives back what is written into it."""

    def write(self, line: str) -> str:
        return line


def lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The lines of a CSV file that spreadsheets open as UTF-8, one at a time."""
    writer: Any = csv.writer(_Echo())
    yield "\ufeff"
    for row in rows:
        yield writer.writerow([cell(value) for value in row])
