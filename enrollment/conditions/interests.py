"""What a member is interested in."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.lib import alphabet
from enrollment.audience.condition import Audience, Choice, Condition, Test
from enrollment.audience.words import either
from enrollment.models import Interest


def _options() -> list[tuple[str, str]]:
    return alphabet.by_name((interest.code, str(interest)) for interest in Interest.objects.all())


def _known(codes: Collection[str]) -> Iterable[str]:
    return Interest.objects.filter(code__in=codes).values_list("code", flat=True)


def _sql(audience: Audience, now: datetime) -> Test:
    bits = Interest.objects.filter(code__in=audience.chosen("interests")).values_list("bit", flat=True)
    return "s.interests & %(interests)s <> 0", {"interests": sum(1 << bit for bit in bits)}


def _words(audience: Audience) -> str:
    chosen = Interest.objects.filter(code__in=audience.chosen("interests")).order_by("bit")
    return _("interested in %(interests)s") % {"interests": either(str(interest) for interest in chosen)}


CONDITION = Condition(
    place=50,
    line=3,
    fields=(
        Choice(
            name="interests",
            label=gettext_lazy("interests"),
            lead=gettext_lazy("are interested in"),
            anything=gettext_lazy("anything"),
            options=_options,
            known=_known,
        ),
    ),
    meaning="One of the interests is recorded for the member.",
    sql=_sql,
    words=_words,
)
