"""A till in a real browser, on a phone: a code typed, Enter pressed, the answer in big words; axe finds nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Page, expect

from campaigns.models import Offer, Partner, Redemption
from campaigns.offers import approval
from campaigns.offers.drafts import Draft
from campaigns.partners import accounts
from core.lib import astana, clock
from tests.campaigns.portal.conftest import person
from tests.e2e import console
from tests.e2e.test_partners import AXE, WIDTHS

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
PAGE = "/partners/redeem/"


@pytest.fixture
def arbat(db: None) -> Partner:
    return accounts.create(name="Arbat Coffee", slug="arbat", by="test", now=clock.now())


@pytest.fixture(autouse=True)
def offer(arbat: Partner) -> Offer:
    now = clock.now()
    today = astana.day_of(now)
    draft = Draft(
        category="food",
        valid_from=today,
        valid_to=today,
        channels=("sms",),
        title_ru="Скидка 30% на всё меню",
        text_ru="Код {code}",
        discount=30,
        codes="shared",
        shared_code="ARBAT30",
    )
    offer = approval.create(partner=arbat, draft=draft, by="partner:dana", now=now)
    offer = approval.submit(offer=offer, by="partner:dana", now=now)
    return approval.approve(offer=offer, by="staff:erlan", now=now)


@pytest.fixture
def till(page: Page, client: Any, arbat: Partner, live_server: Any) -> Iterator[Page]:
    """The page of a viewer who has signed in; afterwards nothing was amiss in the console."""
    complaints = console.complaints(page)
    client.force_login(person(arbat, "vera", "viewer").user, backend="django.contrib.auth.backends.ModelBackend")
    session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies(
        [
            {"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url},
            {"name": "language", "value": "en", "url": live_server.url},
        ]
    )
    page.set_viewport_size({"width": WIDTHS[0], "height": 780})
    page.goto(live_server.url + PAGE)
    yield page
    assert [text for text in complaints if "status of 409" not in text] == []


def test_codes_are_typed_one_after_the_other_without_a_mouse(till: Page) -> None:
    expect(till.get_by_label("Code")).to_be_focused()

    till.keyboard.type("arbat 30")
    till.keyboard.press("Enter")

    expect(till.get_by_role("status")).to_contain_text("Redeemed")
    expect(till.get_by_role("status")).to_contain_text("−30 %")
    expect(till.get_by_label("Next code")).to_be_focused()
    till.keyboard.type("arbat 31")
    till.keyboard.press("Enter")
    expect(till.get_by_role("alert")).to_contain_text("Not redeemed")
    expect(till.get_by_label("Code")).to_have_value("arbat 31")
    assert Redemption.objects.count() == 1


def test_a_reload_tells_the_same_and_redeems_nothing_more(till: Page) -> None:
    till.keyboard.type("ARBAT30")
    till.keyboard.press("Enter")
    expect(till.get_by_role("status")).to_contain_text("Redeemed")

    till.reload()

    expect(till.get_by_role("status")).to_contain_text("Redeemed")
    assert Redemption.objects.count() == 1


def test_it_fits_a_phone_and_a_thumb(till: Page) -> None:
    button = till.get_by_role("button", name="Redeem").bounding_box()
    assert button is not None
    assert button["height"] >= 48
    assert button["y"] + button["height"] <= 780  # seen without scrolling

    assert till.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.skipif(not AXE.exists(), reason="npm has not brought axe-core")
@pytest.mark.parametrize("code", ["", "ARBAT30", "ARBAT31"], ids=["asking", "redeemed", "refused"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(till: Page, code: str, scheme: str) -> None:
    till.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    if code:
        till.keyboard.type(code)
        till.keyboard.press("Enter")
        expect(till.locator("#answer")).to_be_visible()

    till.evaluate(AXE.read_text())  # by the debugger, which the page's policy does not bind
    found = till.evaluate("axe.run()")

    assert [one["id"] for one in found["violations"] if one["impact"] in ("serious", "critical")] == []
