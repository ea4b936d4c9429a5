"""Tables as files: CSV row by row, XLSX sheet by sheet; no cell a spreadsheet would take for a formula."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from typing import Any, TypeVar

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from openpyxl import Workbook

from smart.lib import safe_csv

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Rows = Iterable[Sequence[object]]
R = TypeVar("R", bound=HttpResponseBase)


class _Echo:
    """Gives back what is written into it."""

    def write(self, line: str) -> str:
        return line


def as_csv(rows: Rows, *, name: str) -> StreamingHttpResponse:
    """Answer with a CSV file that spreadsheets open as UTF-8."""
    return _attached(StreamingHttpResponse(csv_lines(rows), content_type="text/csv; charset=utf-8"), f"{name}.csv")


def csv_lines(rows: Rows) -> Iterator[str]:
    """The lines of a CSV file, one at a time."""
    writer: Any = csv.writer(_Echo())
    yield "\ufeff"
    for row in rows:
        yield writer.writerow([_plain(cell) for cell in row])


def as_xlsx(rows: Rows, *, name: str) -> HttpResponse:
    """Answer with a workbook of one sheet."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("SMART")
    for row in rows:
        sheet.append([_plain(cell) for cell in row])
    file = BytesIO()
    book.save(file)
    return _attached(HttpResponse(file.getvalue(), content_type=_XLSX), f"{name}.xlsx")


def as_pdf(content: bytes, *, name: str) -> HttpResponse:
    """Answer with a PDF file."""
    return _attached(HttpResponse(content, content_type="application/pdf"), f"{name}.pdf")


def _plain(cell: object) -> Any:
    if cell is None:
        return ""
    return cell if isinstance(cell, (int, float)) else safe_csv.escape(str(cell))


def _attached(response: R, name: str) -> R:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
