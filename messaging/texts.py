"""What may stand in a message, and what fills its placeholders. Checked when it is saved, never at sending."""

import re
import unicodedata
from collections.abc import Collection, Mapping

from django.utils.translation import gettext_lazy as _

from core.lib import segments
from core.lib.errors import Refusal
from core.lib.languages import LANGUAGES
from messaging.models import ServiceText

MOST_CHARACTERS = 1000
MOST_SEGMENTS = 6
_PLACEHOLDER = re.compile(r"{([a-z_]+)}")
# Directions of writing that make a text read as something else, and characters that are nobody's.
_BIDI = set("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class BadText(Refusal):
    """The text may not be sent; `place` says where it is wrong."""

    code = "bad_text"
    sentence = _("The text cannot be sent: %(what)s (at character %(place)s).")
    status = 422


def check(text: str, *, placeholders: Collection[str] = ()) -> str:
    """Return the text, stripped, or raise BadText with what is wrong and at which character it stands (from 1)."""
    bare = text.strip()
    if not bare:
        raise BadText(what=_("it is empty"), place=1)
    for place, character in enumerate(bare, 1):
        if what := _wrong_with(character):
            raise BadText(what=what, place=place)
    _check_braces(bare, placeholders)
    if len(bare) > MOST_CHARACTERS or segments.measure(bare)[1] > MOST_SEGMENTS:
        raise BadText(what=_("it is too long"), place=min(len(bare), MOST_CHARACTERS + 1))
    return bare


def _wrong_with(character: str) -> object:
    if "\ud800" <= character <= "\udfff":
        return _("half of a character")
    if character in _BIDI:
        return _("a mark that turns the direction of writing")
    if unicodedata.category(character) in ("Cc", "Cn", "Co") and character != "\n":
        return _("a character that is no text")
    return ""


def _check_braces(text: str, placeholders: Collection[str]) -> None:
    known = {"{" + name + "}" for name in placeholders}
    left = _PLACEHOLDER.sub(lambda found: " " * len(found[0]) if found[0] in known else found[0], text)
    for place, character in enumerate(left, 1):
        if character in "{}":
            raise BadText(what=_("a placeholder that does not exist"), place=place)


def fill(text: str, values: Mapping[str, object]) -> str:
    """Put the values into the placeholders: by name only, once, and never anything of a value's own."""
    return _PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), text)


def in_languages(template: ServiceText, values: Mapping[str, object]) -> list[tuple[str, str, str, int]]:
    """Return (language, text, encoding, segments) for each of the three languages."""
    found = []
    for language in LANGUAGES:
        text = fill(getattr(template, f"text_{language}"), values)
        found.append((language, text, *segments.measure(text)))
    return found
