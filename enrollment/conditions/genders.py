"""A member's gender."""

from datetime import datetime

from django.utils.translation import gettext_lazy

from enrollment.audience.condition import Audience, Choice, Condition, Test
from enrollment.audience.words import either
from enrollment.models import Subscriber


def _sql(audience: Audience, now: datetime) -> Test:
    return "s.gender = ANY(%(genders)s)", {"genders": list(audience.chosen("genders"))}


def _words(audience: Audience) -> str:
    return either(str(Subscriber.Gender(code).label) for code in audience.chosen("genders"))


CONDITION = Condition(
    place=30,
    line=2,
    fields=(
        Choice(
            name="genders",
            label=gettext_lazy("gender"),
            lead=gettext_lazy("are"),
            anything=gettext_lazy("of any gender"),
            options=lambda: [(code, str(label)) for code, label in Subscriber.Gender.choices],
            known=lambda codes: Subscriber.Gender.values,
        ),
    ),
    meaning="Is of one of the genders, as the operator's directory says.",
    sql=_sql,
    words=_words,
)
