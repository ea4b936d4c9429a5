"""What everybody may see: dates as each language writes them, and a refusal that is a page of ours."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import formats, timezone, translation

from smart.local.handset import views as handset

AFTERNOON = datetime(2026, 11, 25, 10, 5, tzinfo=UTC)  # 15:05 in Astana


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_instants_are_short_and_have_24_hours_in_every_language(language: str) -> None:
    with translation.override(language):
        assert formats.localize(timezone.localtime(AFTERNOON)) == "25.11.2026 15:05"
        assert formats.localize(AFTERNOON.date()) == "25.11.2026"


def test_a_date_typed_the_kazakh_way_is_read() -> None:
    with translation.override("kk"):
        assert "%d.%m.%Y" in formats.get_format("DATE_INPUT_FORMATS")
        assert formats.localize(1.5) == "1,5"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "day"),
    [
        ("kk", "25 қараша 2026, сәрсенбі"),
        ("ru", "среда, 25 ноября 2026"),
        ("en", "Wednesday, 25 November 2026"),
    ],
)
def test_the_handset_says_the_day_as_the_language_does(
    language: str, day: str, stand_at: Callable[[datetime], None]
) -> None:
    stand_at(AFTERNOON)

    with translation.override(language):
        assert handset._clock()["now"] == day


@pytest.mark.django_db
def test_an_address_that_only_takes_forms_says_so() -> None:
    answer = Client(headers={"Accept-Language": "en"}).post("/")

    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert "It only takes what a page sends to it." in answer.content.decode()
    assert "It only takes" not in Client().post("/api/docs/").content.decode()


@pytest.mark.django_db
def test_head_is_answered_where_get_is() -> None:
    assert Client().head("/").status_code == 200
    assert Client().head("/healthz").status_code == 200
