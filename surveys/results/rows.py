"""Answers as a table, one row a response: streamed from the database, without anything that leads to a person (M6).

There is no subscriber, no response's id, no instant: a day, how long it took, an age band. Rows come in an order drawn
for each file, so that a row's number says nothing either.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from secrets import randbits
from typing import Any

from django.db import connection
from django.utils import translation
from django.utils.translation import gettext as _

from core.lib.logs import mask_numbers
from enrollment.models import Channel, Language, Town
from surveys.models import Response, Survey
from surveys.results import figures
from surveys.results.filters import AGES, BAND, GENDERS, UNKNOWN, Filters, band_label, gender_label
from surveys.results.questions import Asked, Kind
from surveys.results.raking import Raked

AT_ONCE = 2_000
Value = float | str | None
_STATES, _LANGUAGES, _CHANNELS = list(Response.State), list(Language), list(Channel)


@dataclass(slots=True)
class Column:
    """A column: its name for SPSS, its heading, what its numbers mean. `is_text`: free words, `width` bytes at most."""

    name: str
    heading: str
    labels: dict[int, str] = field(default_factory=dict)
    is_text: bool = False
    width: int = 0

    def worded(self, value: Value) -> Value:
        """A value as CSV and XLSX tell it: in words where there are words for it."""
        return self.labels.get(int(value), value) if self.labels and isinstance(value, (int, float)) else value


def columns(survey: Survey, asked: Sequence[Asked], language: str, raked: Raked | None = None) -> list[Column]:
    """The columns of a survey's table, in the reader's language."""
    with translation.override(language):
        found = [
            Column("row", _("row")),
            Column("day", _("day"), is_text=True, width=10),
            Column("seconds", _("seconds taken")),
            Column("state", _("state"), {place: str(one.label) for place, one in enumerate(_STATES, 1)}),
            Column("fast", _("suspiciously fast"), {0: _("No"), 1: _("Yes")}),
            Column("version", _("version")),
            Column("language", _("language"), {place: str(one.label) for place, one in enumerate(_LANGUAGES, 1)}),
            Column("channel", _("answered by"), {place: str(one.label) for place, one in enumerate(_CHANNELS, 1)}),
            Column("town", _("town"), {town.pk: str(town) for town in Town.objects.all()}),
            Column("age", _("age"), {band: band_label(band) for band in (UNKNOWN, *range(len(AGES) + 1))}),
            Column("gender", _("gender"), {place: gender_label(one) for place, one in enumerate(GENDERS, 1)}),
        ]
        if raked is not None:
            found.append(Column("weight", _("weight")))
        names = {column.name for column in found}
        widths = _widths(asked)
        for one in asked:
            found += _of_question(one, names, widths.get(one.code, 1))
        return found


def _of_question(one: Asked, names: set[str], width: int) -> Iterator[Column]:
    name = _free(f"q_{one.code}", names)
    heading = f"{one.code}: {one.text()}"
    if one.kind == Kind.TEXT:
        yield Column(name, heading, is_text=True, width=width)
    elif one.is_several:
        for key in one.choices():
            yield Column(_free(f"{name}_{key}", names), f"{heading}: {one.label(key)}", {0: _("No"), 1: _("Yes")})
    else:
        labels = {} if one.is_measured else {key: one.label(key) for key in one.choices()}
        yield Column(name, heading, labels)
    yield Column(_free(f"{name}_s", names), f"{one.code}: {_('seconds taken')}")


def _free(name: str, taken: set[str]) -> str:
    """A name SPSS takes, that no other column has."""
    name = name.replace("-", "_").lower()
    found, number = name, 2
    while found in taken:
        found, number = f"{name}{number}", number + 1
    taken.add(found)
    return found


def _widths(asked: Sequence[Asked]) -> dict[str, int]:
    texts = {pk: one.code for one in asked if one.kind == Kind.TEXT for pk in one.ids}
    if not texts:
        return {}
    statement = (
        "SELECT question_id, max(octet_length(text)) FROM surveys_answer WHERE question_id = ANY(%(ids)s) GROUP BY 1"
    )
    found: dict[str, int] = {}
    for pk, width in figures.rows(statement, {"ids": list(texts)}):
        found[texts[pk]] = max(found.get(texts[pk], 1), width or 1)
    return found


def count(survey: Survey, filters: Filters) -> int:
    """How many rows there are."""
    where, given = filters.condition()
    statement = f"SELECT count(*) FROM surveys_response r WHERE r.survey_id = %(survey)s AND {where}"
    return int(figures.rows(statement, {**given, "survey": survey.pk})[0][0])


def rows(survey: Survey, asked: Sequence[Asked], filters: Filters, raked: Raked | None = None) -> Iterator[list[Value]]:
    """The table's rows, in chunks from a cursor of the server's: what is read takes the same memory however many."""
    statement, given = _statement(survey, asked, filters)
    weights = raked.weights if raked is not None else None
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, given)
        number = 0
        while chunk := cursor.fetchmany(AT_ONCE):
            for found in chunk:
                number += 1
                yield _row(number, found, asked, weights)


def _statement(survey: Survey, asked: Sequence[Asked], filters: Filters) -> tuple[str, dict[str, Any]]:
    """Each response with its answers looked up by their index (answer_once): no plan of a join can be worse."""
    where, given = filters.condition()
    given |= {"survey": survey.pk, "seed": randbits(62)}
    answers = []
    for place, one in enumerate(asked):
        given[f"q{place}"] = list(one.ids)
        column = "a.text" if one.kind == Kind.TEXT else "a.value"
        answers.append(f"max({column}) FILTER (WHERE a.question_id = ANY(%(q{place})s))")
        answers.append(f"max(a.took_ms) FILTER (WHERE a.question_id = ANY(%(q{place})s))")
    return (
        f"""
        SELECT to_char(r.started_at AT TIME ZONE 'Asia/Almaty', 'YYYY-MM-DD'),
               extract(epoch FROM r.ended_at - r.started_at)::bigint, r.state, r.is_fast,
               (SELECT v.number FROM surveys_version v WHERE v.id = r.version_id), r.language, r.channel, r.town_id,
               {BAND}, r.gender, answers.*
        FROM surveys_response r
        CROSS JOIN LATERAL (
            SELECT {", ".join(answers)} FROM surveys_answer a WHERE a.response_id = r.id
        ) answers
        WHERE r.survey_id = %(survey)s AND {where}
        ORDER BY hashint8extended(r.id, %(seed)s)
        """,
        given,
    )


def _row(number: int, found: Sequence[Any], asked: Sequence[Asked], weights: Any) -> list[Value]:
    day, seconds, state, is_fast, version, language, channel, town, band, gender, *answers = found
    row: list[Value] = [
        number, day, seconds, _STATES.index(state) + 1, int(is_fast), version, _LANGUAGES.index(language) + 1,
        _CHANNELS.index(channel) + 1, town, band, GENDERS.index(gender) + 1,
    ]  # fmt: skip
    if weights is not None:
        row.append(round(weights.get((town or -1, band, gender), 0.0), 6))
    for place, one in enumerate(asked):
        value, took = answers[2 * place], answers[2 * place + 1]
        if one.kind == Kind.TEXT:
            row.append(None if value is None else mask_numbers(value))
        elif one.is_several:
            row += [None if value is None else value >> key & 1 for key in one.choices()]
        else:
            row.append(value)
        row.append(None if took is None else round(took / 1000, 1))
    return row


def coded(columns: Sequence[Column], rows: Iterator[list[Value]]) -> Iterator[list[Value]]:
    """The table as programs read it: the columns' names, then every row as it is kept."""
    yield [column.name for column in columns]
    yield from rows


def legend(columns: Sequence[Column], language: str) -> Iterator[list[Value]]:
    """What the columns are called and what their numbers mean: a row each number, one for a column without any."""
    with translation.override(language):
        heading: list[Value] = [_("code"), _("question"), _("value"), _("label")]
    yield heading
    for column in columns:
        for value, label in column.labels.items() or [(None, None)]:
            yield [column.name, column.heading, value, label]


def worded(columns: Sequence[Column], rows: Iterator[list[Value]]) -> Iterator[list[Value]]:
    """The table as people read it: headings, then every row in words."""
    yield [column.heading for column in columns]
    for row in rows:
        yield [column.worded(value) for column, value in zip(columns, row, strict=True)]
