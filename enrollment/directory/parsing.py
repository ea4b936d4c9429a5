"""Lines of the operator's export: each becomes a row to stage, or is rejected with field and reason.

The brand column decides whose line it is, never the prefix: numbers are ported. A field that is empty or cannot be
read keeps what is known and is a warning; without number, brand or status a line says nothing and is rejected.
"""

import codecs
import csv
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from enrollment.towns import TownMatcher
from smart.lib import crypto, msisdn
from smart.lib.errors import Refusal
from smart.lib.logs import mask_numbers

_BLOCK = 1 << 20
_NUL = "\x00"
COLUMNS = {
    "msisdn": "number",
    "brand": "brand",
    "line status": "line_status",
    "tariff": "tariff",
    "language": "language",
    "town": "town",
    "birth date": "birth_date",
    "gender": "gender",
    "line activated on": "line_activated_on",
}
REQUIRED = ("msisdn", "brand", "line status")
BRANDS = {"activ": "activ", "kcell": "kcell", "kcell-b2b": "kcell_b2b", "kcell b2b": "kcell_b2b"}
STATUSES = {name: name for name in ("active", "suspended", "blocked", "terminated")}
LANGUAGES = {"kk": "kk", "kz": "kk", "kaz": "kk", "ru": "ru", "rus": "ru", "en": "en", "eng": "en"}
GENDERS = {"m": "m", "м": "m", "male": "m", "f": "f", "ж": "f", "female": "f"}
_FORMATS = ("%d.%m.%Y", "%Y-%m-%d", "%d/%m/%Y")
_SPREADSHEET = re.compile(r"\d[.,]\d+E\+\d+", re.IGNORECASE)
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


@dataclass(slots=True)
class Row:
    """A line as staged; None keeps what is known. A rejected one only says that its number is still there."""

    line: int
    number: str
    is_rejected: bool = False
    brand: str = ""
    line_status: str = ""
    tariff: str = ""
    language: str = ""
    town: str | None = None
    birth_date: date | None = None
    gender: str = ""
    line_activated_on: date | None = None


def examine(path: Path) -> Shape:
    """Read the file once for its encoding, digest and length. Raises UnusableFile."""
    digest, lines, is_utf8 = hashlib.sha256(), 0, True
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            lines += block.count(b"\n")
            if is_utf8:
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    is_utf8 = False
    encoding = "utf-8-sig" if is_utf8 else "cp1251"
    with path.open(encoding=encoding, errors="replace") as text:
        header = text.readline(10_000).strip("\r\n")
    separator = ";" if header.count(";") >= header.count(",") else ","
    names = tuple(" ".join(name.strip().strip('"').casefold().split()) for name in header.split(separator))
    if missing := [name for name in REQUIRED if name not in names]:
        raise UnusableFile(why=f"columns are missing: {', '.join(missing)}")
    if len(set(names)) != len(names):
        raise UnusableFile(why="a column stands twice")
    return Shape(encoding, separator, names, max(lines - 1, 0), digest.hexdigest())


@dataclass
class Parser:
    """Reads lines; each distinct value of a field is understood once and remembered."""

    shape: Shape
    today: date
    report: Callable[[Finding], None]
    towns: TownMatcher = field(default_factory=TownMatcher)

    def __post_init__(self) -> None:
        self._cache: dict[tuple[str, str], tuple[object, str]] = {}
        self._at = {name: position for position, name in enumerate(self.shape.columns)}

    def rows(self, path: Path) -> Iterator[Row]:
        """Yield the rows to stage, reporting what is rejected or left out on the way."""
        with path.open(encoding=self.shape.encoding, errors="replace", newline=None) as text:
            text.readline()
            for number, line in enumerate(text, 2):
                row = self._read(number, line.rstrip("\n"))
                if row is not None:
                    yield row

    def _read(self, line: int, text: str) -> Row | None:
        if not text.strip():
            return None
        values = self._split(text)
        if values is None or len(values) != len(self.shape.columns):
            self._reject(line, "line", "", "the number of fields is not that of the header")
            return None
        spelled = values[self._at["msisdn"]]
        try:
            number = msisdn.parse(spelled).value
        except msisdn.InvalidMsisdn:
            self._reject(line, "MSISDN", spelled, _why_no_number(spelled))
            return None
        row = Row(line, number)
        for name, position in self._at.items():
            if name != "msisdn" and name in COLUMNS:
                self._fill(row, name, values[position])
        return row

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

    def _fill(self, row: Row, name: str, value: str) -> None:
        key = (name, value)
        known = self._cache.get(key)
        if known is None:
            known = self._understand(name, value.strip())
            if len(self._cache) < 500_000:
                self._cache[key] = known
        understood, complaint = known
        if complaint:
            is_rejected = name in REQUIRED
            row.is_rejected |= is_rejected
            shown = value[:20] if name in ("birth date", "line activated on") and len(value) <= 10 else mask(value)
            self.report(Finding(row.line, name, shown, complaint, is_rejected))
        setattr(row, COLUMNS[name], understood)

    def _understand(self, name: str, value: str) -> tuple[object, str]:
        """Return what a field means and what is wrong with it, in words ("" if nothing)."""
        if name in ("birth date", "line activated on"):
            return self._date(name, value)
        if name == "town":
            code = self.towns.match(value)
            return code, "" if code or value in ("", "-") else "no town of Kazakhstan is known by this name"
        if name == "tariff":
            return value[:32], "" if len(value) <= 32 else "the tariff's name is too long"
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


def mask(value: str) -> str:
    """A value as the report may show it: long runs of digits are hidden, for they may be numbers."""
    return re.sub(r"\d(?=(?:\D?\d){4,})", "*", mask_numbers(value))[:60]


def _why_no_number(spelled: str) -> str:
    if not spelled.strip():
        return "the number is empty"
    if _SPREADSHEET.search(spelled):
        return "a spreadsheet has turned the number into scientific notation"
    return "this is not a mobile number of Kazakhstan"


def encode(row: Row, town_ids: dict[str, int]) -> str:
    """A row as a line of COPY's text format, its number encrypted and indexed."""
    town = town_ids.get(row.town) if row.town else None
    return (
        f"{row.line}\t\\\\x{crypto.blind_index(row.number).hex()}\t\\\\x{crypto.encrypt_msisdn(row.number).hex()}\t"
        f"{'t' if row.is_rejected else 'f'}\t{row.brand}\t{row.line_status}\t{_escaped(row.tariff)}\t{row.language}\t"
        f"{town or _NULL}\t{row.birth_date or _NULL}\t{row.gender}\t{row.line_activated_on or _NULL}\n"
    )


_NULL = "\\N"
_SPECIAL = re.compile(r"[\\\t\n\r]")


def _escaped(text: str) -> str:
    return _SPECIAL.sub(" ", text)
