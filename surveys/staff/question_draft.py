"""A question as it stands in its form, finished or not: rows come and go, it is previewed, and at last it is saved."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from core.lib.languages import LANGUAGES
from core.lib.numbers import whole
from surveys.models import Choice, Question
from surveys.questionnaire import flow, scripts
from surveys.questionnaire.items import Item
from surveys.staff.question_context import Place
from surveys.staff.questions import CHOSEN, MOST_ROWS, RANGED, SCALES, Kind, QuestionForm, RowForm

_OF_ROW = ("text_kk", "text_ru", "text_en", "low", "high", "then", "tells", "interest")


class QuestionDraft:
    """A question as it stands in the form, finished or not: what was typed, its rows, and what may be done to them."""

    def __init__(self, place: Place, given: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        self.place, self.given = place, dict(given)
        published = place.published_value is not None
        kind = place.question.kind if published else str(given.get("kind"))
        self.kind = kind if kind in Kind.values else Kind.SINGLE
        self.given["kind"] = self.kind
        self.rows = [dict(row) for row in rows][:MOST_ROWS]
        self._fit_rows()

    @classmethod
    def of_question(cls, place: Place) -> "QuestionDraft":
        """As it is saved, or an empty one."""
        question = place.question
        given = {name: getattr(question, name) for name in ("kind", "low", "high", "is_screening", "then")}
        given |= {f"text_{code}": getattr(question, f"text_{code}") for code in LANGUAGES}
        if question.kind == Kind.SCALE:
            given["scale"] = f"{question.low}-{question.high}"
        return cls(place, given, [_row(choice) for choice in place.choices])

    @classmethod
    def of_post(cls, place: Place, posted: Mapping[str, Any]) -> "QuestionDraft":
        """As it was sent."""
        count = str(posted.get("rows", "0"))
        rows = [
            {name: posted.get(f"row-{number}-{name}", "") for name in ("value", *_OF_ROW)}
            for number in range(min(whole(count) or 0, MOST_ROWS))
        ]
        return cls(place, {name: posted.get(name, "") for name in QuestionForm.base_fields}, rows)

    def add_row(self) -> int:
        """One more choice or range; returns its place."""
        if len(self.rows) < MOST_ROWS:
            self.rows.append({})
        return len(self.rows) - 1

    def remove_row(self, number: int) -> None:
        """Take a choice or range out; two choices stay."""
        if 0 <= number < len(self.rows):
            del self.rows[number]
        self._fit_rows()

    def raise_row(self, number: int) -> None:
        """Let a choice change places with the one before it; published ones keep their keys, and so their order."""
        if self.kind in CHOSEN and self.place.published_value is None and 0 < number < len(self.rows):
            self.rows[number - 1], self.rows[number] = self.rows[number], self.rows[number - 1]

    def drop_what_is_empty(self) -> None:
        """After a change of kind: rows made for choices are no ranges until something is said in them."""
        if self.kind in RANGED:
            self.rows = [row for row in self.rows if str(row.get("low", "")) and str(row.get("high", ""))]

    def _fit_rows(self) -> None:
        if self.kind == Kind.TEXT:
            self.rows = []
        elif self.kind == Kind.YES_NO:
            by_value = {str(row.get("value")): row for row in self.rows}
            self.rows = [{**by_value.get(str(value), {}), "value": value} for value in (flow.YES, flow.NO)]
        elif self.kind in CHOSEN:
            self.rows += [{} for _missing in range(2 - len(self.rows))]

    # -- as forms

    def forms(self, *, is_bound: bool) -> tuple[QuestionForm, list[RowForm]]:
        """The forms of it; bound ones tell what is wrong."""
        place, kind = self.place, self.kind
        if not is_bound:
            return QuestionForm(initial=self.given, place=place, kind=kind), [
                RowForm(initial=row, prefix=f"row-{number}", place=place, kind=kind)
                for number, row in enumerate(self.rows)
            ]
        return QuestionForm(self.given, place=place, kind=kind), [
            RowForm(_prefixed(row, number), prefix=f"row-{number}", place=place, kind=kind)
            for number, row in enumerate(self.rows)
        ]

    def filled(self, main: QuestionForm, rows: Iterable[RowForm]) -> tuple[Question, list[Choice]]:
        """The question and its choices, not saved, from forms that are valid. Texts of languages not asked in stay."""
        question, given = self.place.question, main.cleaned_data
        for name in ("kind", "low", "high", "is_screening", "then"):
            setattr(question, name, given[name])
        for code in self.place.languages:
            setattr(question, f"text_{code}", given[f"text_{code}"])
        return question, self._choices([row.cleaned_data for row in rows])

    def is_too_long(self) -> bool:
        """True when a key would be greater than there are (keys that were published are given to nothing else)."""
        return max(self._values(self.rows), default=0) > MOST_ROWS

    def _choices(self, rows: Sequence[Mapping[str, Any]]) -> list[Choice]:
        values = self._values(rows)
        before = {choice.value: choice for choice in self.place.choices}
        found = []
        for value, row in zip(values, rows, strict=True):
            fact, _is, told = str(row.get("tells") or "").partition("=")
            choice = Choice(
                value=value,
                then=row.get("then") or "",
                fact_id=int(fact) if fact else None,
                fact_value=told[:40],
                interest_id=row.get("interest") or None,
            )
            if self.kind in CHOSEN:
                kept = before.get(int(row.get("value") or 0))
                for code in LANGUAGES:
                    name = f"text_{code}"
                    asked = code in self.place.languages
                    setattr(choice, name, row.get(name) or "" if asked else getattr(kept, name, ""))
            if self.kind in RANGED:
                choice.low, choice.high = row.get("low"), row.get("high")
            if self.kind != Kind.YES_NO or choice.then or choice.fact_id or choice.interest_id:
                found.append(choice)
        return found

    def _values(self, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        """Each row's key. One that was published stays; else they are counted from 1."""
        if self.kind == Kind.YES_NO:
            return [flow.YES, flow.NO]
        if self.kind in RANGED or self.place.published_value is None:
            return list(range(1, len(rows) + 1))
        known = {choice.value for choice in self.place.choices}
        most = max([*known, self.place.published_value])
        values: list[int] = []
        for row in rows:
            kept = _number(row.get("value")) or 0
            if kept not in known or kept in values:
                most += 1
                kept = most
            values.append(kept)
        return values

    # -- as it will be asked

    def item(self) -> Item:
        """The question as the flow reads it, whatever is missing or cannot be read; nothing is saved."""
        low, high = _number(self.given.get("low")), _number(self.given.get("high"))
        if self.kind == Kind.SCALE:
            smallest, _dash, largest = str(self.given.get("scale") or SCALES[0][0]).partition("-")
            low, high = _number(smallest), _number(largest)
        question = Question(
            pk=self.place.question.pk,
            code=self.place.question.code,
            kind=self.kind,
            low=(low or 0) if self.kind in RANGED else None,
            high=(high or 0) if self.kind in RANGED else None,
            then=str(self.given.get("then") or ""),
            is_screening=bool(self.given.get("is_screening")),
            **{f"text_{code}": _clean(self.given.get(f"text_{code}")) for code in LANGUAGES},
        )
        rows = [
            {
                "value": _number(row.get("value")),
                "then": row.get("then"),
                "low": _number(row.get("low")),
                "high": _number(row.get("high")),
                **{f"text_{code}": _clean(row.get(f"text_{code}")) for code in LANGUAGES},
            }
            for row in self.rows
        ]
        return scripts.item(question, self._choices(rows))


def _prefixed(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    return {f"row-{number}-{name}": value for name, value in row.items()}


def _row(choice: Choice) -> dict[str, Any]:
    row = {name: getattr(choice, name) for name in _OF_ROW if name not in ("tells", "interest")}
    return {
        **row,
        "value": choice.value,
        "tells": f"{choice.fact_id}={choice.fact_value}" if choice.fact_id else "",
        "interest": choice.interest_id or "",
    }


def _clean(value: Any) -> str:
    """As a CharField would have it."""
    return str(value or "").replace("\r\n", "\n").replace("\0", "").strip()


def _number(value: Any) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None
