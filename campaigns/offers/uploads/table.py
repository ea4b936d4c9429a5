"""What the child process makes of any file: cells, rows, and why there are none. Knows no Django."""

from typing import Any, NamedTuple

MOST_BYTES = 5 * 1024 * 1024
MOST_UNPACKED = 30 * 1024 * 1024
MOST_ROWS = 5_000
MOST_COLUMNS = 1_000
LONGEST_CELL = 4_000  # nothing that an offer says is that long


class Unreadable(Exception):
    """The file is no table of offers: a stable code and its details, told in words by uploads.words."""

    def __init__(self, code: str, **details: Any) -> None:
        super().__init__(code)
        self.code = code
        self.details = details


class Cell(NamedTuple):
    """A cell as text, and the code of what is wrong with it ("" if nothing)."""

    text: str
    wrong: str = ""


BLANK = Cell("")


class FileRow(NamedTuple):
    """A row's place below the headings, its cells by field, and the codes of what is wrong with some of them."""

    number: int
    given: dict[str, str]
    wrong: dict[str, str]  # by field; "" is the row as a whole


def cell(text: str) -> Cell:
    """A cell of a file: what cannot be kept or would flood us is named instead."""
    if len(text) > LONGEST_CELL:
        return Cell(text[:60] + "…", "long_cell")
    if any(character == "\x00" or "\ud800" <= character <= "\udfff" for character in text):
        return Cell("", "bad_cell")
    return Cell(text.strip())
