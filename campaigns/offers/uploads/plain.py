"""A file of offers as text: encoding, separator, quotes. Knows no Django: runs in the child process."""

import codecs
import re
from collections.abc import Iterator

from campaigns.offers.uploads import headings
from campaigns.offers.uploads.table import MOST_COLUMNS, Cell, Unreadable, cell

_SEPARATORS = ";,\t"
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_WIDEST = 16_384  # columns of a spreadsheet: as many may follow empty
_LOST = "\ufffd"
# cp1251 as Kazakhstan has it: the same Russian, with Kazakh letters where cp1251 has Serbian ones.
_OF_WINDOWS = "kz1048"


def rows(data: bytes) -> Iterator[list[Cell]]:
    """Yield the file's records, the headings first. Raises Unreadable."""
    text = _decode(data).replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    first = next((line for line in text.split("\n") if line.strip()), "")
    if max(first.count(separator) for separator in _SEPARATORS) >= MOST_COLUMNS:
        raise Unreadable("too_many_columns", most=MOST_COLUMNS)
    separator = max(_SEPARATORS, key=lambda one: sum(map(bool, headings.fields_of(first.split(one)))))
    width = 0
    for record in _split(text, separator):
        if not width and any(record):
            width = len(record)
        if len(record) > width:
            record = _mended(record, width, separator)
        yield [_judged(field) for field in record]


def _decode(data: bytes) -> str:
    """By its mark, else as UTF-8, else as Windows writes it here. Raises Unreadable."""
    marked = next((encoding for mark, encoding in _MARKS.items() if data.startswith(mark)), "")
    try:
        text = data.decode(marked or "utf-8")
    except UnicodeDecodeError:
        if marked or _is_broken_utf8(data):
            raise Unreadable("bad_encoding") from None
        try:
            text = data.decode(_OF_WINDOWS)
        except UnicodeDecodeError:
            raise Unreadable("bad_encoding") from None
    if _NO_TEXT.search(text):
        raise Unreadable("no_text_file")
    return text


def _is_broken_utf8(data: bytes) -> bool:
    """True when most of what is not ASCII is good UTF-8: read as Windows' it would all be gibberish."""
    text = data.decode("utf-8", errors="replace")
    lost, foreign = text.count(_LOST), sum(not character.isascii() for character in text)
    return lost * 2 < foreign


def _split(text: str, separator: str) -> Iterator[list[str]]:
    """Yield records of raw fields; quotes that do not enclose a whole field are letters, as people's own files need.

    Raises Unreadable as soon as a record is too wide: a line of a million fields is not read to its end.
    """
    apart = re.escape(separator)
    quoted = re.compile(rf' *"((?:[^"]|"")*+)" *(?=[{apart}\n]|\Z)')
    bare = re.compile(rf"[^{apart}\n]*")
    place, record = 0, []
    while True:
        if found := quoted.match(text, place):
            record.append(found[1].replace('""', '"'))
        else:
            found = bare.match(text, place)
            assert found is not None
            record.append(_UNCLOSED + found[0] if _is_unclosed(found[0]) else found[0])
        if (len(record) > MOST_COLUMNS and record[-1]) or len(record) > _WIDEST:
            raise Unreadable("too_many_columns", most=MOST_COLUMNS)
        place = found.end()
        if place >= len(text) or text[place] == "\n":
            yield record
            record = []
        if place >= len(text):
            return
        place += 1


_UNCLOSED = "\x00"  # marks a field whose quote is never closed; no text that we decode has one


def _is_unclosed(field: str) -> bool:
    return field.lstrip(" ").startswith('"') and field.count('"') % 2 == 1


def _mended(record: list[str], width: int, separator: str) -> list[str]:
    """Put a formula's own separators back where nobody quoted it, if that makes the row whole; else as it was."""
    joined: list[str] = []
    for field in record:
        if joined and joined[-1].startswith("=") and joined[-1].count("(") > joined[-1].count(")"):
            joined[-1] += separator + field
        else:
            joined.append(field)
    return joined if len(joined) == width else record


def _judged(field: str) -> Cell:
    return Cell(field[1:].strip()[:60], "quotes") if field.startswith(_UNCLOSED) else cell(field)
