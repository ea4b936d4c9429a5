"""Tables as files: CSV row by row, XLSX sheet by sheet; no cell a spreadsheet would take for a formula."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import TypeVar

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from openpyxl import Workbook

from core.lib import safe_csv

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Rows = Iterable[Sequence[object]]
R = TypeVar("R", bound=HttpResponseBase)


def as_csv(rows: Rows, *, name: str) -> StreamingHttpResponse:
    """Answer with a CSV file that spreadsheets open as UTF-8."""
    return _attached(StreamingHttpResponse(safe_csv.lines(rows), content_type="text/csv; charset=utf-8"), f"{name}.csv")


def as_xlsx(rows: Rows, *, name: str) -> HttpResponse:
    """Answer with a workbook of one sheet."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("SMART")
    for row in rows:
        sheet.append([safe_csv.cell(cell) for cell in row])
    file = BytesIO()
    book.save(file)
    return _attached(HttpResponse(file.getvalue(), content_type=_XLSX), f"{name}.xlsx")


def as_pdf(content: bytes, *, name: str) -> HttpResponse:
    """Answer with a PDF file."""
    return _attached(HttpResponse(content, content_type="application/pdf"), f"{name}.pdf")


def _attached(response: R, name: str) -> R:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
