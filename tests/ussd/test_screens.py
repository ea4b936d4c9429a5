"""Every screen in every language: one page wherever the rules allow, never more than a page at once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import translation

from bonuses import lifecycle as bonuses
from core.lib import gsm
from core.lib.astana import ZONE
from enrollment.models import Subscriber
from smart import programme
from smart.integrations import main_balance
from tests.bonuses.conftest import enroll
from tests.ussd.conftest import Gateway

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=ZONE)
HOME = "40102"


@contextmanager
def seen(gateway: Gateway) -> Iterator[list[dict[str, str]]]:
    """Collect every reply the gateway gets."""
    replies: list[dict[str, str]] = []
    step = gateway.step

    def listening(*args: object, **typed: str) -> dict[str, str]:
        replies.append(step(*args, **typed))
        return replies[-1]

    gateway.step = listening
    yield replies
    gateway.step = step


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_every_screen_fits_one_page(
    gateway: Gateway,
    make_subscriber: Callable[..., Subscriber],
    stand_at: Callable[[datetime], None],
    monkeypatch: pytest.MonkeyPatch,
    language: str,
) -> None:
    monkeypatch.setattr(main_balance, "main_balance", lambda subscriber: Decimal("123456.50"))
    stand_at(NOW)
    _anna, boris, clara = (make_subscriber(language=language) for _ in range(3))
    make_subscriber(language=language, brand="kcell")
    make_subscriber(language=language, line_status="suspended")
    enroll(clara, NOW)
    one, two, three, kcell, suspended = (f"7701000000{n}" for n in range(1, 6))

    with seen(gateway) as replies:
        for walk in [
            (one, "*555#"), (one, "*555#", "7"), (one, "*555#", "1"), (one, "*555*1#", "9"), (one, "*555*1#", "2"),
            (one, "*555*00#"), (one, "*555*2#"), (one, "*111*3#"), (one, "*555#", "4"), (one, "*555#", "5"),
            (one, "*777#"), (kcell, "*555*1#"), (suspended, "*555*1#"), ("3000", "*555#"),
            (one, "*555*1#", "1"), (one, "*555*1#"), (one, "*555#"), (one, "*111*3#"), (one, "*555*00#"),
            (one, "*555*00#"), (one, "*111*3#"), (one, "*555#", "2"), (one, "*555#", "2", "5"),
            (one, "*555#", "2", "2"),
            (one, "*555#", "2", "1"), (two, "*555*1#", "1"), (two, "*555*2#"), (one, "*555*1#", "1"), (one, "*555*00#"),
            (one, "*555*2#"),
        ]:  # fmt: skip
            gateway.walk(*walk)
        for plmn in ("25001", ""):
            gateway.walk(three, "*555*00#", visited_plmn=plmn)
        programme.opt_out(subscriber=clara, by="test", now=NOW)
        gateway.step("lost", one, 5, input="1")
    stand_at(NOW + timedelta(seconds=1))
    assert boris.language == language
    assert {reply["text"] for reply in replies if not gsm.fits_ussd(reply["text"])} == set()
    with translation.override(language):
        more = f"\n0 {translation.gettext('Next')}"
    assert {reply["text"] for reply in replies if reply["text"].endswith(more)} == set()


def test_a_balance_of_many_grants_pages(
    gateway: Gateway, make_subscriber: Callable[..., Subscriber], stand_at: Callable[[datetime], None]
) -> None:
    stand_at(NOW)
    anna = make_subscriber(language="kk")
    enroll(anna, NOW)
    for number in range(4):
        bonuses.reward(subscriber=anna, source=f"survey:{number}", now=NOW + timedelta(minutes=number))
    stand_at(NOW + timedelta(hours=1))

    first = gateway.walk("77010000001", "*111*3#")
    rest = gateway.walk("77010000001", "*111*3#", "0")

    assert (first["action"], first["text"].endswith("0 Әрі қарай")) == ("continue", True)
    assert rest["text"] not in first["text"]
