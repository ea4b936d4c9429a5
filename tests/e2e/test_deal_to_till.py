"""A deal from a shop's file to a telephone and back to the till, in real browsers: partner, marketing, member, till."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from playwright.sync_api import Browser, Page, expect

from bonuses import lifecycle as bonuses
from campaigns.models import Offer, Partner, PromoCode
from campaigns.partners import accounts
from core.lib import astana, clock
from enrollment.models import Subscriber, Town
from messaging import outbox
from messaging.models import Message
from smart import tasks
from smart.backoffice import roles
from smart.local import clock as movable
from tests.bonuses.conftest import enroll
from tests.e2e.test_partners import PASSWORD, in_english, join, sign_in

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
SAMPLE = Path(__file__).parents[2] / "smart" / "local" / "data" / "offers.csv"
COFFEE = "30% off the whole menu"


@pytest.fixture
def first_of_december(movable_clock: Callable[[datetime], None]) -> datetime:
    """Noon of 1 December in Astana: the sample file's offers are December's."""
    noon = datetime(2026, 12, 1, 7, tzinfo=UTC)
    movable_clock(noon)
    return noon


@pytest.fixture
def member(first_of_december: datetime, make_subscriber: Callable[..., Subscriber]) -> Subscriber:
    """Somebody of Almaty, who reads Russian."""
    now = clock.now()
    bonuses.make_partitions(now=now)
    outbox.make_partitions(now=now)
    outbox.confirm_epoch(by="test", reason="a test database", now=now)
    person = make_subscriber(language="ru", town=Town.objects.get(code="almaty"))
    enroll(person, now)
    tasks.send_messages()
    return person


@pytest.fixture
def arbat(member: Subscriber, settings: Any, tmp_path: Path) -> Partner:
    settings.MEDIA_ROOT = str(tmp_path)
    cache.clear()
    arbat = accounts.create(name="Arbat Coffee", slug="arbat", by="test", now=clock.now())
    join(arbat, "dana@arbat.example", "owner")
    return arbat


@pytest.fixture
def marketing(browser: Browser, live_server: Any, db: None) -> Page:
    """Marketing's own browser, signed in, in English."""
    roles.load()
    user = User.objects.create_user("aidana", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="marketing"))
    context = browser.new_context(base_url=str(live_server.url), extra_http_headers={"Accept-Language": "en"})
    page = context.new_page()
    page.goto("/admin/login/")
    page.locator("[name=username]").fill("aidana")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url("**/admin/")
    return page


def test_a_deal_goes_from_a_file_to_a_telephone_and_back_to_the_till(
    page: Page, live_server: Any, arbat: Partner, marketing: Page, first_of_december: datetime, tmp_path: Path
) -> None:
    in_english(page, f"{live_server.url}/partners/")
    sign_in(page, "dana@arbat.example")
    upload_and_fix(page, tmp_path, first_of_december.year)
    submit(page)
    approve_and_launch(marketing)

    assert tasks.feed_campaigns() == 1
    tasks.send_messages()
    tasks.send_messages()  # it arrives when the network is next looked at
    code = read_on_the_handset(marketing)
    redeem(page, code)
    movable.move_to(first_of_december + timedelta(days=1))
    tasks.feed_campaigns()
    tasks.publish_results()
    see_results(page, marketing)


def upload_and_fix(page: Page, folder: Path, year: int) -> None:
    """The file as it came, with what is wrong told by row; then corrected, with what is there already told."""
    text = SAMPLE.read_text(encoding="utf-8-sig").replace("2027", str(year + 1)).replace("2026", str(year))
    wrong = folder / "offers.csv"
    wrong.write_text(text, encoding="utf-8")
    send(page, wrong)
    expect(page.get_by_text(f"row 4: valid to {year}-11-05 is before valid from {year}-12-05")).to_be_visible()
    expect(page.get_by_text("row 8: category alcohol is not allowed")).to_be_visible()
    page.get_by_role("button", name=re.compile("Make these offers")).click()
    expect(page.get_by_role("status")).to_contain_text("Offers made of it")
    made = Offer.objects.count()

    fixed = folder / "fixed.csv"
    fixed.write_text(text.replace(f"{year}-11-05", f"{year}-12-25"), encoding="utf-8")
    send(page, fixed)
    expect(page.get_by_text("an identical offer is there already").first).to_be_visible()
    page.get_by_role("button", name="Make these offers: 1").click()
    expect(page.get_by_role("status")).to_contain_text("Offers made of it: 1")
    assert Offer.objects.count() == made + 1


def send(page: Page, file: Path) -> None:
    page.get_by_role("link", name="From a file").click()
    page.get_by_label("File of offers").set_input_files(file)
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert tasks.read_uploads() == 1
    expect(page.get_by_text("Rows:", exact=False).first).to_be_visible()


def submit(page: Page) -> None:
    page.get_by_role("link", name="Offers", exact=True).click()
    page.get_by_role("link", name=COFFEE).first.click()
    page.get_by_role("button", name="Submit for approval").click()
    expect(page.locator(".state").first).to_have_text("waiting for approval")


def approve_and_launch(page: Page) -> None:
    page.goto("/admin/campaigns/offer/")
    page.get_by_role("link", name=COFFEE).click()
    page.get_by_role("link", name="Approve").click()
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".sm-state")).to_have_text("approved")

    page.goto("/admin/audiences/new/")
    expect(page.locator("[data-reachable]")).to_have_attribute("data-reachable", "1")
    page.locator("#id_name").fill("Everybody")
    page.get_by_role("button", name="Save the audience").click()
    expect(page.get_by_text("The audience “Everybody” is saved.")).to_be_visible()

    page.goto("/admin/campaigns/campaign/add/")
    today = clock.now().astimezone(astana.ZONE)
    page.locator("[name=name]").fill("December in Almaty")
    page.locator("[name=saved_audience]").select_option(label="Everybody")
    for name, day in (("starts_at", today), ("ends_at", today + timedelta(days=5))):
        page.locator(f"[name={name}_0]").fill(f"{day:%Y-%m-%d}")
        page.locator(f"[name={name}_1]").fill("12:00:00")
    page.locator("[name=variants-0-offer]").select_option(label=COFFEE)
    page.locator("[name=_save]").click()
    expect(page.locator(".errornote, .errorlist, ul.error")).to_have_count(0)
    page.wait_for_url("**/admin/campaign/*/")
    expect(page.locator("[data-reachable]")).to_have_attribute("data-reachable", "1")
    page.get_by_role("link", name="Launch", exact=True).click()
    page.get_by_role("button", name="Launch").click()
    expect(page.locator(".sm-state")).to_have_text("scheduled")


def read_on_the_handset(page: Page) -> str:
    """The message as the member sees it; its code."""
    given = PromoCode.objects.get(subscriber__isnull=False)
    page.goto("/handset/")
    arrived = page.locator("#inbox li.arrived").first
    expect(arrived).to_contain_text(f"Кофейня «Арбат»: -30% на всё меню до 10 декабря. Покажите код {given.code}.")
    assert Message.objects.get(message_class="offer").state == "delivered"
    return str(given.code)


def redeem(page: Page, code: str) -> None:
    page.get_by_role("link", name="Redeem a code").click()
    expect(page.get_by_label("Code")).to_be_focused()
    page.keyboard.type(f"{code[:4].lower()} {code[4:].lower()}")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Redeemed")
    assert PromoCode.objects.get(code=code).used == 1


def see_results(page: Page, marketing: Page) -> None:
    """Staff see the one exactly; the partner learns nothing of one."""
    page.get_by_role("link", name="Results").click()
    expect(page.get_by_role("heading", name=COFFEE)).to_be_visible()
    expect(page.get_by_text("too few to tell").first).to_be_visible()

    marketing.goto("/admin/results/")
    marketing.get_by_role("link", name="December in Almaty").click()
    taken = marketing.locator(".sm-cards .sm-card").filter(has_text="redeemed").first
    expect(taken.locator("strong")).to_have_text("1")
    marketing.context.close()
