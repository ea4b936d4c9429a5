"""Files of offers as partners bring them, made for the tests."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook

HEADINGS = ("Title RU", "Text RU", "Category", "Towns", "Valid from", "Valid to", "Discount", "Channels")
ROW = ("Скидка 30%", "Кофейня «Арбат»: -30%.", "food", "Алматы", "2026-12-01", "2026-12-10", "30%", "sms")
_SHEET = "xl/worksheets/sheet1.xml"
_STRINGS = "xl/sharedStrings.xml"
_SPACE = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_SAYS_STRINGS = (  # openpyxl writes none itself, other programs do
    b'<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument.'
    b'spreadsheetml.sharedStrings+xml"/></Types>'
)


def text(*rows: Sequence[str], headings: Sequence[str] = HEADINGS, separator: str = ";") -> str:
    """A table as text."""
    return "\n".join(separator.join(row) for row in (headings, *rows)) + "\n"


def row(**changes: str) -> tuple[str, ...]:
    """The usual row with some cells changed, by heading."""
    return tuple(changes.get(name.replace(" ", "_").lower(), cell) for name, cell in zip(HEADINGS, ROW, strict=True))


def workbook(*rows: Sequence[Any], headings: Sequence[str] = HEADINGS) -> bytes:
    """A table as XLSX; what begins with = becomes a formula."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for line in (headings, *rows):
        sheet.append(list(line))
    return saved(book)


def saved(book: Workbook) -> bytes:
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def tampered(data: bytes, **parts: bytes) -> bytes:
    """The workbook with its `sheet` or `strings` replaced, or further parts by name."""
    names = {"sheet": _SHEET, "strings": _STRINGS}
    replaced = {names.get(name, name): content for name, content in parts.items()}
    file = BytesIO()
    with ZipFile(BytesIO(data)) as old, ZipFile(file, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in replaced:
                new.writestr(
                    name, old.read(name).replace(b"</Types>", _SAYS_STRINGS if "strings" in parts else b"</Types>")
                )
        for name, content in replaced.items():
            new.writestr(name, content)
    return file.getvalue()


def sheet(rows: bytes, dimension: bytes = b"A1:H2") -> bytes:
    """A sheet of rows as they stand in the file."""
    return (
        b'<?xml version="1.0"?><worksheet xmlns="'
        + _SPACE
        + b'"><dimension ref="'
        + dimension
        + b'"/><sheetData>'
        + rows
        + b"</sheetData></worksheet>"
    )


def strings(*texts: str) -> bytes:
    """A table of shared strings."""
    told = b"".join(b"<si><t>%s</t></si>" % text.encode() for text in texts)
    return b'<sst xmlns="' + _SPACE + b'">' + told + b"</sst>"


def lying_zip(size: int) -> bytes:
    """A workbook with a part of `size` bytes that its directory says is of ten."""
    data = bytearray(tampered(workbook(ROW), **{"xl/media/x.xml": b"<a>" + b" " * (size - 7) + b"</a>"}))
    told = size.to_bytes(4, "little")
    assert data.count(told) == 2, "one in the part's own header, one in the directory"
    return bytes(data.replace(told, (10).to_bytes(4, "little")))
