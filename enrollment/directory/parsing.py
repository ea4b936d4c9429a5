"""Lines of the operator's export: each becomes a row to stage, or is rejected with field and reason.

The brand column decides whose line it is, never the prefix: numbers are ported. A field that is empty or cannot be
read keeps what is known and is a warning; without number, brand or status a line says nothing and is rejected.
"""

import codecs
import csv
import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from core.lib import crypto, msisdn
from core.lib.errors import Refusal
from core.lib.logs import mask_numbers
from enrollment.towns import TownMatcher

_BLOCK = 1 << 20
_NUL = "\x00"
REQUIRED = ("msisdn", "brand", "line status")
BRANDS = {"activ": "activ", "kcell": "kcell", "kcell-b2b": "kcell_b2b", "kcell b2b": "kcell_b2b"}
STATUSES = {name: name for name in ("active", "suspended", "blocked", "terminated")}
LANGUAGES = {"kk": "kk", "kz": "kk", "kaz": "kk", "ru": "ru", "rus": "ru", "en": "en", "eng": "en"}
GENDERS = {"m": "m", "м": "m", "male": "m", "f": "f", "ж": "f", "female": "f"}
_FORMATS = ("%d.%m.%Y", "%Y-%m-%d", "%d/%m/%Y")
_SPREADSHEET = re.compile(r"\d[.,]\d+E\+\d+", re.IGNORECASE)
_DECIMAL = re.compile(r"\d{9,}[.,]0+")
_LONG_RUN = re.compile(r"\d(?:\D{0,3}\d){4,}")
_HIGH = bytes(range(0x80, 0x100))
_LOST = "\ufffd"
_EARLIEST = date(1900, 1, 1)


class UnusableFile(Refusal):
    """The file is no export: nothing was read."""

    code = "unusable_file"
    sentence = _("This file cannot be imported: %(why)s.")
    status = 422


@dataclass(frozen=True, slots=True)
class Shape:
    """What a first pass found: encoding, separator, columns by position, number of lines, digest."""

    encoding: str
    separator: str
    columns: tuple[str, ...]
    lines: int
    digest: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the report."""

    line: int
    field: str
    value: str
    reason: str
    is_rejected: bool


def examine(path: Path) -> Shape:
    """Read the file once for its encoding, digest and length. Raises UnusableFile."""
    digest, lines, high, lost = hashlib.sha256(), 0, 0, 0
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            lines += block.count(b"\n")
            high += len(block) - len(block.translate(None, _HIGH))
            lost += decoder.decode(block).count(_LOST)
    # Read as UTF-8, cp1251 loses nearly every letter; a file that loses few is UTF-8 with some bytes broken.
    encoding = "utf-8-sig" if lost * 2 <= high - lost else "cp1251"
    with path.open(encoding=encoding, errors="replace") as text:
        header = text.readline(10_000).strip("\r\n")
    if _NUL in header:
        raise UnusableFile(why="it is UTF-16 or no text; save it as UTF-8")
    separator = ";" if header.count(";") >= header.count(",") else ","
    names = tuple(" ".join(name.strip().strip('"').casefold().split()) for name in header.split(separator))
    if missing := [name for name in REQUIRED if name not in names]:
        raise UnusableFile(why=f"columns are missing: {', '.join(missing)}")
    if len(set(names)) != len(names):
        raise UnusableFile(why="a column stands twice")
    return Shape(encoding, separator, names, max(lines - 1, 0), digest.hexdigest())


_NULL = "\\N"
_SPECIAL = re.compile(r"[\\\t\n\r]")
_STAGED = {  # in the order of the staging table, with what COPY is given where the export has no such column
    "brand": "",
    "line status": "",
    "tariff": "",
    "language": "",
    "town": _NULL,
    "birth date": _NULL,
    "gender": "",
    "line activated on": _NULL,
}
_MOST_REMEMBERED = 100_000  # values a column; an export has some thousand dates and tariffs

Understood = tuple[str, str]  # a field in COPY's text format, and what is wrong with it ("" if nothing)


class LineParser:
    """Turns lines into lines of COPY's text format; each distinct value of a field is understood once."""

    def __init__(self, shape: Shape, today: date, towns: dict[str, int], report: Callable[[Finding], None]) -> None:
        self.shape = shape
        self.today = today
        self.town_ids = towns
        self.report = report
        self.unreadable = 0  # lines in which no number can be read
        self.towns = TownMatcher()
        at = {name: position for position, name in enumerate(shape.columns)}
        self._number_at = at["msisdn"]
        self._columns: list[tuple[str, int | None, dict[str, Understood]]] = [
            (name, at.get(name), {}) for name in _STAGED
        ]

    def lines(self, path: Path) -> Iterator[tuple[int, str]]:
        """Yield (line number, line to COPY) of every line that names a number, reporting what is rejected or left out.

        A rejected line is staged too, as such: its number is still in the export.
        """
        with path.open(encoding=self.shape.encoding, errors="replace", newline=None) as text:
            text.readline()
            for number, line in enumerate(text, 2):
                staged = self._read(number, line.rstrip("\n"))
                if staged is not None:
                    yield number, staged

    def _read(self, line: int, text: str) -> str | None:
        values = self._split(text)
        if values is None or len(values) != len(self.shape.columns):
            return self._refuse(line, text) if text.strip(f" {_NUL}") else None
        try:
            number = msisdn.parse(values[self._number_at]).value
        except msisdn.InvalidMsisdn:
            spelled = values[self._number_at]
            self._reject(line, "MSISDN", spelled, _why_no_number(spelled))
            self.unreadable += 1
            return None
        is_rejected = False
        fields = []
        for name, position, known in self._columns:
            if position is None:
                fields.append(_STAGED[name])
                continue
            value = values[position]
            staged, complaint = known.get(value) or self._learn(name, value, known)
            if complaint:
                is_rejected |= self._complain(line, name, value, complaint)
            fields.append(staged)
        return _staged(line, number, fields, is_rejected=is_rejected)

    def _refuse(self, line: int, text: str) -> str | None:
        """Reject a line that is cut, too long or no text; whoever can be read in it is still in the export (J7)."""
        why = (
            "the line holds characters that are no text"
            if _NUL in text
            else "the number of fields is not that of the header"
        )
        self._reject(line, "line", "", why)
        parts = [part.strip(f'" {_NUL}') for part in text.split(self.shape.separator)]
        for part in (*parts[self._number_at : self._number_at + 1], *parts):
            with suppress(msisdn.InvalidMsisdn):
                return _staged(line, msisdn.parse(part).value, list(_STAGED.values()), is_rejected=True)
        self.unreadable += 1
        return None

    def _split(self, text: str) -> list[str] | None:
        if _NUL in text:
            return None
        if '"' not in text:
            return text.split(self.shape.separator)
        try:
            return next(csv.reader([text], delimiter=self.shape.separator, strict=True))
        except (csv.Error, StopIteration):
            return None

    def _reject(self, line: int, field: str, value: str, reason: str) -> None:
        self.report(Finding(line, field, mask(value), reason, is_rejected=True))

    def _learn(self, name: str, value: str, known: dict[str, Understood]) -> Understood:
        understood = self._understand(name, value.strip())
        if len(known) < _MOST_REMEMBERED:
            known[value] = understood
        return understood

    def _complain(self, line: int, name: str, value: str, complaint: str) -> bool:
        """Report a field; return whether the line is rejected for it."""
        is_rejected = name in REQUIRED
        shown = value[:20] if name in ("birth date", "line activated on") and len(value) <= 10 else mask(value)
        self.report(Finding(line, name, shown, complaint, is_rejected))
        return is_rejected

    def _understand(self, name: str, value: str) -> Understood:
        if _LOST in value:
            return _STAGED[name], f"letters of this {name} cannot be read"
        if name in ("birth date", "line activated on"):
            day, complaint = self._date(name, value)
            return str(day) if day else _NULL, complaint
        if name == "town":
            code = self.towns.match(value)
            complaint = "" if code or value in ("", "-") else "no town of Kazakhstan is known by this name"
            return str(self.town_ids.get(code or "", _NULL)), complaint
        if name == "tariff":
            return _SPECIAL.sub(" ", value[:32]), "" if len(value) <= 32 else "the tariff's name is too long"
        table = {"brand": BRANDS, "line status": STATUSES, "language": LANGUAGES, "gender": GENDERS}[name]
        found = table.get(value.casefold(), "")
        is_optional = name not in REQUIRED and not value
        return found, "" if found or is_optional else f"this {name} is not known"

    def _date(self, name: str, value: str) -> tuple[date | None, str]:
        if not value:
            return None, ""
        for form in _FORMATS:
            try:
                day = datetime.strptime(value, form).date()
            except ValueError:
                continue
            if _EARLIEST <= day <= self.today:
                return day, ""
            return None, f"this {name} is in the future" if day > self.today else f"this {name} is before 1900"
        return None, f"this {name} is no date"


def _staged(line: int, number: str, fields: list[str], *, is_rejected: bool) -> str:
    """A line of COPY's text format, the number encrypted."""
    index, encrypted = crypto.blind_index(number).hex(), crypto.encrypt_msisdn(number).hex()
    rest = "\t".join(fields)
    return f"{line}\t\\\\x{index}\t\\\\x{encrypted}\t{'t' if is_rejected else 'f'}\t{rest}\n"


def mask(value: str) -> str:
    """A value as the report may show it: every digit of a long run is hidden, for it may be a number's."""
    return _LONG_RUN.sub(lambda run: re.sub(r"\d", "*", run[0]), mask_numbers(value))[:60]


def _why_no_number(spelled: str) -> str:
    if not spelled.strip():
        return "the number is empty"
    if _SPREADSHEET.search(spelled):
        return "a spreadsheet has turned the number into scientific notation"
    if _DECIMAL.fullmatch(spelled.strip()):
        return "a spreadsheet has turned the number into a decimal"
    return "this is not a mobile number of Kazakhstan"
