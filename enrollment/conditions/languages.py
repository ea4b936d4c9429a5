"""The language a member reads."""

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from enrollment.audience.condition import Audience, Choice, Condition, Test
from enrollment.audience.words import either
from enrollment.models import Language


def _sql(audience: Audience, now: datetime) -> Test:
    return "s.language = ANY(%(languages)s)", {"languages": list(audience.chosen("languages"))}


def _words(audience: Audience) -> str:
    return _("reading %(languages)s") % {
        "languages": either(str(Language(code).label) for code in audience.chosen("languages"))
    }


CONDITION = Condition(
    place=20,
    line=2,
    fields=(
        Choice(
            name="languages",
            label=gettext_lazy("languages"),
            lead=gettext_lazy("who read"),
            anything=gettext_lazy("any language"),
            options=lambda: [(code, str(label)) for code, label in Language.choices],
            known=lambda codes: Language.values,
        ),
    ),
    meaning="Reads one of the languages: the one chosen by `*555#`, else the directory's.",
    sql=_sql,
    words=_words,
)
