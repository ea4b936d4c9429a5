"""The whole life of a member, as key presses and screens (J2, J3, J5, B1-B6, B10)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from bonuses import lifecycle as bonuses
from bonuses.models import Grant
from core.lib.astana import ZONE
from enrollment.models import ConsentEvent, Membership, Subscriber
from tests.ussd.conftest import Gateway

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=ZONE)


@pytest.fixture
def anna(make_subscriber: Callable[..., Subscriber]) -> str:
    make_subscriber(language="en")
    return "77010000001"


def test_a_member_joins_activates_asks_and_leaves(
    gateway: Gateway, anna: str, stand_at: Callable[[datetime], None]
) -> None:
    stand_at(NOW)

    asked = gateway.walk(anna, "*555*1#")
    joined = gateway.walk(anna, "*555*1#", "1")
    activated = gateway.walk(anna, "*555*00#")
    told = gateway.walk(anna, "*111*3#")
    left = gateway.walk(anna, "*555*2#")

    assert asked["action"] == "continue"
    assert "offers and surveys" in asked["text"]
    assert joined["text"] == "You are in SMART! 500 units await you. Activate: *555*00#"
    assert activated["text"] == "500 units until 30.11 12:00 for activ/Kcell calls, SMS and Internet."
    assert told["text"].endswith("Bonus: 500 until 30.11 12:00")
    assert left["text"] == "You have left SMART. Units lost: 500. To return: *555*1#"
    assert Membership.objects.get().left_reason == "opt_out"
    assert (
        ConsentEvent.objects.filter(action="given").count() == ConsentEvent.objects.filter(action="withdrawn").count()
    )


def test_a_bonus_lapses_after_168_hours_without_any_sweep(
    gateway: Gateway, anna: str, stand_at: Callable[[datetime], None]
) -> None:
    stand_at(NOW)
    gateway.walk(anna, "*555*1#", "1")
    gateway.walk(anna, "*555*00#")

    stand_at(NOW + timedelta(hours=168) - timedelta(milliseconds=1))
    before = gateway.walk(anna, "*111*3#")
    stand_at(NOW + timedelta(hours=168))
    after = gateway.walk(anna, "*111*3#")

    assert "Bonus: 500" in before["text"]
    assert after["text"].endswith("Bonus: 0")


def test_the_month_turns(gateway: Gateway, anna: str, stand_at: Callable[[datetime], None]) -> None:
    stand_at(NOW)
    gateway.walk(anna, "*555*1#", "1")
    stand_at(datetime(2026, 12, 1, tzinfo=ZONE))

    issued = bonuses.issue_month(now=datetime(2026, 12, 1, tzinfo=ZONE))
    activated = gateway.walk(anna, "*555*00#")

    assert issued == 1
    assert activated["text"].startswith("500 units until 08.12 00:00")
    assert list(Grant.objects.order_by("month").values_list("state", flat=True)) == ["cancelled", "active"]


@pytest.mark.parametrize(
    ("dialed", "told"),
    [
        ("*555*2#", "You have left SMART."),
        ("*555*2*1#", "You have left SMART."),
        ("*555*2*2#", "You stay in SMART."),
        ("*555*2*7#", "Wrong key.\nLeave SMART?"),
    ],
)
def test_digits_after_leave_answer_its_question(gateway: Gateway, anna: str, dialed: str, told: str) -> None:
    gateway.walk(anna, "*555*1#", "1")

    assert gateway.walk(anna, dialed)["text"].startswith(told)
