"""What the tests of the survey pages share: the coffee survey, its clock, and what a browser sends for a question."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from enrollment.models import SavedAudience
from surveys.models import Survey
from tests.surveys.conftest import make_member, make_survey

__all__ = ["at_now", "everybody", "make_member", "make_survey"]
Staff = Callable[..., Client]
MakeSurvey = Callable[..., Survey]


@pytest.fixture
def at_now(stand_at: Callable[[datetime], None], now: datetime) -> datetime:
    """The programme's clock stands at the survey's Monday noon; nothing is counted yet."""
    cache.clear()
    stand_at(now)
    return now


@pytest.fixture
def everybody(db: None, now: datetime) -> SavedAudience:
    return SavedAudience.objects.create(name="Everybody", created_by="x", created_at=now, changed_at=now)


def page_of(survey: Survey, rest: str = "") -> str:
    return f"/admin/survey/{survey.pk}/{rest}"


def question(*rows: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A question's form as sent: two choices unless rows are given."""
    usual = {"kind": "single", "text_kk": "Қай?", "text_ru": "Какой?", "text_en": "Which?", "then": "", "code": ""}
    if not rows and fields.get("kind", "single") in ("single", "several"):
        rows = (choice("Чай"), choice("Кофе"))
    sent = {**usual, **fields, "rows": str(len(rows))}
    for number, row in enumerate(rows):
        sent |= {f"row-{number}-{name}": value for name, value in row.items()}
    return sent


def choice(text: str = "", **fields: Any) -> dict[str, Any]:
    """One row of the form."""
    return {"text_kk": text, "text_ru": text, "text_en": text, "then": "", "tells": "", "interest": "", **fields}
