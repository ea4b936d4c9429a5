"""A question as each reader will get it: its screens as the engine cuts them, how full they are, what a call says."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.lib import gsm
from enrollment.models import Language
from surveys.models import Question
from surveys.questionnaire import wording
from surveys.questionnaire.items import Item

ENCODINGS = {"gsm7": "GSM-7", "ucs2": "UCS-2"}


@dataclass(frozen=True, slots=True)
class PreviewScreen:
    """One USSD screen: its text, how it is encoded, characters used of those there are."""

    text: str
    encoding: str
    used: int
    most: int


@dataclass(frozen=True, slots=True)
class Phone:
    """A question in one language. `spoken` is "" where a call cannot ask it."""

    language: str
    name: str
    screens: Sequence[PreviewScreen]
    spoken: str


def measured(text: str) -> PreviewScreen:
    """How much of a screen a text takes: of 182 septets, or of 80 UCS-2 characters."""
    septets = gsm.septets(text)
    if septets is None:
        return PreviewScreen(text, ENCODINGS["ucs2"], gsm.ucs2_units(text), gsm.USSD_UCS2)
    return PreviewScreen(text, ENCODINGS["gsm7"], septets, gsm.USSD_SEPTETS)


def of(item: Item, languages: Sequence[str], *, is_first: bool) -> list[Phone]:
    """The question in each of these languages."""
    return [
        Phone(
            language=language,
            name=str(Language(language).label),
            screens=[measured(page) for page in wording.pages(item, language, is_first=is_first)],
            spoken="" if item.kind == Question.Kind.TEXT else wording.spoken(item, language),
        )
        for language in languages
    ]
