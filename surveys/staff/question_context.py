"""Where a question stands: what it may lead to and tell, and how it is called in short."""

from dataclasses import dataclass
from typing import Any

from django.utils.functional import cached_property
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from core.lib import alphabet
from core.lib.languages import LANGUAGES
from enrollment.models import Fact, Interest
from surveys.models import Choice, Question, Survey, Version
from surveys.models.questions import END, NOT_ELIGIBLE


@dataclass(frozen=True)
class Place:
    """Where a question stands: which survey and version, and what may be chosen there."""

    survey: Survey
    version: Version
    question: Question
    published_value: int | None  # see writing.published_values

    @property
    def languages(self) -> list[str]:
        """The languages asked in, in the platform's order."""
        return [code for code in LANGUAGES if code in self.survey.languages]

    @cached_property
    def targets(self) -> list[tuple[str, str]]:
        """Where an answer may lead: what follows, a later question, an end."""
        return [
            ("", _("the next question")),
            *((one.code, in_short(one)) for one in self.others if one.position > self._position),
            (END, _("the end")),
            (NOT_ELIGIBLE, _("the end, as not eligible")),
            *self._backward,
        ]

    @cached_property
    def others(self) -> list[Question]:
        """The version's questions without this one."""
        return [one for one in self.version.questions.all() if one.pk != self.question.pk]

    @property
    def _position(self) -> int:
        return self.question.position or 10_000

    @cached_property
    def _backward(self) -> list[tuple[str, str]]:
        """What it leads to already though it stands before it (it was moved): kept, and told as a problem."""
        named = {self.question.then, *(choice.then for choice in self.choices)}
        return [
            (one.code, _("%(question)s (stands before it)") % {"question": in_short(one)})
            for one in self.others
            if one.code in named and one.position < self._position
        ]

    @cached_property
    def choices(self) -> list[Choice]:
        """The question's choices as they are saved."""
        return list(self.question.choices.all()) if self.question.pk else []

    @cached_property
    def facts(self) -> list[tuple[str, Any]]:
        """Every profile fact with its values, as groups."""
        found = Fact.objects.order_by("label")
        return [("", "—"), *((fact.label, [(f"{fact.pk}={value}", f"{fact.label}: {value}") for value in fact.values])
                             for fact in found)]  # fmt: skip

    @cached_property
    def interests(self) -> list[tuple[str, str]]:
        found = [(str(interest.pk), str(interest)) for interest in Interest.objects.all()]
        return [("", "—"), *sorted(found, key=lambda choice: alphabet.place(choice[1]))]


def in_short(question: Question, most: int = 40) -> str:
    """The code and the beginning of what is asked, in the reader's language where it is written in it."""
    return f"{question.code} — {cut(worded(question), most)}"


def worded(question: Question) -> str:
    """What is asked, in the reader's language where it is written in it, else in another."""
    own = getattr(question, f"text_{(get_language() or 'ru')[:2]}", "")
    return str(own or question.text_ru or question.text_kk or question.text_en or _("(no text yet)"))


def cut(text: str, most: int) -> str:
    """The text on one line, at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
