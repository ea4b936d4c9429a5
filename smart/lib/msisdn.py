"""Phone numbers: read in any usual spelling, shown masked, never logged (M6)."""

import re
from dataclasses import dataclass

import phonenumbers
from django.utils.translation import gettext_lazy as _

from smart.lib.errors import Refusal

# Kazakhstan's mobile numbers: country code 7, network code 70x or 77x, seven digits.
_FAST = re.compile(r"(?:\+7|[78])?(7[0-9]{9})")
_NOISE = re.compile(r"[\s()\-‐-―−.\u00a0\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


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
    """Read a number in any usual spelling: +7…, 8…, 7…, ten digits, spaces, brackets, dashes.

    Raises InvalidMsisdn: for anything that is not one mobile number of Kazakhstan.
    """
    if not isinstance(text, str) or len(text) > 40:
        raise InvalidMsisdn
    match = _FAST.fullmatch(text) or _FAST.fullmatch(_NOISE.sub("", text))
    if match is None or not _is_mobile(match[1]):
        raise InvalidMsisdn
    return Msisdn("7" + match[1])


_known_codes: dict[str, bool] = {}


def _is_mobile(national: str) -> bool:
    """Ask libphonenumber once for each block of 100,000 numbers: it is slow, its blocks are coarse."""
    block = national[:5]
    answer = _known_codes.get(block)
    if answer is None:
        number = phonenumbers.PhoneNumber(country_code=7, national_number=int(national))
        kind = phonenumbers.number_type(number)
        answer = phonenumbers.region_code_for_number(number) == "KZ" and kind == phonenumbers.PhoneNumberType.MOBILE
        _known_codes[block] = answer
    return answer
