"""Tables as files: CSV row by row, XLSX sheet by sheet; no cell a spreadsheet would take for a formula."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, TypeVar

from django.conf import settings
from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from core.lib import safe_csv

_A_SHEET = 1_000_000  # Excel takes 48,576 more
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Rows = Iterable[Sequence[object]]
R = TypeVar("R", bound=HttpResponseBase)


def answer(rows: Rows, *, kind: str, name: str) -> StreamingHttpResponse | HttpResponse:
    """Answer with a file: "csv", in UTF-8 as spreadsheets read it and sent row by row, or "xlsx"."""
    if kind == "csv":
        lines = safe_csv.lines(rows)
        return _attached(StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8"), f"{name}.csv")
    file = BytesIO()
    write_xlsx(file, rows)
    return _attached(HttpResponse(file.getvalue(), content_type=_XLSX), f"{name}.xlsx")


def as_pdf(content: bytes, *, name: str) -> HttpResponse:
    """Answer with a PDF file."""
    return _attached(HttpResponse(content, content_type="application/pdf"), f"{name}.pdf")


def kept(path: str, *, name: str) -> FileResponse:
    """Answer with a file that a worker made below MEDIA_ROOT. Raises Http404 where there is none."""
    file = Path(path)
    if not file.is_file() or Path(settings.MEDIA_ROOT) not in file.parents:
        raise Http404
    return FileResponse(file.open("rb"), as_attachment=True, filename=name)


def write_xlsx(target: Path | IO[bytes], rows: Rows, *, legend: Rows = ()) -> None:
    """Write a workbook: a new sheet, with the heading again, each million rows; the legend on a sheet of its own."""
    book = Workbook(write_only=True)
    table = iter(rows)
    heading, first = list(islice(table, 1)), list(islice(table, 1))
    number = 0
    while first or not number:
        number += 1
        _write(book, f"SMART {number}" if number > 1 else "SMART", chain(heading, first, islice(table, _A_SHEET - 1)))
        first = list(islice(table, 1))
    if lines := list(legend):
        _write(book, "labels", lines)
    book.save(target)


def _write(book: Workbook, title: str, rows: Rows) -> None:
    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append([_cell(value) for value in row])


def _cell(value: object) -> Any:
    """A safe cell, without the characters that a workbook cannot hold."""
    cell = safe_csv.cell(value)
    return ILLEGAL_CHARACTERS_RE.sub(" ", cell) if isinstance(cell, str) else cell


def _attached(response: R, name: str) -> R:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
