"""An audience as marketing defines it: plain values, checked by the conditions there are."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.lib.errors import Refusal
from enrollment.audience import registry
from enrollment.audience.condition import Audience, Choice, Number, Value, YesNo

_MOST_VALUES = 500
_ANSWERS = {"traits": True, "not_traits": False}  # where a definition keeps its yes-or-no questions


class BadAudience(Refusal):
    """The definition names something that does not exist or contradicts itself."""

    code = "bad_audience"
    sentence = gettext_lazy("The audience cannot be read: %(what)s.")
    status = 422


def parse(data: Mapping[str, Any]) -> Audience:
    """Read a definition. Raises BadAudience with what is wrong."""
    fields = {name: field for name, field in registry.fields().items() if not isinstance(field, YesNo)}
    strangers = set(data) - set(fields) - set(_ANSWERS)
    if strangers:
        raise BadAudience(what=_("“%(name)s” is unknown") % {"name": sorted(strangers)[0][:40]})
    said: dict[str, Value] = {}
    for name, value in data.items():
        if value in (None, "", [], ()):
            continue
        if name in _ANSWERS:
            _add_answers(said, name, value)
        else:
            said[name] = _read(fields[name], value)
    audience = Audience(said)
    for condition in registry.asked(audience):
        if what := condition.contradiction(audience):
            raise BadAudience(what=what)
    return audience


def _add_answers(said: dict[str, Value], name: str, value: Any) -> None:
    codes = _words(name, value)
    _check_known(name, codes, {code for code, field in registry.fields().items() if isinstance(field, YesNo)})
    for code in codes:
        if said.setdefault(code, _ANSWERS[name]) is not _ANSWERS[name]:
            raise BadAudience(what=_("the same is asked for and excluded"))


def _read(field: Choice | Number, value: Any) -> Value:
    if isinstance(field, Number):
        return _number(field, value)
    values = _words(field.name, value)
    _check_known(field.name, values, set(field.known(values)))
    return values


def _number(field: Number, value: Any) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = -1
    if not 0 <= number <= field.most:
        raise BadAudience(
            what=_("“%(name)s” must be a whole number up to %(most)s") % {"name": field.name, "most": field.most}
        )
    return number


def _words(name: str, value: Any) -> tuple[str, ...]:
    values = [value] if isinstance(value, str) else list(value)
    if len(values) > _MOST_VALUES or not all(isinstance(word, str) and 0 < len(word) <= 80 for word in values):
        raise BadAudience(what=_("“%(name)s” must be a list of words") % {"name": name})
    return tuple(dict.fromkeys(values))


def _check_known(name: str, values: tuple[str, ...], known: set[str]) -> None:
    if unknown := set(values) - known:
        raise BadAudience(what=_("“%(value)s” is none of the %(name)s") % {"value": sorted(unknown)[0], "name": name})
