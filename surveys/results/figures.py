"""A survey's figures, counted in the database in a fixed number of statements: how far people came, what they answered.

What is grouped many ways afterwards (values, times, bit masks) is some hundreds of cells, never a row an answer.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import exp
from typing import Any

from django.core.cache import cache
from django.db import connection

from core.lib import intervals
from enrollment.audience import definition, selection
from surveys.models import Response, Survey
from surveys.results.filters import AGES, BAND, UNKNOWN, Filters
from surveys.results.questions import Asked
from surveys.results.raking import Cell, Raked, rake
from surveys.results.statistics import kish

State = Response.State
_BASE_SECONDS = 600
_TIMES = 12  # steps a time's logarithm is cut into: a median read from them is off by 4 % at most


@dataclass(slots=True)
class QuestionReach:
    """How far people came with one question: who was asked it, answered it, and was asked it last."""

    code: str
    answered: int = 0
    left_here: int = 0  # asked last and not answered: dropped out, or still to answer
    screened_here: int = 0
    median_ms: float | None = None

    @property
    def asked(self) -> int:
        """Everybody it was shown to."""
        return self.answered + self.left_here


@dataclass(slots=True)
class Funnel:
    """How far people came. `begun` is the sum of the states."""

    invited: int = 0
    states: dict[str, int] = field(default_factory=dict)
    fast: int = 0
    median_seconds: float | None = None
    by_question: list[QuestionReach] = field(default_factory=list)

    @property
    def begun(self) -> int:
        """Everybody who began."""
        return sum(self.states.values())

    def count(self, state: str) -> int:
        """How many ended so."""
        return self.states.get(state, 0)

    @property
    def completed(self) -> int:
        """How many answered all they were asked."""
        return self.count(State.COMPLETED)

    @property
    def completion(self) -> float:
        """Completed, of those who began and were wanted (neither screened out nor of a full group)."""
        wanted = self.begun - self.count(State.SCREENED_OUT) - self.count(State.FULL)
        return self.completed / wanted if wanted else 0.0


@dataclass(slots=True)
class AnswerShare:
    """One answer of a question: how many gave it (weighted), its share and the share's 95 % interval."""

    key: int
    count: float
    share: float
    low: float
    high: float


@dataclass(slots=True)
class Told:
    """What was answered to one question. `effective` is the sample size that the intervals are of."""

    asked: Asked
    answered: int
    weighted: float
    effective: float
    rows: list[AnswerShare]
    mean: tuple[float, float, float] | None = None
    nps: tuple[float, float, float] | None = None
    groups: tuple[float, float, float] | None = None  # promoters, passives, detractors


_TOTALS = """
SELECT r.state, r.is_fast, r.asked, CASE WHEN r.state = 'screened_out' THEN r.path[cardinality(r.path)] END, count(*)
FROM surveys_response r WHERE r.survey_id = %(survey)s AND {where} GROUP BY 1, 2, 3, 4
"""
_MEDIAN = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM r.ended_at - r.started_at)::float8)
FROM surveys_response r WHERE r.survey_id = %(survey)s AND r.state = 'completed' AND {where}
"""
_ANSWERS = """
SELECT grouping(val, took), question_id, val, took, count(*), {sums} FROM (
    SELECT a.question_id, {val} AS val, floor(ln(a.took_ms + 1) * {times})::int AS took, {weight}
    FROM surveys_answer a {joins} WHERE a.question_id = ANY(%(questions)s)
) one GROUP BY GROUPING SETS ((question_id, val), (question_id, took))
"""
_BY_VALUE, _BY_TIME = 0b01, 0b10
_CELLS = f"""
SELECT COALESCE(r.town_id, -1), {BAND}, r.gender, count(*)
FROM surveys_response r WHERE r.survey_id = %(survey)s AND {{where}} GROUP BY 1, 2, 3
"""
_BASE = f"""
SELECT COALESCE(s.town_id, -1), COALESCE(width_bucket(date_part('year', age(%(today)s, s.birth_date))::int,
       ARRAY[{", ".join(map(str, AGES))}]), {UNKNOWN}), s.gender, count(*) {{people}} GROUP BY 1, 2, 3
"""
WEIGHTS = """JOIN unnest(%(w_towns)s::bigint[], %(w_bands)s::int[], %(w_genders)s::text[], %(w_weights)s::float8[])
    AS w(town, band, gender, w) ON w.town = COALESCE(r.town_id, -1) AND w.band = {band} AND w.gender = r.gender"""


def rows(statement: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Ask the database."""
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return cursor.fetchall()


def positional(statement: str, given: dict[str, Any]) -> tuple[str, list[Any]]:
    """A statement with its parameters in order, as Django's RawSQL takes it."""
    names = re.findall(r"%\((\w+)\)s", statement)
    return re.sub(r"%\(\w+\)s", "%s", statement), [given[name] for name in names]


def funnel(survey: Survey, asked: Sequence[Asked], filters: Filters, answers: "Answers | None" = None) -> Funnel:
    """How far people came; invitations are all of the survey's, whatever is filtered."""
    where, given = filters.condition()
    given["survey"] = survey.pk
    found = Funnel(invited=survey.invited, by_question=[QuestionReach(one.code) for one in asked])
    standing = {one.code: one for one in found.by_question}
    for state, is_fast, waiting, screened, count in rows(_TOTALS.format(where=where), given):
        found.states[state] = found.states.get(state, 0) + count
        found.fast += count if is_fast else 0
        if waiting in standing:
            standing[waiting].left_here += count
        if screened in standing:
            standing[screened].screened_here += count
    ((found.median_seconds,),) = rows(_MEDIAN.format(where=where), given)
    for one in asked if answers is not None else ():
        standing[one.code].answered = answers.answered(one)  # type: ignore[union-attr]
        standing[one.code].median_ms = answers.median_ms(one)  # type: ignore[union-attr]
    return found


@dataclass(slots=True)
class Answers:
    """Every question's answers, grouped by value and by time, as the database counted them."""

    by_value: dict[int, dict[int | None, tuple[int, float, float]]]  # question's id → value → (n, Σw, Σw²)
    by_time: dict[int, dict[int, int]]
    sums: dict[int, tuple[float, float]]  # question's id → (Σw·value, Σw·value²)

    def answered(self, one: Asked) -> int:
        """How many answered it."""
        return sum(count for pk in one.ids for count, _w, _squares in self.by_value.get(pk, {}).values())

    def median_ms(self, one: Asked) -> float | None:
        """The median time to answer."""
        times: dict[int, int] = {}
        for pk in one.ids:
            for step, count in self.by_time.get(pk, {}).items():
                times[step] = times.get(step, 0) + count
        half, passed = sum(times.values()) / 2, 0.0
        for step in sorted(times):
            if passed + times[step] >= half:
                return exp((step + (half - passed) / times[step]) / _TIMES) - 1
            passed += times[step]
        return None

    def told(self, one: Asked) -> Told:
        """What was answered, with intervals."""
        values: dict[int | None, tuple[int, float, float]] = {}
        for pk in one.ids:
            for value, (n, weight, squares) in self.by_value.get(pk, {}).items():
                before = values.get(value, (0, 0.0, 0.0))
                values[value] = (before[0] + n, before[1] + weight, before[2] + squares)
        weighted = sum(weight for _n, weight, _squares in values.values())
        effective = kish(weighted, sum(squares for _n, _w, squares in values.values()))
        counts: dict[int, float] = dict.fromkeys(one.choices(), 0.0)
        for value, (_n, share_of, _squares) in values.items():
            for key in chosen(one, value):
                counts[key] = counts.get(key, 0.0) + share_of
        found = Told(one, self.answered(one), weighted, effective, [])
        for key, count in counts.items():
            share, low, high = intervals.share(effective * count / weighted if weighted else 0, effective)
            found.rows.append(AnswerShare(key, count, share, low, high))
        if one.is_measured and weighted:
            total, of_squares = self._sums(one, values)
            scale = effective / weighted
            found.mean = intervals.mean(total * scale, of_squares * scale, effective)
        if one.is_nps and weighted:
            good = sum(count for key, count in counts.items() if key >= 9)
            bad = sum(count for key, count in counts.items() if key <= 6)
            found.groups = (good, weighted - good - bad, bad)
            found.nps = intervals.nps(effective * good / weighted, effective * bad / weighted, effective)
        return found

    def _sums(self, one: Asked, values: dict[int | None, tuple[int, float, float]]) -> tuple[float, float]:
        """Of the values and of their squares; where values are grouped into bands, as the database summed them."""
        if one.step > 1:
            found = [self.sums.get(pk, (0.0, 0.0)) for pk in one.ids]
            return sum(total for total, _squares in found), sum(squares for _total, squares in found)
        known = [(value, weight) for value, (_n, weight, _squares) in values.items() if value is not None]
        return sum(value * weight for value, weight in known), sum(value * value * weight for value, weight in known)


def chosen(one: Asked, value: int | None) -> list[int]:
    """The keys an answer stands for: one, or each bit's."""
    if value is None:
        return []
    if one.is_several:
        return [key for key in range(1, value.bit_length()) if value >> key & 1]
    return [value]


def answers(survey: Survey, asked: Sequence[Asked], filters: Filters, raked: Raked | None = None) -> Answers:
    """Count every question's answers in one pass. Without filters the answers' index alone is read."""
    statement, given = answers_statement(survey, asked, filters, raked)
    found = Answers({}, {}, {})
    for bits, question, value, took, count, weight, squares, total, of_squares in rows(statement, given):
        if bits == _BY_VALUE:
            found.by_value.setdefault(question, {})[value] = (count, float(weight), float(squares))
            before = found.sums.get(question, (0.0, 0.0))
            found.sums[question] = (before[0] + float(total or 0), before[1] + float(of_squares or 0))
        elif bits == _BY_TIME:
            found.by_time.setdefault(question, {})[took] = count
    return found


def answers_statement(
    survey: Survey, asked: Sequence[Asked], filters: Filters, raked: Raked | None = None
) -> tuple[str, dict[str, Any]]:
    """The one pass over the answers, and its parameters."""
    given: dict[str, Any] = {"questions": [pk for one in asked for pk in one.ids]}
    joins, weight = "", "1 AS w"
    if not filters.is_all:
        where, more = filters.condition()
        joins = f"JOIN surveys_response r ON r.id = a.response_id AND r.survey_id = %(survey)s AND {where}"
        given |= {**more, "survey": survey.pk}
    if raked is not None:
        joins = f"{joins} {WEIGHTS.format(band=BAND)}"
        given |= weights_given(raked)
        weight = "w.w AS w"
    wide = [one for one in asked if one.step > 1]
    sums = "count(*), count(*)" if raked is None else "sum(w), sum(w * w)"
    sums += ", sum(w * exact), sum(w * exact * exact)" if wide else ", NULL::float8, NULL::float8"
    exact = "a.value::float8" if wide else "NULL::float8"
    statement = _ANSWERS.format(
        val=_banded(wide), times=_TIMES, weight=f"{weight}, {exact} AS exact", joins=joins, sums=sums
    )
    return statement, given


def _banded(wide: Sequence[Asked]) -> str:
    """A value as it is grouped: itself, or its band's lower end."""
    if not wide:
        return "a.value"
    cases = [
        f"WHEN a.question_id IN ({', '.join(map(str, one.ids))})"
        f" THEN {one.item.low} + (a.value - {one.item.low}) / {one.step} * {one.step}"
        for one in wide
    ]
    return f"CASE {' '.join(cases)} ELSE a.value END"


def weights(survey: Survey, filters: Filters, *, now: datetime) -> Raked:
    """Weights of the completed responses that the filters leave, to the members' (or the audience's) margins."""
    where, given = filters.condition()
    answered = _cells(rows(_CELLS.format(where=where), {**given, "survey": survey.pk}))
    members = base(survey, filters, now=now)
    return rake(answered, {cell: count for cell, count in members.items() if _is_asked_for(cell, filters)})


def _is_asked_for(cell: Cell, filters: Filters) -> bool:
    """Members of the towns, ages and genders that are read: whoever is filtered out is not missing."""
    asked_for = zip(cell, (filters.towns, filters.ages, filters.genders), strict=True)
    return all(not which or part in which for part, which in asked_for)


def base(survey: Survey, filters: Filters, *, now: datetime) -> dict[Cell, int]:
    """The members to weigh to, by cell: counted once in a while, for a large base takes seconds."""
    key = _base_key(survey, filters)
    found: dict[Cell, int] | None = cache.get(key)
    if found is None:
        people = selection.fitting(definition.parse(_audience(survey, filters)), now=now)
        found = _cells(rows(_BASE.format(people=people.sql), {**people.given, "today": now}))
        cache.set(key, found, _BASE_SECONDS)
    return found


def base_is_known(survey: Survey, filters: Filters) -> bool:
    """True when the members need not be counted."""
    return cache.get(_base_key(survey, filters)) is not None


def _base_key(survey: Survey, filters: Filters) -> str:
    told = json.dumps(_audience(survey, filters), sort_keys=True)
    return f"survey-base:{hashlib.sha256(told.encode()).hexdigest()}"


def _audience(survey: Survey, filters: Filters) -> dict[str, Any]:
    return survey.audience if filters.weights == "audience" else {}


def _cells(found: list[tuple[Any, ...]]) -> dict[Cell, int]:
    return {(town, band, gender): count for town, band, gender, count in found}


def weights_given(raked: Raked) -> dict[str, Any]:
    """The weights as a statement takes them."""
    cells = list(raked.weights.items())
    return {
        "w_towns": [cell[0] for cell, _w in cells],
        "w_bands": [cell[1] for cell, _w in cells],
        "w_genders": [cell[2] for cell, _w in cells],
        "w_weights": [weight for _cell, weight in cells],
    }
