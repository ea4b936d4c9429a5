"""The whole life of a member on the handset, in Kazakh, with the clock moved (J2-J5, B1-B6, B10)."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from core.access import auth
from core.lib import clock
from core.lib.astana import ZONE
from enrollment.models import Membership, Subscriber, Town
from smart.local import clients, simulator
from smart.local import clock as movable
from smart.local.gateway import Gateway
from smart.local.models import DemoBase
from smart.ussd.dialects import DIALECTS
from tests.e2e import console

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
TOKEN = "local"


@pytest.fixture
def operator(live_server: Any, settings: Any) -> Iterator[None]:
    """The simulated operator, calling the live server."""
    auth.forget_cached()
    gateway = Gateway(urlsplit(live_server.url).port or 0, clients.ensure(now=clock.now()))
    server = simulator.serve(0, gateway, TOKEN)
    settings.OPERATOR_BALANCE_URL = f"http://127.0.0.1:{server.server_port}/tmf-api/prepayBalanceManagement/v4"
    settings.OPERATOR_BALANCE_TOKEN = TOKEN
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def moved_clock(movable_clock: Callable[[datetime], None]) -> None:
    """The clock that the page moves, begun at a Tuesday noon early in a month."""
    movable_clock(datetime(2026, 11, 3, 12, 0, tzinfo=ZONE))


@pytest.fixture
def handset(
    page: Page, live_server: Any, operator: None, moved_clock: None, make_subscriber: Callable[..., Subscriber]
) -> Page:
    """The page with one Kazakh-speaking subscriber of Almaty chosen, and nothing amiss in its console."""
    make_subscriber(language="kk", town=Town.objects.get(code="almaty"))
    complaints = console.complaints(page)
    page.goto(f"{live_server.url}/")
    page.get_by_role("button", name="KK").click()
    page.goto(f"{live_server.url}/handset/")
    yield page
    page.goto("about:blank")  # it asks for the time every second
    assert complaints == []


def settle(page: Page) -> None:
    """Wait until the network has answered: a key pressed meanwhile would not count."""
    expect(page.locator("#handset")).to_have_attribute("aria-busy", "false")


def dial(page: Page, code: str, shown: str) -> None:
    page.get_by_role("button", name=code, exact=True).click()
    expect(page.locator("#ussd")).to_contain_text(shown)
    settle(page)


def press(page: Page, key: str, shown: str) -> None:
    page.locator("#reply").fill(key)
    page.locator("#reply").press("Enter")
    settle(page)
    expect(page.locator("#ussd")).to_contain_text(shown)


def move(page: Page, to: str, done: str) -> None:
    page.locator(f"[data-to='{to}']").click()
    expect(page.locator("#clock-done")).to_contain_text(done)
    settle(page)


def test_the_life_of_a_member_in_kazakh(handset: Page) -> None:
    dial(handset, "*555#", "1 Қосылу")
    press(handset, "1", "келісесіз бе")
    press(handset, "1", "Сізді 500 бірлік күтеді")
    expect(handset.locator("#owner")).to_contain_text("қатысушы")
    dial(handset, "*111*3#", "Бонус 500: *555*00# теріңіз")

    dial(handset, "*555*00#", "500 бірлік")
    dial(handset, "*555*00#", "Бонус қосылып қойған")
    dial(handset, "*111*3#", "Бонус: 500,")
    move(handset, "week", "Берілген бонус")
    dial(handset, "*111*3#", "Бонус: 0")

    move(handset, "month", "Берілген бонус: 1")
    dial(handset, "*555*00#", "500 бірлік")
    dial(handset, "*555*2#", "Жойылған бірлік: 500")
    dial(handset, "*555*00#", "қосылмағансыз")
    assert Membership.objects.get().left_reason == "opt_out"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_takes_the_same_walk(handset: Page, dialect: str) -> None:
    handset.locator("#dialect").select_option(dialect)

    dial(handset, "*555*1#", "келісесіз бе")
    press(handset, "9", "келісесіз бе")
    press(handset, "1", "Сізді 500 бірлік күтеді")
    handset.locator("#network").select_option("25001")
    dial(handset, "*555*00#", "Шетелде")
    handset.locator("#network").select_option("")
    dial(handset, "*555*00#", "Қазір қосу мүмкін емес")
    handset.locator("#network").select_option("40102")
    dial(handset, "*555#", "00 Бонусты қосу")
    press(handset, "00", "500 бірлік")


def test_the_bonus_is_told_when_the_operators_balance_fails(handset: Page) -> None:
    with handset.expect_response("**/balance/"):
        handset.locator("#balance").select_option("failing")
    settle(handset)

    dial(handset, "*111*3#", "қазір дерек жоқ")


def test_the_number_for_the_care_desk_is_told_of_whose_phone_it_is(
    handset: Page, make_subscriber: Callable[..., Subscriber]
) -> None:
    """Of made-up subscribers only: the line is not there for anybody else."""
    made_up = make_subscriber(msisdn="77010000077")
    DemoBase.objects.create(begun_at=made_up.created_at)
    Subscriber.objects.exclude(pk=made_up.pk).update(created_at=made_up.created_at - timedelta(days=1))

    with handset.expect_response("**/people/**"):
        handset.locator("#search").fill(str(made_up.pk))
    expect(handset.locator("#person option")).to_have_count(1)
    handset.locator("#person").select_option(str(made_up.pk))
    expect(handset.locator("#number")).to_have_text("+7 701 000 00 77")
    handset.context.grant_permissions(["clipboard-read", "clipboard-write"])
    handset.locator("#copy").click()
    expect(handset.locator("#copied")).to_have_text("Көшірілді")
    assert handset.evaluate("navigator.clipboard.readText()") == "+7 701 000 00 77"

    handset.locator("#search").fill("")
    expect(handset.locator("#person option")).to_have_count(2)
    handset.locator("#person").select_option(index=0)
    expect(handset.locator("#number-line")).to_be_hidden()


def test_a_delay_typed_and_an_offer_clicked_at_once_are_both_heard(handset: Page) -> None:
    """Leaving the field sets the network; the click that left it must not be lost to that."""
    handset.locator("#delay").fill("7")
    with handset.expect_response("**/network/") as network, handset.expect_response("**/offer/"):
        handset.locator("#offer").click()

    assert network.value.json()["delay_seconds"] == 7
    expect(handset.locator("#offer-done")).to_contain_text("0")
    settle(handset)


def test_the_minute_that_the_field_shows_can_be_moved_to(handset: Page) -> None:
    """It has no seconds, so the end of that minute is meant."""
    with handset.expect_response(lambda answer: answer.request.method == "POST" and "/clock/" in answer.url) as moved:
        handset.locator("#clock-form button").click()

    assert moved.value.status == 200
    settle(handset)


def test_the_clocks_field_follows_the_clock_until_it_is_typed_into(handset: Page) -> None:
    field = handset.locator("#clock-to")

    movable.move_to(clock.now() + timedelta(minutes=2))
    expect(field).to_have_value("2026-11-03T12:02")

    field.fill("2026-11-05T10:00")
    movable.move_to(clock.now() + timedelta(minutes=2))
    expect(handset.locator("#clock-time")).to_contain_text("12:04:")
    expect(field).to_have_value("2026-11-05T10:00")


def test_the_keyboard_dials_and_hangs_up(handset: Page) -> None:
    handset.locator("h2").first.click()
    handset.keyboard.type("*555#")
    handset.keyboard.press("Enter")
    expect(handset.locator("#ussd")).to_contain_text("1 Қосылу")

    handset.keyboard.press("Escape")
    expect(handset.locator("#ussd")).to_have_text("Сеанс аяқталды.")


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_sticks_out_of_the_window(handset: Page, width: int) -> None:
    handset.set_viewport_size({"width": width, "height": 800})

    assert handset.evaluate("document.documentElement.scrollWidth") <= width
