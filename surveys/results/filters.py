"""Whose answers are read: the page's query as a condition over responses, and in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from core.lib import astana
from core.staff.dates import day
from enrollment.models import Channel, Language, Subscriber, Town
from surveys.models.questions import Question
from surveys.results.questions import Asked

AGES = (18, 25, 35, 45, 55, 65)
UNKNOWN = -1
# A response's age band; over `r`.
BAND = f"COALESCE(width_bucket(r.age, ARRAY[{', '.join(map(str, AGES))}]), {UNKNOWN})"
GENDERS = ("m", "f", "")


def band_label(band: int) -> str:
    """An age band in words."""
    if band == UNKNOWN:
        return _("not known")
    if band == 0:
        return _("under %(age)s") % {"age": AGES[0]}
    if band == len(AGES):
        return _("%(age)s and older") % {"age": AGES[-1]}
    return f"{AGES[band - 1]}–{AGES[band] - 1}"


def gender_label(gender: str) -> str:
    """A gender in words."""
    return str(Subscriber.Gender(gender).label) if gender else _("not known")


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for; empty means all. `weights` is "", "members" or "audience"."""

    towns: tuple[int, ...] = ()
    ages: tuple[int, ...] = ()
    genders: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    version: int | None = None
    since: date | None = None
    until: date | None = None
    without_fast: bool = False
    only_completed: bool = False
    answer: tuple[str, int] | None = None  # question's code, key
    weights: str = ""
    ids: tuple[int, ...] = field(default=(), compare=False)  # of the question answered so
    several: bool = field(default=False, compare=False)

    @property
    def is_all(self) -> bool:
        """True when every response is read, each counting one."""
        return replace(self, weights="") == Filters() and not self.weights

    def condition(self, *, r: str = "r") -> tuple[str, dict[str, Any]]:
        """The SQL condition over responses `r`, and its parameters."""
        tests: list[str] = ["TRUE"]
        given: dict[str, Any] = {}
        listed: tuple[tuple[str, str, Sequence[object]], ...] = (
            (f"{r}.town_id", "f_towns", self.towns),
            (BAND.replace("r.", f"{r}."), "f_ages", self.ages),
            (f"{r}.gender", "f_genders", self.genders),
            (f"{r}.language", "f_languages", self.languages),
            (f"{r}.channel", "f_channels", self.channels),
        )
        for column, name, values in listed:
            if values:
                tests.append(f"{column} = ANY(%({name})s)")
                given[name] = list(values)
        if self.version is not None:
            tests.append(
                f"{r}.version_id IN (SELECT v.id FROM surveys_version v"
                f" WHERE v.survey_id = {r}.survey_id AND v.number = %(f_version)s)"
            )
            given["f_version"] = self.version
        if self.since:
            tests.append(f"{r}.started_at >= %(f_since)s")
            given["f_since"] = astana.start_of(self.since)
        if self.until:
            tests.append(f"{r}.started_at < %(f_until)s")
            given["f_until"] = astana.start_of(self.until + timedelta(days=1))
        if self.without_fast:
            tests.append(f"NOT {r}.is_fast")
        if self.only_completed or self.weights:
            tests.append(f"{r}.state = 'completed'")
        if self.answer is not None:
            fits = "(f.value >> %(f_key)s) & 1 = 1" if self.several else "f.value = %(f_key)s"
            tests.append(
                f"EXISTS (SELECT FROM surveys_answer f WHERE f.response_id = {r}.id"
                f" AND f.question_id = ANY(%(f_ids)s) AND {fits})"
            )
            given |= {"f_key": self.answer[1], "f_ids": list(self.ids)}
        return " AND ".join(tests), given

    def query(self) -> str:
        """The address's query that says the same."""
        found = QueryDict(mutable=True)
        for name, values in (
            ("town", self.towns), ("age", self.ages), ("gender", [one or "u" for one in self.genders]),
            ("language", self.languages), ("channel", self.channels),
        ):  # fmt: skip
            found.setlist(name, [str(value) for value in values])
        single: Mapping[str, object] = {
            "version": self.version, "since": self.since, "until": self.until,
            "fast": "no" if self.without_fast else "", "among": "completed" if self.only_completed else "",
            "answer": f"{self.answer[0]}:{self.answer[1]}" if self.answer else "", "weights": self.weights,
        }  # fmt: skip
        for name, value in single.items():
            if value not in (None, ""):
                found[name] = str(value)
        return found.urlencode()

    def words(self, asked: Sequence[Asked]) -> list[str]:
        """What is filtered, a sentence piece each; empty: everything is read."""
        return list(self._words({one.code: one for one in asked}))

    def _words(self, asked: Mapping[str, Asked]) -> Iterator[str]:
        if self.towns:
            towns = Town.objects.in_bulk(self.towns)
            yield _("towns: %(which)s") % {"which": ", ".join(str(towns[pk]) for pk in self.towns if pk in towns)}
        if self.ages:
            yield _("age: %(which)s") % {"which": ", ".join(map(band_label, self.ages))}
        if self.genders:
            yield _("gender: %(which)s") % {"which": ", ".join(map(gender_label, self.genders))}
        if self.languages:
            yield _("language: %(which)s") % {"which": ", ".join(str(Language(one).label) for one in self.languages)}
        if self.channels:
            yield _("answered by: %(which)s") % {"which": ", ".join(str(Channel(one).label) for one in self.channels)}
        if self.version is not None:
            yield _("version %(number)s only") % {"number": self.version}
        if self.since:
            yield _("begun from %(day)s on") % {"day": day(self.since)}
        if self.until:
            yield _("begun until %(day)s") % {"day": day(self.until)}
        if self.without_fast:
            yield _("without suspiciously fast ones")
        if self.only_completed or self.weights:
            yield _("completed ones only")
        if self.answer is not None:
            code, key = self.answer
            yield _("who answered “%(answer)s” to “%(question)s”") % {
                "answer": asked[code].label(key), "question": asked[code].text()
            }  # fmt: skip


def parse(query: QueryDict, asked: Sequence[Asked]) -> Filters:
    """Read a page's query; what is not understood is left out."""
    codes = {one.code: one for one in asked}
    code, _colon, key = query.get("answer", "").partition(":")
    question = codes.get(code)
    answer = (code, int(key)) if question is not None and _is_number(key) and int(key) in question.choices() else None
    if question is not None and (question.kind == Question.Kind.TEXT or question.step > 1):
        answer = None
    genders = ["" if one == "u" else one for one in query.getlist("gender")]
    version, weights = query.get("version", ""), query.get("weights", "")
    return Filters(
        towns=_numbers(query.getlist("town")),
        ages=tuple(one for one in _numbers(query.getlist("age")) if one <= len(AGES)),
        genders=tuple(one for one in dict.fromkeys(genders) if one in GENDERS),
        languages=tuple(one for one in dict.fromkeys(query.getlist("language")) if one in Language.values),
        channels=tuple(one for one in dict.fromkeys(query.getlist("channel")) if one in Channel.values),
        version=int(version) if _is_number(version) else None,
        since=_day(query.get("since", "")),
        until=_day(query.get("until", "")),
        without_fast=query.get("fast") == "no",
        only_completed=query.get("among") == "completed",
        answer=answer,
        weights=weights if weights in ("members", "audience") else "",
        ids=question.ids if question is not None and answer is not None else (),
        several=question is not None and question.is_several,
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdecimal() and len(text) <= 9


def _numbers(texts: Sequence[str]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(int(one) for one in texts if _is_number(one) and int(one) >= UNKNOWN))


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2999 else None
