"""Marketing's way in a real browser: an offer approved, an audience built with its count, a campaign launched (M7)."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from playwright.sync_api import Page, expect

from bonuses import lifecycle as bonuses
from campaigns.campaign import lifecycle
from campaigns.models import Campaign, Offer, Partner
from campaigns.offers import approval
from campaigns.offers.drafts import Draft
from core.lib import astana, clock
from enrollment.models import Interest, SavedAudience, Subscriber, Town
from messaging import outbox
from messaging.models import Message
from smart.backoffice import roles
from tests.bonuses.conftest import enroll
from tests.e2e import console

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
PASSWORD = "long enough a word"
SHOTS = os.environ.get("SHOTS", "")  # a folder for screenshots, to be looked at by people


@pytest.fixture
def noon(now: datetime, stand_at: Callable[[datetime], None]) -> datetime:
    """The programme's clock stands at a Monday noon, inside the window."""
    stand_at(now)
    return now


@pytest.fixture
def members(noon: datetime, make_subscriber: Callable[..., Subscriber]) -> list[Subscriber]:
    """Three coffee drinkers of Almaty, one of Astana, one who cares for cars."""
    bonuses.make_partitions(now=noon)
    outbox.make_partitions(now=noon)
    bit = dict(Interest.objects.values_list("code", "bit"))
    almaty, astana_town = (Town.objects.get(code=code) for code in ("almaty", "astana"))
    sorts = [(almaty, "coffee")] * 3 + [(astana_town, "coffee"), (almaty, "auto")]
    people = [make_subscriber(town=town, interests=1 << bit[interest]) for town, interest in sorts]
    for person in people:
        enroll(person, noon - timedelta(days=1))
    return people


@pytest.fixture
def offer(noon: datetime) -> Offer:
    """Waiting for approval."""
    partner = Partner.objects.create(name="Arbat Coffee", slug="arbat", created_at=noon)
    draft = Draft(
        category="food", valid_from=astana.day_of(noon), valid_to=astana.day_of(noon + timedelta(days=9)),
        channels=("sms", "ussd"), title_ru="Скидка 30% на всё меню", interests=("coffee",), codes="unique",
        text_ru="Кофейня «Арбат»: -30% на всё меню. Покажите код {code}.",
        text_kk="«Арбат» кофеханасы: барлық ас мәзіріне -30%. Кодыңыз: {code}.",
    )  # fmt: skip
    made = approval.create(partner=partner, draft=draft, by="partner:dana", now=noon)
    return approval.submit(offer=made, by="partner:dana", now=noon)


@pytest.fixture
def desk(page: Page, live_server: object, members: list[Subscriber], offer: Offer) -> Iterator[Page]:
    """Signed in as marketing, reading English, with nothing amiss in the console."""
    cache.clear()
    roles.load()
    user = User.objects.create_user("aidana", password=PASSWORD, is_staff=True)
    user.groups.add(Group.objects.get(name="marketing"))
    complaints = console.complaints(page)
    page.set_extra_http_headers({"Accept-Language": "en"})
    page.goto("/admin/login/")
    page.locator("[name=username]").fill("aidana")
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url("**/admin/")
    yield page
    page.goto("about:blank")
    assert complaints == []


def shoot(page: Page, name: str) -> None:
    """Keep what the page looks like, wide and narrow, when somebody wants to look; nothing sticks out of either."""
    for width, size in ((1280, "wide"), (360, "narrow")):
        page.set_viewport_size({"width": width, "height": 900})
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"marketing-{name}-{size}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, size)
    page.set_viewport_size({"width": 1280, "height": 900})


def tick(page: Page, what: str, *names: str) -> None:
    """Open a part of the sentence, tick, and close it by the keyboard."""
    pick = page.locator(".sm-pick").filter(has=page.locator("summary", has_text=f"{what}:"))
    pick.locator("summary").click()
    for name in names:
        pick.get_by_label(name, exact=True).check()
    page.keyboard.press("Escape")
    expect(pick).not_to_have_attribute("open", "")


def test_marketing_approves_builds_and_launches(desk: Page, noon: datetime, offer: Offer) -> None:
    approve(desk)
    build(desk)
    write_down(desk)
    launch(desk, noon)

    told = list(Message.objects.filter(message_class="offer").values_list("state", "text"))
    assert len(told) == 3
    assert {state for state, _text in told} == {"waiting"}
    assert len({text for _state, text in told}) == 3  # each with a code of its own


def approve(page: Page) -> None:
    page.goto("/admin/campaigns/offer/")
    shoot(page, "offers")
    page.get_by_role("link", name="Скидка 30% на всё меню").click()
    expect(page.locator("blockquote").first).to_contain_text("«Арбат» кофеханасы")
    shoot(page, "offer")
    page.get_by_role("link", name="Reject").click()
    shoot(page, "reject")
    page.get_by_role("link", name="Back, change nothing").click()
    page.get_by_role("link", name="Approve").click()
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".sm-state")).to_have_text("approved")


def build(page: Page) -> None:
    page.goto("/admin/audiences/new/")
    reached = page.locator("[data-reachable]")
    expect(reached).to_have_attribute("data-reachable", "5")
    tick(page, "towns", "Almaty")
    expect(reached).to_have_attribute("data-reachable", "4")
    tick(page, "interests", "coffee")
    expect(reached).to_have_attribute("data-reachable", "3")
    expect(page.locator(".sm-said")).to_have_text("Members in Almaty, interested in coffee.")
    page.locator("[name=age_from]").fill("40")
    page.locator("[name=age_to]").fill("30")
    expect(page.locator("#count [role=alert]")).to_contain_text("the ages end before they begin")
    page.locator("[name=age_from]").fill("")
    page.locator("[name=age_to]").fill("")
    expect(reached).to_have_attribute("data-reachable", "3")
    page.locator("#id_name").fill("Coffee in Almaty")
    shoot(page, "audience")
    page.locator("summary", has_text="Almaty").click()
    shoot(page, "audience-towns")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Save the audience").click()
    expect(page.get_by_text("The audience “Coffee in Almaty” is saved.")).to_be_visible()
    assert SavedAudience.objects.get().definition == {"towns": ["almaty"], "interests": ["coffee"]}


def write_down(page: Page) -> None:
    page.goto("/admin/campaigns/campaign/add/")
    today = clock.now().astimezone(astana.ZONE)
    page.locator("[name=name]").fill("Coffee for winter")
    page.locator("[name=saved_audience]").select_option(label="Coffee in Almaty")
    for name, day in (("starts_at", today), ("ends_at", today + timedelta(days=5))):
        page.locator(f"[name={name}_0]").fill(f"{day:%Y-%m-%d}")
        page.locator(f"[name={name}_1]").fill("12:00:00")
    page.locator("[name=exploration]").fill("0")
    page.locator("[name=variants-0-offer]").select_option(label="Скидка 30% на всё меню")
    shoot(page, "campaign-form")
    page.locator("[name=_save]").click()
    page.wait_for_url("**/admin/campaign/*/")


def launch(page: Page, noon: datetime) -> None:
    expect(page.locator("[data-reachable]")).to_have_attribute("data-reachable", "3")
    shoot(page, "campaign")
    page.get_by_role("link", name="Launch", exact=True).click()
    expect(page.get_by_text("About 3 members get a message")).to_be_visible()
    shoot(page, "launch")
    assert Campaign.objects.get().state == "draft"
    page.get_by_role("button", name="Launch").click()
    expect(page.locator(".sm-state")).to_have_text("scheduled")
    assert lifecycle.feed(now=noon) == 3
    expect(page.locator(".sm-state")).to_have_text("running", timeout=15_000)  # by itself
    expect(page.locator("#progress")).to_contain_text("Messages ended: 0 of 3")
    shoot(page, "running")
