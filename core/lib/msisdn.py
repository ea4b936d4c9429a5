"""Phone numbers: read in any usual spelling, shown masked, never logged (M6)."""

import re
from dataclasses import dataclass

import phonenumbers
from django.utils.translation import gettext_lazy as _

from core.lib.errors import Refusal

# Kazakhstan's mobile numbers: country code 7, network code 70x or 77x, seven digits.
_FAST = re.compile(r"(?:\+7|[78])?(7[0-9]{9})")
# Marks of direction come along when a number is copied; they stand for nothing.
_MARKS = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_GAP = r"(?:[^\S\r\n\v\f]|[()\-‐-―−.])+"
# As people write it: country, network code, then groups of two digits or more. A gap anywhere else is no spelling of a
# number: without that rule 7771234567.0, a number that a spreadsheet made a decimal of, is somebody else's.
_SPELLED = re.compile(
    rf"\(?(?:(?:\+7|[78])(?:{_GAP})?)?(7[0-9]{{2}})(?:(?:{_GAP})?([0-9]{{7}})|{_GAP}([0-9]{{2,}}(?:{_GAP}[0-9]{{2,}})*))"
)
_DECIMAL_POINT = "."
_DIGITS = 10


class InvalidMsisdn(Refusal):
    """The text is no mobile number of Kazakhstan."""

    code = "invalid_msisdn"
    sentence = _("This is not a mobile number of Kazakhstan.")
    status = 422


@dataclass(frozen=True, slots=True)
class Msisdn:
    """A mobile number of Kazakhstan, as eleven digits ("77010000001"); prints masked."""

    value: str

    @property
    def masked(self) -> str:
        """The number as people who need not know it see it."""
        return f"{self.value[0]} {self.value[1:4]} *** ** {self.value[9:]}"

    def __str__(self) -> str:
        return self.masked

    def __repr__(self) -> str:
        return f"Msisdn({self.masked})"


def parse(text: str) -> Msisdn:
    """Read a number in any usual spelling: +7…, 8…, 7…, ten digits, spaces, brackets, dashes between its groups.

    Raises InvalidMsisdn: for anything that is not certainly one mobile number of Kazakhstan.
    """
    if not isinstance(text, str) or len(text) > 40:
        raise InvalidMsisdn
    match = _FAST.fullmatch(text)
    national = match[1] if match else _spelled(_MARKS.sub("", text).strip())
    if not _is_mobile(national):
        raise InvalidMsisdn
    return Msisdn("7" + national)


def _spelled(text: str) -> str:
    """The ten digits of a number written in groups; "" when it is not written as numbers are."""
    match = _SPELLED.fullmatch(text)
    if match is None or text.count(_DECIMAL_POINT) == 1:
        return ""
    national = match[1] + re.sub(r"[^0-9]", "", match[2] or match[3])
    return national if len(national) == _DIGITS else ""


_known_codes: dict[str, bool] = {}


def _is_mobile(national: str) -> bool:
    """Ask libphonenumber once for each block of 100,000 numbers: it is slow, its blocks are coarse."""
    if not national:
        return False
    block = national[:5]
    answer = _known_codes.get(block)
    if answer is None:
        number = phonenumbers.PhoneNumber(country_code=7, national_number=int(national))
        kind = phonenumbers.number_type(number)
        answer = phonenumbers.region_code_for_number(number) == "KZ" and kind == phonenumbers.PhoneNumberType.MOBILE
        _known_codes[block] = answer
    return answer
