"""Staff pages write days and instants one way, in every language."""

from datetime import UTC, date, datetime

import pytest
from django.template import Context, Template
from django.utils import translation

from core.staff import dates

MORNING = datetime(2026, 12, 1, 5, 0, 7, tzinfo=UTC)  # 10:00:07 in Astana


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_an_instant_is_astanas_in_every_language(language: str) -> None:
    with translation.override(language):
        assert dates.instant(MORNING) == "01.12.2026 10:00"
        assert dates.second(MORNING) == "01.12.2026 10:00:07"
        assert dates.day(date(2026, 12, 1)) == "01.12.2026"


def test_templates_write_them_the_same_way() -> None:
    page = Template("{{ at|instant }}, {{ at|second }}, {{ at|day }}, {{ none|instant|default:'—' }}{{ no.such|day }}")

    assert page.render(Context({"at": MORNING, "none": None})) == "01.12.2026 10:00, 01.12.2026 10:00:07, 01.12.2026, —"


def test_the_day_of_an_instant_is_not_the_one_of_utc() -> None:
    assert dates.instant(datetime(2026, 12, 31, 19, 30, tzinfo=UTC)) == "01.01.2027 00:30"
