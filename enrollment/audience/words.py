"""An audience read as a sentence, in the language of whoever looks at it."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from enrollment.audience import registry
from enrollment.audience.condition import Audience


def in_words(audience: Audience) -> str:
    """Return "Members in Almaty or Astana, aged 18 to 35, interested in coffee"."""
    parts = [condition.words(audience) for condition in registry.asked(audience)]
    return f"{_('Members')} {', '.join(parts)}" if parts else _("All members")


def either(names: Iterable[str]) -> str:
    """Return "Almaty, Astana or Aktau"."""
    *others, last = names
    return _("%(first)s or %(last)s") % {"first": ", ".join(others), "last": last} if others else last


def span(low: int | None, high: int | None, *, both: str, least: str, most: str) -> str:
    """Return the text for what is known of the two ends, filled in."""
    text = both if low is not None and high is not None else least if low is not None else most
    return text % {"low": low, "high": high}
