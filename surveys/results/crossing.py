"""Two things at once: a question by another, by town, age, gender …, and whether they go together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from enrollment.models import Channel, Language, Town
from surveys.models import Survey
from surveys.models.questions import Question
from surveys.results import figures
from surveys.results.filters import BAND, UNKNOWN, Filters, band_label, gender_label
from surveys.results.questions import Asked
from surveys.results.raking import Raked
from surveys.results.statistics import Test, independence, kish

# What people are known by: its column over `r`.
PARTS = {
    "town": f"COALESCE(r.town_id, {UNKNOWN})",
    "age": BAND,
    "gender": "r.gender",
    "language": "r.language",
    "channel": "r.channel",
}
MOST_COLUMNS = 60


@dataclass(slots=True)
class CrossRow:
    """An answer's row: counts a column, and the column's per cents."""

    label: str
    counts: list[float]
    shares: list[float]
    test: Test | None = None  # of several choices: this one chosen or not


@dataclass(slots=True)
class Crossed:
    """A cross-table. For a question of several choices a column's per cents may add up to more than a hundred."""

    columns: list[str] = field(default_factory=list)
    totals: list[float] = field(default_factory=list)  # people in each column
    lines: list[CrossRow] = field(default_factory=list)
    people: int = 0
    effective: float = 0.0
    test: Test | None = None  # None: nothing to compare, or a test a choice
    is_several: bool = False
    columns_overlap: bool = False  # the columns are choices of which each may have several: not tested


def cross(survey: Survey, row: Asked, by: Asked | str, filters: Filters, raked: Raked | None = None) -> Crossed:
    """Cross a question with another or with what people are known by."""
    statement, given = statement_of(survey, row, by, filters, raked)
    counted = figures.rows(statement, given)
    found = Crossed(is_several=row.is_several, columns_overlap=isinstance(by, Asked) and by.is_several)
    people: dict[Any, float] = {}
    cells: dict[tuple[int, Any], float] = {}
    squares = 0.0
    for value, other, count, weight, square in counted:
        found.people += count
        squares += float(square)
        for column in figures.chosen(by, other) if isinstance(by, Asked) else [other]:
            people[column] = people.get(column, 0.0) + float(weight)
            for key in figures.chosen(row, value):
                cells[key, column] = cells.get((key, column), 0.0) + float(weight)
    whole = sum(float(weight) for _value, _other, _count, weight, _square in counted)
    found.effective = kish(whole, squares)
    keys = _ordered(by, people)
    found.columns = [_label(by)(key) for key in keys]
    found.totals = [people[key] for key in keys]
    effective = found.effective if raked is not None else None
    for key in row.choices():
        line = [cells.get((key, column), 0.0) for column in keys]
        shares = [100 * count / total for count, total in zip(line, found.totals, strict=True)]
        found.lines.append(CrossRow(row.label(key), line, shares))
    if not found.columns_overlap:
        _test(found, effective)
    return found


def _test(found: Crossed, effective: float | None) -> None:
    if not found.is_several:
        found.test = independence([line.counts for line in found.lines], effective=effective)
        return
    for line in found.lines:
        others = [total - count for count, total in zip(line.counts, found.totals, strict=True)]
        line.test = independence([line.counts, others], effective=effective)


def statement_of(
    survey: Survey, row: Asked, by: Asked | str, filters: Filters, raked: Raked | None
) -> tuple[str, dict[str, Any]]:
    """The one pass over the answers of a question, and its parameters."""
    where, given = filters.condition()
    given |= {"survey": survey.pk, "row": list(row.ids)}
    weights = ""
    if raked is not None:
        weights = figures.WEIGHTS.format(band=BAND)
        given |= figures.weights_given(raked)
    if isinstance(by, Asked):
        given["by"] = list(by.ids)
        other = _value("b", by)
        join = "JOIN surveys_answer b ON b.response_id = a.response_id AND b.question_id = ANY(%(by)s)"
    else:
        other, join = PARTS[by], ""
    sums = "count(*), count(*)" if raked is None else "sum(w.w), sum(w.w * w.w)"
    return (
        f"SELECT {_value('a', row)}, {other}, count(*), {sums} FROM surveys_answer a {join}"
        f" JOIN surveys_response r ON r.id = a.response_id AND r.survey_id = %(survey)s AND {where} {weights}"
        " WHERE a.question_id = ANY(%(row)s) GROUP BY 1, 2",
        given,
    )


def _value(table: str, one: Asked) -> str:
    if one.step == 1:
        return f"{table}.value"
    return f"{one.item.low} + ({table}.value - {one.item.low}) / {one.step} * {one.step}"


def _ordered(by: Asked | str, people: dict[Any, float]) -> list[Any]:
    """Questions' keys and bands in their order, the rest the largest first."""
    if isinstance(by, Asked):
        return [key for key in by.choices() if people.get(key)]
    if by == "age":
        return sorted(people, key=lambda band: (band == UNKNOWN, band))
    return sorted(people, key=lambda key: (-people[key], str(key)))[:MOST_COLUMNS]


def _label(by: Asked | str) -> Callable[[Any], str]:
    if isinstance(by, Asked):
        return by.label
    if by == "town":
        towns = {town.pk: str(town) for town in Town.objects.all()}
        return lambda key: towns.get(key) or band_label(UNKNOWN)
    if by == "age":
        return band_label
    if by == "gender":
        return gender_label
    names: dict[str, Any] = dict((Language if by == "language" else Channel).choices)
    return lambda key: str(names.get(key, key))


def crossable(asked: Sequence[Asked]) -> list[Asked]:
    """Questions that can be crossed: all but texts."""
    return [one for one in asked if one.kind != Question.Kind.TEXT]
