"""The month's bonus announced on the handset inside the window, held outside it, stopped by leaving (M1, M3, M8)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from bonuses import lifecycle as bonuses
from core.lib import astana, clock
from messaging import outbox
from messaging.models import Message
from smart import programme, tasks
from smart.local import clock as movable
from tests.bonuses.conftest import enroll

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def first_of_next_month(movable_clock: Callable[[datetime], None], make_subscriber) -> datetime:
    """Midnight of a month's first day, with one member, and this database confirmed for sending."""
    bonuses.make_partitions(now=clock.now())
    outbox.make_partitions(now=clock.now())
    outbox.confirm_epoch(by="test", reason="a test database", now=clock.now())
    enroll(make_subscriber(language="ru"), clock.now())
    Message.objects.update(
        state="cancelled", why="cancelled", ended_at=clock.now()
    )  # the welcome is not what we look at
    midnight = astana.start_of(astana.next_month(astana.month_of(clock.now())))
    movable_clock(midnight)
    return midnight


def test_the_bonus_is_announced_from_ten_on_and_offers_stop_with_leaving(
    page: Page, live_server, first_of_next_month: datetime
) -> None:
    tasks.issue_month()
    tasks.announce_bonuses()
    tasks.send_messages()
    page.goto(f"{live_server.url}/handset/")

    expect(page.locator("#inbox")).to_contain_text("10:00")
    expect(page.locator("#inbox li.waits")).to_have_count(1)

    movable.move_to(first_of_next_month + timedelta(hours=10, minutes=1))
    tasks.send_messages()
    tasks.send_messages()  # it arrives when the network is next looked at
    expect(page.locator("#inbox li.arrived")).to_contain_text("ваш бонус 500 единиц", timeout=10_000)
    expect(page.locator("#inbox li.waits")).to_have_count(0)

    page.locator("#offer").click()
    expect(page.locator("#inbox li.waits")).to_have_count(1, timeout=10_000)
    person = Message.objects.latest("id").subscriber

    programme.opt_out(subscriber=person, by="test", now=clock.now())
    tasks.send_messages()
    tasks.send_messages()
    expect(page.locator("#inbox li.arrived").first).to_contain_text("Вы вышли из SMART", timeout=10_000)
    expect(page.locator("#inbox li")).to_have_count(2)
    assert Message.objects.get(kind="offer").why == "left"
