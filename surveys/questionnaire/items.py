"""A question and its answers as the questionnaire's logic reads them: plain values, no database."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from surveys.models.questions import Question

_CHOSEN = (Question.Kind.SINGLE, Question.Kind.SEVERAL, Question.Kind.YES_NO)  # answered from a list


@dataclass(frozen=True, slots=True)
class Option:
    """One of a question's answers (surveys.models.Choice); of a number or a scale, a range of them."""

    value: int
    texts: Mapping[str, str] = field(default_factory=dict)
    low: int | None = None
    high: int | None = None
    then: str = ""
    fact: int | None = None
    fact_value: str = ""
    interest_bit: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    id: int
    code: str
    kind: str
    texts: Mapping[str, str]
    options: tuple[Option, ...] = ()
    low: int | None = None
    high: int | None = None
    is_screening: bool = False
    then: str = ""

    @property
    def has_choices(self) -> bool:
        """True when it is answered by choosing among what is listed."""
        return self.kind in _CHOSEN
