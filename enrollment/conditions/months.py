"""For how many months somebody has been a member without a break."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.lib import astana
from enrollment.audience.condition import Audience, Condition, Number, Test
from enrollment.audience.words import span

MOST = 1200


def _ends(audience: Audience) -> tuple[int | None, int | None]:
    return audience.number("months_from"), audience.number("months_to")


def _contradiction(audience: Audience) -> str:
    low, high = _ends(audience)
    return _("the months end before they begin") if low is not None and high is not None and low > high else ""


def _sql(audience: Audience, now: datetime) -> Test:
    low, high = _ends(audience)
    tests: list[str] = []
    given: dict[str, Any] = {}
    if low is not None:
        tests.append("m.joined_at <= %(months_joined_by)s")
        given["months_joined_by"] = astana.months_before(now, low)
    if high is not None:
        tests.append("m.joined_at > %(months_joined_after)s")
        given["months_joined_after"] = astana.months_before(now, high + 1)
    return " AND ".join(tests), given


def _words(audience: Audience) -> str:
    return span(
        *_ends(audience),
        both=_("members for %(low)s to %(high)s months"),
        least=_("members for %(low)s months or more"),
        most=_("members for %(high)s months at most"),
    )


CONDITION = Condition(
    place=80,
    line=4,
    fields=(
        Number("months_from", gettext_lazy("fewest months of membership"), gettext_lazy("have been members for"), MOST),
        Number(
            "months_to", gettext_lazy("most months of membership"), gettext_lazy("up to"), MOST, gettext_lazy("months")
        ),
    ),
    meaning="The present membership is so many whole months old, by Astana's calendar and clock, both ends included.",
    sql=_sql,
    words=_words,
    contradiction=_contradiction,
)
