"""A member's age in whole years, on the Astana day."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.lib import astana
from enrollment.audience.condition import Audience, Condition, Number, Test
from enrollment.audience.words import span

OLDEST = 120


def _ends(audience: Audience) -> tuple[int | None, int | None]:
    return audience.number("age_from"), audience.number("age_to")


def _contradiction(audience: Audience) -> str:
    low, high = _ends(audience)
    return _("the ages end before they begin") if low is not None and high is not None and low > high else ""


def _sql(audience: Audience, now: datetime) -> Test:
    low, high = _ends(audience)
    today = astana.day_of(now)
    tests: list[str] = []
    given: dict[str, Any] = {}
    if low is not None:
        tests.append("s.birth_date <= %(age_born_by)s")
        given["age_born_by"] = astana.years_before(today, low)
    if high is not None:
        tests.append("s.birth_date > %(age_born_after)s")
        given["age_born_after"] = astana.years_before(today, high + 1)
    return " AND ".join(tests), given


def _words(audience: Audience) -> str:
    return span(
        *_ends(audience),
        both=_("aged %(low)s to %(high)s"),
        least=_("aged %(low)s or more"),
        most=_("aged up to %(high)s"),
    )


CONDITION = Condition(
    place=40,
    line=2,
    fields=(
        Number("age_from", gettext_lazy("youngest age"), gettext_lazy("aged from"), OLDEST),
        Number("age_to", gettext_lazy("oldest age"), gettext_lazy("up to"), OLDEST),
    ),
    meaning="Is so many whole years old today in Astana, both ends included. Without a birth date nobody fits (M7).",
    sql=_sql,
    words=_words,
    contradiction=_contradiction,
)
