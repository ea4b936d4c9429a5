"""How a text travels by SMS: its encoding and its parts, 160/153 GSM-7 septets or 70/67 UCS-2 units each."""

from collections.abc import Callable
from functools import lru_cache

from core.lib import gsm

_SIZES = {"gsm7": (160, 153), "ucs2": (70, 67)}


@lru_cache(maxsize=4096)
def split(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the encoding ("gsm7" or "ucs2") and the parts; no character, and no extension's escape, is cut in two."""
    encoding = gsm.encoding(text)
    measure: Callable[[str], int] = (lambda t: gsm.septets(t) or 0) if encoding == "gsm7" else gsm.ucs2_units
    single, part = _SIZES[encoding]
    if measure(text) <= single:
        return encoding, (text,)
    parts, begun, size = [], 0, 0
    for position, character in enumerate(text):
        takes = measure(character)
        if size + takes > part:
            parts.append(text[begun:position])
            begun, size = position, 0
        size += takes
    return encoding, (*parts, text[begun:])


def measure(text: str) -> tuple[str, int]:
    """Return the encoding and the number of segments."""
    encoding, parts = split(text)
    return encoding, len(parts)
