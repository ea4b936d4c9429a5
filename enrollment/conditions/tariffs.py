"""The tariff of a member's line."""

from datetime import datetime

from django.core.cache import cache
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from enrollment.audience.condition import Audience, Choice, Condition, Test
from enrollment.audience.words import either
from enrollment.models import Subscriber

_FRESH_SECONDS = 600


def _options() -> list[tuple[str, str]]:
    """The tariffs there are: they change with the directory, so a scan of it every ten minutes is enough."""
    found: list[str] | None = cache.get("audience_tariffs")
    if found is None:
        found = sorted(Subscriber.objects.exclude(tariff="").values_list("tariff", flat=True).distinct())
        cache.set("audience_tariffs", found, _FRESH_SECONDS)
    return [(tariff, tariff) for tariff in found]


def _sql(audience: Audience, now: datetime) -> Test:
    return "s.tariff = ANY(%(tariffs)s)", {"tariffs": list(audience.chosen("tariffs"))}


def _words(audience: Audience) -> str:
    return _("on tariff %(tariffs)s") % {"tariffs": either(audience.chosen("tariffs"))}


CONDITION = Condition(
    place=60,
    line=3,
    fields=(
        Choice(
            name="tariffs",
            label=gettext_lazy("tariffs"),
            lead=gettext_lazy("use tariff"),
            anything=gettext_lazy("any tariff"),
            options=_options,
            known=lambda tariffs: tariffs,
            is_open=True,  # a tariff that no line has today may have one again tomorrow
        ),
    ),
    meaning="The line has one of the tariffs, as the operator's directory says.",
    sql=_sql,
    words=_words,
)
