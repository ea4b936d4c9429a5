"""An audience read as a sentence, in the language of whoever looks at it."""

from collections.abc import Iterable

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from enrollment.audience import traits
from enrollment.audience.definition import Audience
from enrollment.models import Fact, Interest, Language, Region, Subscriber, Town


def in_words(audience: Audience) -> str:
    """Return "Members in Almaty or Astana, aged 18 to 35, interested in coffee"."""
    parts = [_("Members"), *_places(audience), *_people(audience), *_behaviour(audience)]
    return f"{parts[0]} {', '.join(parts[1:])}" if len(parts) > 1 else _("All members")


def _places(audience: Audience) -> Iterable[str]:
    places: list[Town | Region] = [
        *Town.objects.filter(code__in=audience.towns),
        *Region.objects.filter(code__in=audience.regions),
    ]
    if places:
        yield _("in %(places)s") % {"places": _either(_name(place) for place in places)}


def _people(audience: Audience) -> Iterable[str]:
    if audience.languages:
        yield _("reading %(languages)s") % {
            "languages": _either(str(Language(code).label) for code in audience.languages)
        }
    if audience.genders:
        yield _either(str(Subscriber.Gender(code).label) for code in audience.genders)
    if audience.age_from is not None or audience.age_to is not None:
        yield _span(
            audience.age_from,
            audience.age_to,
            _("aged %(low)s to %(high)s"),
            _("aged %(low)s or more"),
            _("aged up to %(high)s"),
        )
    if audience.interests:
        wanted = Interest.objects.filter(code__in=audience.interests).order_by("bit")
        yield _("interested in %(interests)s") % {"interests": _either(str(one) for one in wanted)}
    if audience.tariffs:
        yield _("on tariff %(tariffs)s") % {"tariffs": _either(audience.tariffs)}
    labels = {fact.code: fact.label for fact in Fact.objects.all()} if audience.facts else {}
    for fact in audience.facts:
        code, _equals, value = fact.partition("=")
        yield f"“{labels.get(code, code)}”: {value}"


def _behaviour(audience: Audience) -> Iterable[str]:
    if audience.months_from is not None or audience.months_to is not None:
        yield _span(
            audience.months_from,
            audience.months_to,
            _("members for %(low)s to %(high)s months"),
            _("members for %(low)s months or more"),
            _("members for %(high)s months at most"),
        )
    known = traits.known()
    yield from (str(known[code].label) for code in audience.traits if code in known)
    yield from (_("not: %(trait)s") % {"trait": known[code].label} for code in audience.not_traits if code in known)


def _span(low: int | None, high: int | None, both: str, least: str, most: str) -> str:
    text = both if low is not None and high is not None else least if low is not None else most
    return text % {"low": low, "high": high}


def _name(place: Town | Region) -> str:
    return str(getattr(place, f"name_{get_language()}", place.name_ru))


def _either(names: Iterable[str]) -> str:
    *others, last = names
    return _("%(first)s or %(last)s") % {"first": ", ".join(others), "last": last} if others else last
