"""What a member told in surveys for good: "car=yes"."""

from collections.abc import Collection, Iterable
from datetime import datetime

from django.utils.translation import gettext_lazy

from enrollment.audience.condition import Audience, Choice, Condition, Test
from enrollment.models import Fact


def _options() -> list[tuple[str, str]]:
    return [
        (f"{fact.code}={value}", f"{fact.label}: {value}")
        for fact in Fact.objects.order_by("label")
        for value in fact.values
    ]


def _known(answers: Collection[str]) -> Iterable[str]:
    """Those of facts there are: an answer that staff has taken out of a fact's list was given all the same."""
    codes = set(Fact.objects.values_list("code", flat=True))
    return [answer for answer in answers if answer.partition("=")[0] in codes]


def _sql(audience: Audience, now: datetime) -> Test:
    return (
        "EXISTS (SELECT FROM enrollment_subscriberfact f JOIN enrollment_fact k ON k.id = f.fact_id"
        " WHERE f.subscriber_id = s.id AND k.code || '=' || f.value = ANY(%(facts)s))",
        {"facts": list(audience.chosen("facts"))},
    )


def _words(audience: Audience) -> str:
    labels = dict(Fact.objects.values_list("code", "label"))
    told = [answer.partition("=") for answer in audience.chosen("facts")]
    return ", ".join(f"“{labels.get(code, code)}”: {value}" for code, _equals, value in told)


CONDITION = Condition(
    place=70,
    line=5,
    fields=(
        Choice(
            name="facts",
            label=gettext_lazy("answers in surveys"),
            lead=gettext_lazy("answered in surveys"),
            anything=gettext_lazy("any answer"),
            options=_options,
            known=_known,
        ),
    ),
    meaning="Has given one of the answers in a survey that keeps them as profile facts.",
    sql=_sql,
    words=_words,
)
