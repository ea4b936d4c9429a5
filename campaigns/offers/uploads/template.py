"""The file a partner begins with: the headings, and one row as an example."""

import csv
from io import BytesIO, StringIO

from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from campaigns.offers.uploads.headings import HEADINGS
from core.lib.safe_csv import escape

_EXAMPLE = {
    "title_ru": "Скидка 30% на всё меню",
    "title_kk": "Барлық ас мәзіріне 30% жеңілдік",
    "title_en": "30% off the whole menu",
    "text_ru": "Кофейня «Арбат»: скидка 30% на всё меню до 10 декабря. Покажите код {code}.",
    "text_kk": "«Арбат» кофеханасы: 10 желтоқсанға дейін барлық ас мәзіріне 30% жеңілдік. Код: {code}.",
    "text_en": "Arbat Coffee: 30% off the whole menu until 10 Dec. Show code {code}.",
    "category": "food",
    "towns": "Алматы, Астана",
    "valid_from": "2099-12-01",
    "valid_to": "2099-12-10",
    "discount": "30%",
    "interests": "food, coffee",
    "channels": "sms, ussd",
}
_HEADINGS = [names[0] for names in HEADINGS.values()]
_ROW = [_EXAMPLE.get(field, "") for field in HEADINGS]
_WIDTHS = {"title": 30, "text": 60}


def template_csv() -> bytes:
    """The template as CSV that Excel opens with the right letters and columns."""
    file = StringIO(newline="")
    csv.writer(file, delimiter=";").writerows([_HEADINGS, [escape(cell) for cell in _ROW]])
    return file.getvalue().encode("utf-8-sig")


def template_xlsx() -> bytes:
    """The template as a workbook whose cells are text, so that Excel changes no date or per cent of it."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(_HEADINGS)
    sheet.append(_ROW)
    for place, field in enumerate(HEADINGS, 1):
        letter = get_column_letter(place)
        sheet.column_dimensions[letter].width = _WIDTHS.get(field.partition("_")[0], 16)
        sheet.cell(1, place).font = Font(bold=True)
        for row in range(2, 101):
            sheet.cell(row, place).number_format = "@"
    sheet.freeze_panes = "A2"
    file = BytesIO()
    book.save(file)
    return file.getvalue()
