"""A definition as SQL: members who fit, who agreed, and why others are left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from core.lib import astana
from enrollment.audience import registry
from enrollment.audience.condition import Audience
from enrollment.models import Channel, Consents, Purpose


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A reason to leave a fitting member out: `test` over s and m, with what must be LEFT JOINed for it."""

    code: str
    test: str
    join: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Selection:
    """`FROM … WHERE …` over `s` (enrollment_subscriber) and `m` (the open membership), and its parameters."""

    sql: str
    given: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Counts:
    """How many fit, how many are left out by the first reason that holds, how many may be reached."""

    matched: int
    excluded: dict[str, int]
    split: dict[str, int] = field(default_factory=dict)  # those that may be reached, by what the asker split them by

    @property
    def reachable(self) -> int:
        """Who fits and is not left out."""
        return self.matched - sum(self.excluded.values())


def fitting(audience: Audience, *, now: datetime, joins: str = "") -> Selection:
    """Members who fit, whether or not they agreed to anything: to be counted, never to be written to."""
    tests, given = _tests(audience, now)
    where = " AND ".join(["m.left_at IS NULL", "s.ended_at IS NULL", *tests])
    return Selection(
        f"FROM enrollment_membership m JOIN enrollment_subscriber s ON s.id = m.subscriber_id {joins} WHERE {where}",
        given,
    )


def reachable(
    audience: Audience,
    *,
    purpose: Purpose,
    channels: Sequence[Channel],
    now: datetime,
    exclusions: Sequence[Exclusion] = (),
    first: int | None = None,
    after: int | None = None,
    also: str = "",
) -> Selection:
    """Members who fit, agreed to the purpose on one of the channels and are not left out (M2).

    With `first` and `after`, of subscribers in [first, after) only. `also` is what the asker joins of its own.
    """
    found = fitting(audience, now=now, joins=" ".join([*(exclusion.join for exclusion in exclusions), also]))
    given = {**found.given, "consents": mask(purpose, channels)}
    sql = f"{found.sql} AND m.consents & %(consents)s <> 0"
    for exclusion in exclusions:
        sql += f" AND ({exclusion.test}) IS NOT TRUE"
        given |= exclusion.given
    if first is not None:
        sql += " AND m.subscriber_id >= %(first)s AND m.subscriber_id < %(after)s"
        given |= {"first": first, "after": after}
    return Selection(sql, given)


def count(
    audience: Audience,
    *,
    purpose: Purpose,
    channels: Sequence[Channel],
    now: datetime,
    exclusions: Sequence[Exclusion] = (),
    before: str = "",
    split: str = "''",
) -> Counts:
    """Count who fits, and who of them is left out why: no consent first, then the exclusions in their order.

    `before` are WITH queries that the exclusions' tests use; `split` an expression over s and m, in text.
    """
    found = fitting(audience, now=now, joins=" ".join(exclusion.join for exclusion in exclusions))
    given = {**found.given, "consents": mask(purpose, channels)}
    cases = ["WHEN m.consents & %(consents)s = 0 THEN 'no_consent'"]
    for exclusion in exclusions:
        cases.append(f"WHEN {exclusion.test} THEN '{exclusion.code}'")
        given |= exclusion.given
    with connection.cursor() as cursor:
        ahead = f"WITH {before} " if before else ""
        cursor.execute(
            f"{ahead}SELECT CASE {' '.join(cases)} ELSE '' END AS why, {split} AS part, count(*) {found.sql}"
            " GROUP BY 1, 2 ORDER BY 1, 2",
            given,
        )
        rows = cursor.fetchall()
    excluded: dict[str, int] = {}
    for why, _part, number in rows:
        if why:
            excluded[why] = excluded.get(why, 0) + number
    return Counts(
        matched=sum(number for _why, _part, number in rows),
        excluded=excluded,
        split={part: number for why, part, number in rows if not why},
    )


def mask(purpose: Purpose, channels: Sequence[Channel]) -> int:
    """The bits of Membership.consents, one of which must be set."""
    bits = Consents.NONE
    for channel in channels:
        bits |= Consents.of(purpose, channel)
    return int(bits)


def _tests(audience: Audience, now: datetime) -> tuple[list[str], dict[str, Any]]:
    this_month = astana.month_of(now)
    given: dict[str, Any] = {"now": now, "this_month": this_month, "last_month": astana.previous_month(this_month)}
    tests: list[str] = []
    for condition in registry.asked(audience):
        test, values = condition.sql(audience, now)
        tests.append(f"({test})")
        given |= values
    return tests, given
