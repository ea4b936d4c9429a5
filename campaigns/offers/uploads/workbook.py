"""A file of offers as XLSX: weighed before it is parsed. Knows no Django: runs in the child process."""

import re
import warnings
from collections.abc import Iterator
from datetime import date, datetime
from io import BytesIO
from typing import Any
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

import openpyxl

from campaigns.offers.uploads import table
from campaigns.offers.uploads.table import BLANK, MOST_COLUMNS, MOST_UNPACKED, Cell, Unreadable

_MOST_PARTS = 1_000
_LAST_ROW = 1_048_576  # of a spreadsheet
_BLOCK = 64 * 1024
_COLUMN = re.compile(r"[A-Za-z]+")


def rows(data: bytes) -> Iterator[list[Cell]]:
    """Yield the rows of the first sheet. Raises Unreadable."""
    try:
        with ZipFile(BytesIO(data)) as book:
            weigh(book)
        yield from _rows(data)
    except (Unreadable, MemoryError):
        raise
    except Exception as error:  # whatever a library makes of what is no workbook
        raise Unreadable("no_workbook") from error


def weigh(book: ZipFile) -> None:
    """Unpack every part without keeping it: sizes, as told and as counted, entities, columns. Raises Unreadable."""
    parts = book.infolist()
    if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise Unreadable("too_large_unpacked", most=MOST_UNPACKED >> 20)
    if any(part.flag_bits & 1 or part.compress_type not in (ZIP_STORED, ZIP_DEFLATED) for part in parts):
        raise BadZipFile
    left = MOST_UNPACKED
    for part in parts:
        scan = _Scan() if part.filename.lower().endswith((".xml", ".rels")) else None
        with book.open(part) as file:
            while block := file.read(_BLOCK):
                left -= len(block)
                if left < 0:
                    raise Unreadable("too_large_unpacked", most=MOST_UNPACKED >> 20)
                if scan:
                    scan.feed(block)


class _Scan:
    """Streams a part's XML through expat, so that what openpyxl would build is known to be small."""

    def __init__(self) -> None:
        self._cells = 0
        self._parser = expat.ParserCreate()
        self._parser.StartDoctypeDeclHandler = self._refuse_entities
        self._parser.StartElementHandler = self._start

    def feed(self, block: bytes) -> None:
        self._parser.Parse(block, False)

    def _refuse_entities(self, *_: Any) -> None:
        raise Unreadable("entities")  # no spreadsheet program writes any

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        kind = name.rpartition(":")[2]
        if kind == "row":
            self._cells = 0
            if int(attributes.get("r") or 0) > _LAST_ROW:
                raise Unreadable("no_workbook")
        elif kind == "c":
            self._cells += 1
            column = _COLUMN.match(attributes.get("r", ""))
            if self._cells > MOST_COLUMNS or (column and _is_far(column[0])):
                raise Unreadable("too_many_columns", most=MOST_COLUMNS)


def _is_far(letters: str) -> bool:
    index = 0
    for letter in letters[:4].upper():
        index = index * 26 + ord(letter) - 64
    return index > MOST_COLUMNS


def _rows(data: bytes) -> Iterator[list[Cell]]:
    if not openpyxl.DEFUSEDXML:
        raise RuntimeError("openpyxl reads without defusedxml")
    warnings.simplefilter("ignore")  # openpyxl's remarks on what it leaves out
    book = openpyxl.load_workbook(BytesIO(data), read_only=True, data_only=False, keep_links=False)
    sheet = book.worksheets[0]
    sheet.reset_dimensions()  # what the file claims of its size is nothing to fill memory by
    for line in sheet.iter_rows():
        yield [_cell(one) for one in line]


def _cell(one: Any) -> Cell:
    """A cell as text; what a formula would come to is nobody's word, so it is told and not taken."""
    value = one.value
    if value is None:
        return BLANK
    if one.data_type in ("f", "e"):
        return Cell(value[:60] if isinstance(value, str) else "=", "formula")
    if isinstance(value, datetime):
        return Cell(value.date().isoformat())
    if isinstance(value, date):
        return Cell(value.isoformat())
    if isinstance(value, int | float) and not isinstance(value, bool):
        is_share = "%" in (one.number_format or "")
        return Cell(f"{value * 100:.10g}%" if is_share else f"{value:.15g}")
    return table.cell(str(value))
