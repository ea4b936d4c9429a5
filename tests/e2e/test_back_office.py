"""Every page of the back office's menu in a real browser, and those one comes to from there: axe, keyboard, width (P1).

axe-core comes with the tests' SMSC by npm; without it that test is skipped.
"""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client, RequestFactory
from playwright.sync_api import Page, TimeoutError

from campaigns.campaign import lifecycle
from campaigns.models import Campaign, Offer
from campaigns.offers import approval
from campaigns.staff import results
from enrollment.models import SavedAudience, Subscriber
from smart.backoffice import navigation, roles
from smart.local.bootstrap import SMSC
from tests.e2e.test_marketing import members, noon, offer

__all__ = ["members", "noon", "offer"]

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
AXE = SMSC / "node_modules" / "axe-core" / "axe.min.js"
SHOTS = os.environ.get("SHOTS", "")  # a folder for screenshots, to be looked at by people


@pytest.fixture
def campaign(noon: datetime, members: list[Subscriber], offer: Offer) -> Campaign:
    """Launched a minute ago, its messages waiting."""
    roles.load()
    approval.approve(offer=offer, by="staff:erlan", now=noon)
    SavedAudience.objects.create(
        name="Everybody", definition={}, created_by="staff:aidana", created_at=noon, changed_at=noon
    )
    made = Campaign.objects.create(
        name="December", channels=["sms"], starts_at=noon, ends_at=noon + timedelta(days=2), created_by="staff:aidana",
        created_at=noon, exploration=0, rate_per_minute=60,
    )  # fmt: skip
    made.variants.create(offer=offer)
    lifecycle.launch(campaign=made, by="staff:aidana", now=noon)
    lifecycle.feed(now=noon)
    return made


@pytest.fixture
def desk(page: Page, live_server: Any, campaign: Campaign) -> Iterator[Page]:
    """An administrator, signed in."""
    client = Client()
    client.force_login(
        User.objects.create_superuser("root", password="x"), backend="django.contrib.auth.backends.ModelBackend"
    )
    cookie = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}
    page.context.add_cookies([cookie])
    page.set_extra_http_headers({"Accept-Language": "kk"})
    yield page
    page.goto("about:blank")


@pytest.fixture
def addresses(campaign: Campaign, offer: Offer, members: list[Subscriber]) -> list[str]:
    """The menu's, and what is opened from there."""
    request = RequestFactory().get("/admin/")
    request.user = User(is_superuser=True, is_active=True)
    listed = [str(item["link"]) for group in navigation.menu(request) for item in group["items"]]
    return [
        "/admin/",
        *listed,
        f"/admin/campaigns/offer/{offer.pk}/change/",
        f"/admin/campaigns/campaign/{campaign.pk}/",
        "/admin/campaigns/campaign/add/",
        f"/admin/campaign/{campaign.pk}/",
        f"/admin/results/{campaign.pk}/",
        "/admin/audiences/new/",
        f"/admin/campaigns/partner/{offer.partner_id}/change/",
        f"/admin/enrollment/subscriber/{members[0].pk}/change/",
    ]


def settled(page: Page, address: str) -> None:
    """The page with the pieces that come later."""
    answer = page.goto(address)
    assert answer is not None
    assert answer.status == 200, address
    page.wait_for_load_state("networkidle")


@pytest.mark.skipif(not AXE.exists(), reason="npm could not install axe-core")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(desk: Page, addresses: list[str], scheme: Any) -> None:
    desk.emulate_media(color_scheme=scheme)
    found = []
    for address in addresses:
        settled(desk, address)
        for width in (1280, 390):
            desk.set_viewport_size({"width": width, "height": 900})
            desk.evaluate(AXE.read_text(encoding="utf-8"))
            told = desk.evaluate("axe.run(document.querySelector('#content')).then((result) => result.violations)")
            found += [
                (address, width, one["id"], node["html"][:160])
                for one in told
                if one["impact"] in ("serious", "critical")
                for node in one["nodes"][:3]
            ]
    assert found == [], "\n".join(map(str, found))


def test_nothing_sticks_out_of_a_wide_or_narrow_window(desk: Page, addresses: list[str]) -> None:
    wide = []
    for place, address in enumerate(addresses):
        settled(desk, address)
        for width in (1280, 390):
            desk.set_viewport_size({"width": width, "height": 900})
            if SHOTS:
                desk.screenshot(path=Path(SHOTS) / f"backoffice-{place:02}-{width}.png", full_page=True)
            try:  # charts take a moment to become narrower
                desk.wait_for_function(f"document.documentElement.scrollWidth <= {width}", timeout=5_000)
            except TimeoutError:
                wide.append((address, width))
    assert wide == []


def test_an_error_keeps_the_frame_in_a_wide_and_a_narrow_window(desk: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError

    monkeypatch.setattr(results, "_launched", broken)
    User.objects.filter(username="root").update(is_superuser=False)
    User.objects.get(username="root").user_permissions.add(Permission.objects.get(codename="view_campaign"))

    for status, address in {404: "/admin/nowhere/", 500: "/admin/results/", 403: "/admin/care/"}.items():
        answer = desk.goto(address)
        assert answer is not None
        assert answer.status == status
        for width in (1280, 390):
            desk.set_viewport_size({"width": width, "height": 900})
            if SHOTS:
                desk.screenshot(path=Path(SHOTS) / f"error-{status}-{width}.png")
            desk.wait_for_function(f"document.documentElement.scrollWidth <= {width}", timeout=5_000)
            if width == 390:
                desk.locator("span:visible", has_text="dock_to_right").last.click()
            desk.get_by_role("link", name="Науқандар").wait_for()
