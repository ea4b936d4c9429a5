"""A version's questions as the flow reads them; published ones never change, so they are kept."""

from functools import lru_cache

from core.lib.languages import LANGUAGES
from surveys.models import Choice, Question, Version
from surveys.questionnaire.flow import Script
from surveys.questionnaire.items import Item, Option


def of(version: Version) -> Script:
    """The version's script."""
    return _published(version.pk) if version.published_at else _read(version.pk)


def published(version_id: int) -> Script:
    """The script of a version that is known to be published; asks the database once."""
    return _published(version_id)


def forget() -> None:
    """Let go of what is kept: where versions' ids begin anew."""
    _published.cache_clear()


@lru_cache(maxsize=256)
def _published(version_id: int) -> Script:
    return _read(version_id)


def _read(version_id: int) -> Script:
    questions = Question.objects.filter(version=version_id).prefetch_related("choices__interest")
    return Script(tuple(item(question, list(question.choices.all())) for question in questions))


def item(question: Question, choices: list[Choice]) -> Item:
    """A question with its choices, saved or not."""
    return Item(
        id=question.pk or 0,
        code=question.code,
        kind=question.kind,
        texts={code: getattr(question, f"text_{code}") for code in LANGUAGES},
        options=tuple(option(choice) for choice in choices),
        low=question.low,
        high=question.high,
        is_screening=question.is_screening,
        then=question.then,
    )


def option(choice: Choice) -> Option:
    """A choice, saved or not."""
    return Option(
        value=choice.value,
        texts={code: getattr(choice, f"text_{code}") for code in LANGUAGES},
        low=choice.low,
        high=choice.high,
        then=choice.then,
        fact=choice.fact_id,
        fact_value=choice.fact_value,
        interest_bit=choice.interest.bit if choice.interest else None,
    )
