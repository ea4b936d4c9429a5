"""A condition is one thing an audience may ask of its members, declared in one file (docs/recipes.md).

The form, the check of a saved definition, the sentence and the SQL are made from the declaration.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

Text = str | Promise
Value = tuple[str, ...] | int | bool


@dataclass(frozen=True, slots=True)
class Audience:
    """Members who fit everything said here; a field that is left empty is not asked about."""

    said: Mapping[str, Value] = field(default_factory=dict)

    def chosen(self, name: str) -> tuple[str, ...]:
        """The values of a Choice, none when it is not asked about."""
        value = self.said.get(name, ())
        return value if isinstance(value, tuple) else ()

    def number(self, name: str) -> int | None:
        """The value of a Number."""
        value = self.said.get(name)
        return value if isinstance(value, int) else None

    def to_json(self) -> dict[str, Any]:
        """What is saved; of yes-or-no questions, `traits` must hold and `not_traits` must not."""
        saved: dict[str, Any] = {}
        for name, value in self.said.items():
            if isinstance(value, bool):
                saved.setdefault("traits" if value else "not_traits", []).append(name)
            else:
                saved[name] = list(value) if isinstance(value, tuple) else value
        return saved


@dataclass(frozen=True, slots=True)
class Choice:
    """Several values of a list, one of which is enough."""

    name: str  # in a saved definition
    label: Text
    lead: Text  # the words before it in the form's sentence
    anything: Text  # stands there while nothing is chosen
    options: Callable[[], Iterable[tuple[str, str]]]  # (value, as it is read), in the reader's language
    known: Callable[[Collection[str]], Iterable[str]]  # those of the values that exist: others are refused
    is_open: bool = False  # a value that is no option any more may stay chosen


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number from 0 to `most`."""

    name: str
    label: Text
    lead: Text
    most: int
    unit: Text = ""  # the word behind it in the form's sentence


@dataclass(frozen=True, slots=True)
class YesNo:
    """A question that is answered yes, no or not at all."""

    name: str
    label: Text
    group: Text


Field = Choice | Number | YesNo
Test = tuple[str, dict[str, Any]]


def _nothing(audience: Audience) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Condition:
    """What is asked, how it is said, and the SQL it becomes; `place` orders the sentence, `line` the form.

    `sql` returns a boolean expression over `s` (enrollment_subscriber) and `m` (the open membership), and its
    parameters; `now`, `this_month` and `last_month` (dates, the first day) are always there. Parameters hold what a
    person typed, the expression never does; no other condition has parameters of the same names.
    """

    place: int
    fields: tuple[Field, ...]
    meaning: str  # what exactly is asked, for docs/reference.md
    sql: Callable[[Audience, datetime], Test]
    words: Callable[[Audience], str]
    line: int = 0
    contradiction: Callable[[Audience], str] = _nothing  # why the values cannot be together, "" when they can


def yes_no(*, place: int, code: str, label: Text, group: Text, test: str, meaning: str) -> Condition:
    """A condition that holds or does not: `test` is SQL without parameters of its own."""

    def sql(audience: Audience, now: datetime) -> Test:
        return (test if audience.said[code] else f"NOT ({test})"), {}

    def words(audience: Audience) -> str:
        return str(label) if audience.said[code] else _("not: %(trait)s") % {"trait": label}

    return Condition(place=place, fields=(YesNo(code, label, group),), meaning=meaning, sql=sql, words=words)
