"""What every dialect's request becomes, and what it gets back: GatewayRequest and Reply."""

import re
from dataclasses import dataclass

from core.access.auth import Caller
from core.lib import gsm, keys
from core.lib.logs import mask_numbers
from core.lib.msisdn import Msisdn

_CODE = re.compile(r"\*?(\d{1,6})((?:\*[^*#]*)*)#?")


@dataclass(frozen=True, slots=True)
class Code:
    """A dialed code, taken apart: `*555*00#` is root "555", segments ("00",)."""

    root: str
    segments: tuple[str, ...]

    def __str__(self) -> str:
        return "*" + "*".join((self.root, *self.segments)) + "#"


def parse_code(text: str, more: str = "") -> Code | None:
    """Read a code as gateways spell it: `*555*1#`, `555`, or root and cumulative text apart. None if it is none."""
    match = _CODE.fullmatch(text.strip())
    if match is None:
        return None
    return Code(match[1], (*split(match[2]), *split(more)))


def split(text: str) -> tuple[str, ...]:
    """Split the `*`-joined segments of a text, whatever stars and hashes a gateway left at its ends."""
    inner = keys.unframed(text)
    return tuple(segment.strip() for segment in inner.split("*")) if inner else ()


@dataclass(frozen=True, slots=True)
class GatewayRequest:
    """One request of a gateway: a code dialed, or a key pressed in a session under way.

    `token` is what a retransmission repeats. Exactly one of `code`, `key` and `cumulative` says what was typed:
    `cumulative` (with `code` the root) leaves it to the session's state which of the two it is. Where only the first
    step of a session names the number, the later ones have `has_number` false, and the session stands for it.
    """

    caller: Caller
    session_id: str
    msisdn: Msisdn | None  # None: no mobile number of Kazakhstan, or none at all
    token: str
    code: Code | None = None
    key: str | None = None
    cumulative: str | None = None
    sequence: int | None = None
    visited_plmn: str = ""
    has_number: bool = True

    @property
    def whole_code(self) -> Code | None:
        """The code dialed, with what a gateway of cumulative texts put beside its root."""
        if self.code is not None and self.cumulative is not None:
            return Code(self.code.root, (*self.code.segments, *split(self.cumulative)))
        return self.code

    @property
    def typed(self) -> str:
        """What was typed, whole, as it may be kept."""
        code = self.whole_code
        return mask_numbers(str(code) if code is not None else self.key or "")


@dataclass(frozen=True, slots=True)
class Reply:
    """What the subscriber sees, and whether the session goes on."""

    text: str
    is_over: bool

    @property
    def action(self) -> str:
        """ "continue" or "end"."""
        return "end" if self.is_over else "continue"

    @property
    def encoding(self) -> str:
        """ "gsm7" or "ucs2"."""
        return gsm.encoding(self.text)
