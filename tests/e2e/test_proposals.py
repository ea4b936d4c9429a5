"""Two people at two browsers change the sending policy; wide and narrow (ADR 0027)."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, Page

from messaging.models import SendingPolicy

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
SHOTS = os.environ.get("SHOTS", "")  # a folder for screenshots, to be looked at by people
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@pytest.fixture
def sign_in(browser: Browser, live_server: Any) -> Callable[..., Page]:
    """A browser of somebody's own."""

    def make(name: str, language: str = "en") -> Page:
        client = Client()
        client.force_login(User.objects.create_superuser(name), backend="django.contrib.auth.backends.ModelBackend")
        context = browser.new_context(base_url=live_server.url, viewport=WIDE)
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
        context.set_extra_http_headers({"Accept-Language": language})
        return context.new_page()

    return make


def look_at(page: Page, name: str) -> None:
    """Both widths hold it, and leave a picture where one is wanted."""
    for size in (NARROW, WIDE):
        page.set_viewport_size(size)
        # Charts take their new width a moment later.
        page.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=size["width"])
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{name}-{size['width']}.png", full_page=True)


def test_one_proposes_and_another_confirms(sign_in: Callable[..., Page]) -> None:
    SendingPolicy.objects.update(offers_a_month=5, opens="11:00")
    anna, berik = sign_in("anna"), sign_in("berik", "ru")

    anna.goto("/admin/messaging/sendingpolicy/1/change/")
    anna.fill("#id_offers_a_month", "8")
    anna.fill("#id_opens", "10:00")
    anna.click("button[name=_save]")
    anna.wait_for_url("**/sendingpolicy/")
    look_at(anna, "waits")
    anna.goto("/admin/messaging/sendingpolicy/1/change/")
    look_at(anna, "form")
    anna.click("a:has-text('sending policy'):below(h2:has-text('A change waits'))")
    anna.wait_for_url("**/admin/proposals/*/")
    look_at(anna, "own")
    assert anna.get_by_role("link", name="Confirm", exact=True).count() == 0

    berik.goto("/admin/")
    look_at(berik, "first")
    berik.click("p.sm-card a")
    look_at(berik, "list")
    berik.goto(anna.url)
    look_at(berik, "one")
    berik.click("a.sm-button >> nth=0")
    berik.wait_for_url("**/confirm/")
    look_at(berik, "confirm")
    berik.dblclick("form.sm-card button")
    berik.wait_for_url("**/admin/proposals/*/")
    look_at(berik, "done")

    assert SendingPolicy.objects.values_list("offers_a_month", flat=True).get() == 8
