"""An audience as marketing defines it: plain values, checked, readable as a sentence."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.lib.errors import Refusal
from enrollment.audience import traits
from enrollment.models import Fact, Interest, Language, Region, Subscriber, Town

OLDEST = 120
MOST_MONTHS = 1200
_MOST_VALUES = 500


class BadAudience(Refusal):
    """The definition names something that does not exist or contradicts itself."""

    code = "bad_audience"
    sentence = gettext_lazy("The audience cannot be read: %(what)s.")
    status = 422


@dataclass(frozen=True, slots=True)
class Audience:
    """Members who fit everything said here; what is left empty is not asked about.

    Towns and regions are codes and add up (in one of these towns, or anywhere in these regions). Ages are whole years,
    both ends included: who has no birth date fits no age. Of interests and of facts, one is enough. `traits` must all
    hold, those in `not_traits` must not.
    """

    towns: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    genders: tuple[str, ...] = ()
    age_from: int | None = None
    age_to: int | None = None
    interests: tuple[str, ...] = ()
    tariffs: tuple[str, ...] = ()
    months_from: int | None = None  # of the present membership
    months_to: int | None = None
    facts: tuple[str, ...] = ()  # "car=yes"
    traits: tuple[str, ...] = ()
    not_traits: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what is said, without what is not."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
            if value not in ((), None)
        }


def parse(data: Mapping[str, Any]) -> Audience:
    """Read a definition. Raises BadAudience with what is wrong."""
    strangers = set(data) - {field.name for field in fields(Audience)}
    if strangers:
        raise BadAudience(what=_("“%(name)s” is unknown") % {"name": sorted(strangers)[0][:40]})
    given = {
        name: _number(name, value) if name in _NUMBERS else _words(name, value)
        for name, value in data.items()
        if value not in (None, "", [], ())
    }
    audience = Audience(**given)  # type: ignore[arg-type]
    _check(audience)
    return audience


_NUMBERS = {"age_from": OLDEST, "age_to": OLDEST, "months_from": MOST_MONTHS, "months_to": MOST_MONTHS}


def _number(name: str, value: Any) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = -1
    if not 0 <= number <= _NUMBERS[name]:
        raise BadAudience(
            what=_("“%(name)s” must be a whole number up to %(most)s") % {"name": name, "most": _NUMBERS[name]}
        )
    return number


def _words(name: str, value: Any) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else list(value)
    if len(values) > _MOST_VALUES or not all(isinstance(one, str) and 0 < len(one) <= 80 for one in values):
        raise BadAudience(what=_("“%(name)s” must be a list of words") % {"name": name})
    return tuple(dict.fromkeys(values))


def _check(audience: Audience) -> None:
    _known("towns", audience.towns, lambda: Town.objects.values_list("code", flat=True))
    _known("regions", audience.regions, lambda: Region.objects.values_list("code", flat=True))
    _known("languages", audience.languages, lambda: Language.values)
    _known("genders", audience.genders, lambda: Subscriber.Gender.values)
    _known("interests", audience.interests, lambda: Interest.objects.values_list("code", flat=True))
    asked = tuple(fact.partition("=")[0] for fact in audience.facts)
    _known("facts", asked, lambda: Fact.objects.values_list("code", flat=True))
    _known("traits", (*audience.traits, *audience.not_traits), traits.known)
    for low, high, what in (
        (audience.age_from, audience.age_to, _("the ages end before they begin")),
        (audience.months_from, audience.months_to, _("the months end before they begin")),
    ):
        if low is not None and high is not None and low > high:
            raise BadAudience(what=what)
    if set(audience.traits) & set(audience.not_traits):
        raise BadAudience(what=_("the same is asked for and excluded"))


def _known(name: str, values: tuple[str, ...], all_of_them: Callable[[], Any]) -> None:
    unknown = set(values) - set(all_of_them()) if values else set()
    if unknown:
        raise BadAudience(what=_("“%(value)s” is none of the %(name)s") % {"value": sorted(unknown)[0], "name": name})
