"""A question as it stands on a screen, and as it is spoken on the telephone."""

from collections.abc import Sequence

from django.utils import translation
from django.utils.translation import gettext as _

from core.lib import gsm
from surveys.models.questions import Question
from surveys.questionnaire.items import Item

Kind = Question.Kind
BACK_KEY = "00"


def listed(item: Item, language: str) -> list[tuple[int, str]]:
    """The choices as listed, by their keys; yes and no are the platform's own words. None for other kinds."""
    if item.kind == Kind.YES_NO:
        with translation.override(language):
            return [(1, _("Yes")), (2, _("No"))]
    if item.kind in (Kind.SINGLE, Kind.SEVERAL):
        return [(option.value, option.texts.get(language, "")) for option in item.options]
    return []


def screen(item: Item, language: str, *, is_first: bool, hint: str = "") -> str:
    """The question with its choices, how to answer where no choice says it, and the way back."""
    with translation.override(language):
        lines = [hint] if hint else []
        lines.append(item.texts.get(language, ""))
        lines += [f"{value} {text}" for value, text in listed(item, language)]
        if how := _how(item):
            lines.append(how)
        if not is_first:
            lines.append(f"{BACK_KEY} {_('Back')}")
        return "\n".join(lines)


def _how(item: Item) -> str:
    """What to key in, for who sees no list of it."""
    if item.kind == Kind.SEVERAL:
        return _("Several: 1 3")
    if item.kind in (Kind.NUMBER, Kind.SCALE):
        return f"{item.low}-{item.high}"
    return ""


def pages(item: Item, language: str, *, is_first: bool) -> Sequence[str]:
    """The screens it takes."""
    return cut(screen(item, language, is_first=is_first), language)


def cut(text: str, language: str) -> Sequence[str]:
    """A text as the engine cuts it into screens."""
    with translation.override(language):
        return gsm.pages(text, f"0 {_('Next')}")


def spoken(item: Item, language: str, *, hint: str = "") -> str:
    """The question as a call tells it: each choice with its key."""
    with translation.override(language):
        parts = [hint] if hint else []
        parts.append(item.texts.get(language, ""))
        parts += [
            _("%(choice)s: press %(key)s.") % {"choice": text, "key": value} for value, text in listed(item, language)
        ]
        if item.kind == Kind.SEVERAL:
            parts.append(_("Press all that fit, then the hash key."))
        if item.kind in (Kind.NUMBER, Kind.SCALE):
            parts.append(
                _("Enter a number from %(low)s to %(high)s, then the hash key.") % {"low": item.low, "high": item.high}
            )
        return " ".join(part.strip() for part in parts if part.strip())
