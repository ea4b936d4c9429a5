"""GSM 03.38, the alphabet of screens and messages: what a text takes in it, else in UCS-2, and a text's octets.

The one table of the house. (smpplib's own has a grave accent at 0x5F, where the paragraph sign belongs.)
"""

from functools import lru_cache

_ESCAPE = 0x1B  # to the extension table: no character stands there
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {
    "\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40, "€": 0x65,
}  # fmt: skip
_OCTETS = {
    **{character: bytes([code]) for code, character in enumerate(_BASIC) if code != _ESCAPE},
    **{character: bytes([_ESCAPE, code]) for character, code in _EXTENSION.items()},
}
_SEPTETS = {character: len(octets) for character, octets in _OCTETS.items()}

USSD_SEPTETS = 182  # 160 octets
USSD_UCS2 = 80


def septets(text: str) -> int | None:
    """Septets the text takes in GSM 03.38; None when a character is not in its tables."""
    total = 0
    for character in text:
        size = _SEPTETS.get(character)
        if size is None:
            return None
        total += size
    return total


def encode(text: str) -> bytes:
    """The text's septets, an octet each. Raises ValueError, without the text, for a character not in the tables."""
    try:
        return b"".join(map(_OCTETS.__getitem__, text))
    except KeyError:
        raise ValueError("not in GSM 03.38") from None


def ucs2_units(text: str) -> int:
    """UCS-2 units the text takes; a character beyond the BMP takes two."""
    return len(text) + sum(character > "\uffff" for character in text)


@lru_cache(maxsize=4096)
def encoding(text: str) -> str:
    """The encoding a network will use: "gsm7" or "ucs2"."""
    return "ucs2" if septets(text) is None else "gsm7"


@lru_cache(maxsize=4096)
def fits_ussd(text: str) -> bool:
    """True when the text fits one USSD screen."""
    size = septets(text)
    return ucs2_units(text) <= USSD_UCS2 if size is None else size <= USSD_SEPTETS


@lru_cache(maxsize=4096)
def pages(text: str, more: str) -> tuple[str, ...]:
    """Cut a text into USSD screens; all but the last end with `more` ("0 Next") on a line of its own.

    Breaks at line ends, then at spaces, and within a word only when a single one exceeds a screen.
    """
    if fits_ussd(text):
        return (text,)
    cut: list[str] = []
    rest = text.rstrip()
    while not fits_ussd(rest):
        head = _head(rest, f"\n{more}")
        cut.append(f"{head.rstrip()}\n{more}")
        rest = rest[len(head) :].lstrip()
    return (*cut, rest) if rest else tuple(cut)


def _head(text: str, suffix: str) -> str:
    """The longest beginning of the text that fits a screen with the suffix, broken where a reader would."""
    end = next(n for n in range(min(len(text), USSD_SEPTETS), 0, -1) if fits_ussd(text[:n].rstrip() + suffix))
    if end >= len(text):
        end = len(text) - 1
    line_end = text.rfind("\n", 1, end + 1)
    if line_end > end // 3:
        return text[: line_end + 1]
    space = text.rfind(" ", 1, end + 1)
    return text[: space + 1] if space > 0 else text[:end]
