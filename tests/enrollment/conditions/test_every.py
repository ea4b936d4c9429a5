"""What every condition of the registry must be able to do, tried by its own declaration."""

from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import translation

from campaigns.staff.audiences import AudienceForm
from enrollment.audience import registry, selection
from enrollment.audience.condition import Audience, Choice, Condition, Value, YesNo
from enrollment.audience.definition import parse
from enrollment.audience.words import in_words
from tests.enrollment.audience import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("things")]


@pytest.fixture(autouse=True)
def _no_tariffs_remembered() -> None:
    cache.delete("audience_tariffs")


def example(condition: Condition) -> Audience:
    """Something that each field may say: of a list its first value, of two numbers none beyond the other."""
    said: dict[str, Value] = {}
    for field in condition.fields:
        if isinstance(field, Choice):
            said[field.name] = (next(iter(field.options()))[0],)
        else:
            said[field.name] = True if isinstance(field, YesNo) else 1
    return Audience(said)


def test_it_is_saved_and_read_back(condition: Condition) -> None:
    audience = example(condition)

    assert parse(audience.to_json()) == audience


def test_the_form_asks_it_and_shows_what_was_saved(condition: Condition) -> None:
    audience = example(condition)
    saved = audience.to_json()

    form = AudienceForm(posted(condition, audience), initial=saved)

    assert form.is_valid(), form.errors
    assert form.cleaned_data["audience"] == audience
    assert {name: form.initial[name] for name in posted(condition, audience)} == posted(condition, audience)


def posted(condition: Condition, audience: Audience) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in condition.fields:
        value = audience.said[field.name]
        if isinstance(field, YesNo):
            found[f"trait_{field.name}"] = "yes"
        else:
            found[field.name] = list(value) if isinstance(value, tuple) else value
    return found


def test_it_reads_as_a_part_of_the_sentence_in_every_language(condition: Condition) -> None:
    for language, everybody in (("kk", "Барлық қатысушылар"), ("ru", "Все участники"), ("en", "All members")):
        with translation.override(language):
            assert in_words(Audience()) == everybody
            assert in_words(example(condition)) not in ("", everybody)


def test_it_selects_by_a_test_that_holds_nothing_typed(condition: Condition) -> None:
    test, given = condition.sql(example(condition), NOW)

    found = selection.fitting(example(condition), now=NOW)

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT s.id {found.sql}", found.given)
    assert f"({test})" in found.sql
    assert found.given.items() >= given.items()
    assert all(f"%({name})s" in test for name in given)


def test_no_two_have_parameters_of_the_same_name() -> None:
    names = ["now", "this_month", "last_month", "consents", "first", "after"]
    for condition in registry.conditions().values():
        names += condition.sql(example(condition), NOW)[1]

    assert sorted(set(names)) == sorted(names)
