"""Where a member lives: towns and regions add up."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from core.lib import alphabet
from enrollment.audience.condition import Audience, Choice, Condition, Test
from enrollment.audience.words import either
from enrollment.models import Region, Town


def _name(place: Town | Region) -> str:
    return str(getattr(place, f"name_{get_language()}", place.name_ru))


def _options(places: Iterable[Town | Region]) -> list[tuple[str, str]]:
    return alphabet.by_name((place.code, _name(place)) for place in places)


def _known_towns(codes: Collection[str]) -> Iterable[str]:
    return Town.objects.filter(code__in=codes).values_list("code", flat=True)


def _known_regions(codes: Collection[str]) -> Iterable[str]:
    return Region.objects.filter(code__in=codes).values_list("code", flat=True)


def _sql(audience: Audience, now: datetime) -> Test:
    return (
        "s.town_id = ANY(ARRAY(SELECT id FROM enrollment_town WHERE code = ANY(%(towns)s)"
        " OR region_id = ANY(%(regions)s)))",
        {"towns": list(audience.chosen("towns")), "regions": list(audience.chosen("regions"))},
    )


def _words(audience: Audience) -> str:
    places: list[Town | Region] = [
        *Town.objects.filter(code__in=audience.chosen("towns")),
        *Region.objects.filter(code__in=audience.chosen("regions")),
    ]
    return _("in %(places)s") % {"places": either(_name(place) for place in places)}


CONDITION = Condition(
    place=10,
    line=1,
    fields=(
        Choice(
            name="towns",
            label=gettext_lazy("towns"),
            lead=gettext_lazy("Members living in"),
            anything=gettext_lazy("any town"),
            options=lambda: _options(Town.objects.all()),
            known=_known_towns,
        ),
        Choice(
            name="regions",
            label=gettext_lazy("regions"),
            lead=gettext_lazy("or anywhere in"),
            anything=gettext_lazy("any region"),
            options=lambda: _options(Region.objects.all()),
            known=_known_regions,
        ),
    ),
    meaning="Lives in one of the towns, or anywhere in one of the regions, as the operator's directory says.",
    sql=_sql,
    words=_words,
)
