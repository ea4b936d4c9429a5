"""A machine whose zone data is wrong for Astana does nothing by it (Time)."""

from datetime import datetime, timedelta

import pytest
from django.core.checks import run_checks

from bonuses import lifecycle as bonuses
from bonuses.models import Grant
from core.lib import zones
from core.lib.zones import ZoneDataWrong

pytestmark = pytest.mark.django_db


def test_both_zone_data_agree_with_the_settings() -> None:
    zones.require()

    assert [message for message in run_checks(databases=["default"]) if message.id == "smart.E001"] == []


@pytest.mark.parametrize("whose", ["offset_in_python", "offset_in_database"])
def test_stale_zone_data_stops_the_months_issue(monkeypatch: pytest.MonkeyPatch, now: datetime, whose: str) -> None:
    monkeypatch.setattr(zones, whose, lambda: timedelta(hours=6))

    with pytest.raises(ZoneDataWrong):
        bonuses.issue_month(now=now)

    assert not Grant.objects.exists()


def test_the_check_names_whose_data_is_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zones, "offset_in_database", lambda: timedelta(hours=6))

    messages = [str(message.msg) for message in run_checks(databases=["default"]) if message.id == "smart.E001"]

    assert messages == ["PostgreSQL gives Astana the offset 6:00:00, not 5:00:00."]
