"""A partner's way in a real browser: invited, joined, signed in, an offer written under its preview, a file uploaded.

axe-core reads every page on the way (npm installs it beside the tests' SMSC); without it that one test is skipped.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.urls import reverse
from playwright.sync_api import Page, expect

from campaigns.models import Offer, Partner, PartnerMember
from campaigns.offers import approval
from campaigns.offers.drafts import Draft
from campaigns.offers.uploads import operations as uploads
from campaigns.partners import accounts
from core.lib import astana, clock
from smart.local.bootstrap import SMSC
from tests.e2e import console

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
AXE = SMSC / "node_modules" / "axe-core" / "axe.min.js"
PASSWORD = "correct-horse-battery"
WIDTHS = (390, 1280)


@pytest.fixture(autouse=True)
def quiet(page: Page, settings: Any, tmp_path: Path) -> Iterator[None]:
    """Nothing amiss in the console: the policy forbids what is inline, and complains there."""
    settings.MEDIA_ROOT = str(tmp_path)
    cache.clear()
    complaints = console.complaints(page)
    yield
    assert [text for text in complaints if "status of 422" not in text] == []


@pytest.fixture
def arbat(db: None) -> Partner:
    return accounts.create(name="Arbat Coffee", slug="arbat", hosts=["arbat.example"], by="test", now=clock.now())


def join(partner: Partner, email: str, role: str) -> PartnerMember:
    _invitation, token = accounts.invite(partner=partner, email=email, role=role, by="test", now=clock.now())
    return accounts.accept(token=token, name="Dana", password=PASSWORD, now=clock.now())


def in_english(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("button", name="EN").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def sign_in(page: Page, email: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Arbat Coffee")


@pytest.fixture
def owner(page: Page, live_server: Any, arbat: Partner) -> Page:
    """The overview of an owner who has signed in, in English."""
    join(arbat, "dana@arbat.example", "owner")
    in_english(page, f"{live_server.url}/partners/")
    sign_in(page, "dana@arbat.example")
    return page


def make(partner: Partner, state: str, **changes: Any) -> Offer:
    """An offer in a state, for pages to show."""
    now = clock.now()
    today = astana.day_of(now)
    usual: dict[str, Any] = {"title_en": "30% off", "text_en": "30% off everything", "category": "food"}
    draft = Draft(valid_from=today, valid_to=today, channels=("sms",), **usual | changes)
    offer = approval.create(partner=partner, draft=draft, by="partner:arbat-1", now=now)
    if state != "draft":
        offer = approval.submit(offer=offer, by="partner:arbat-1", now=now)
    if state == "rejected":
        approval.reject(offer=offer, reason="The price is missing.", by="staff:x", now=now)
    if state == "approved":
        approval.approve(offer=offer, by="staff:x", now=now)
    return offer


def test_from_invitation_to_a_submitted_offer(owner: Page, live_server: Any, arbat: Partner) -> None:
    owner.get_by_role("link", name="Team").click()
    owner.get_by_label("E-mail").fill("timur@arbat.example")
    owner.locator("#id_role").select_option("editor")
    owner.get_by_role("button", name="Send the invitation").click()
    expect(owner.get_by_role("status")).to_contain_text("on its way to timur@arbat.example")
    (letter,) = mail.outbox
    owner.get_by_role("button", name="Sign out").click()

    owner.goto(re.search(r"http\S+/join/\S+", letter.body)[0])
    owner.get_by_label("Your name").fill("Timur")
    owner.get_by_label("Password", exact=True).fill(PASSWORD)
    owner.get_by_label("Password, again").fill(PASSWORD)
    owner.get_by_role("button", name="Join the team").click()
    expect(owner.get_by_role("status")).to_contain_text("Welcome")
    sign_in(owner, "timur@arbat.example")

    owner.get_by_role("link", name="Write the first offer").click()
    owner.get_by_label("Title in Russian").fill("Кофе -20%")
    owner.get_by_label("Text in Russian").fill("Кофейня «Арбат»: кофе -20%. Код: {code}.")
    owner.get_by_text("one code for all").click()
    owner.get_by_label("The code for all").fill("ARBAT20")
    in_kazakh = owner.get_by_role("region", name="Kazakh")
    expect(in_kazakh).to_contain_text("Кофейня «Арбат»: кофе -20%. Код: ARBAT20.")
    expect(in_kazakh).to_contain_text("they read: Russian")
    expect(owner.get_by_role("region", name="Russian")).to_contain_text("Segments: 1 · UCS-2")
    assert not Offer.objects.exists(), "a preview keeps nothing"

    owner.locator("#id_category").select_option("food")
    owner.get_by_text("Towns:").click()
    owner.get_by_label("Find a town").fill("alma")
    owner.get_by_label("Almaty", exact=True).check()
    expect(owner.get_by_label("Aktau")).to_be_hidden()
    expect(owner.locator("[data-count]")).to_have_text("1")
    owner.get_by_role("button", name="Save and submit").click()
    expect(owner.locator("#id_valid_to_error")).to_have_text("This field is required.")
    owner.get_by_label("Valid to").fill(str(astana.day_of(clock.now())))
    owner.get_by_role("button", name="Save and submit").click()

    expect(owner.get_by_role("heading", level=1)).to_contain_text("Кофе -20%")
    expect(owner.locator(".state").first).to_have_text("waiting for approval")
    offer = Offer.objects.get()
    assert (offer.state, offer.towns, offer.shared_code) == ("submitted", ["almaty"], "ARBAT20")
    assert offer.created_by == f"partner:{PartnerMember.objects.get(role='editor').user.username}"


def test_a_file_is_read_shown_and_confirmed(owner: Page, live_server: Any, arbat: Partner, tmp_path: Path) -> None:
    file = tmp_path / "offers.csv"
    file.write_text(
        "Title RU;Text RU;Category;Towns;Valid from;Valid to;Channels\n"
        "Кофе -20%;Кофейня «Арбат»: кофе -20%.;food;Алматы;2099-12-01;2099-12-10;sms\n"
        "Шины -15%;Зимние шины -15%.;auto;Павлодар;2099-12-05;2099-11-30;sms\n"
    )
    owner.get_by_role("link", name="From a file").click()
    owner.get_by_label("File of offers").set_input_files(file)
    owner.get_by_role("button", name="Upload").click()
    expect(owner.get_by_role("progressbar")).to_be_visible()

    uploads.read_waiting(now=clock.now())

    expect(owner.get_by_text("row 2: valid to 2099-11-30 is before valid from 2099-12-05")).to_be_visible()
    owner.get_by_role("button", name="Make these offers: 1").click()
    expect(owner.get_by_role("status")).to_contain_text("Offers made of it: 1")
    assert Offer.objects.get().title_ru == "Кофе -20%"


def test_a_wrong_offer_leads_to_its_first_mistake_by_keyboard(owner: Page, live_server: Any) -> None:
    owner.goto(f"{live_server.url}/partners/offers/new/")
    owner.keyboard.press("Tab")
    expect(owner.get_by_role("link", name="Skip to the content")).to_be_focused()

    owner.get_by_role("button", name="Save as a draft").focus()
    owner.keyboard.press("Enter")

    expect(owner.locator("#id_title_ru")).to_be_focused()
    expect(owner.locator("#id_title_ru")).to_have_attribute("aria-invalid", "true")


@pytest.fixture
def addresses(arbat: Partner) -> Callable[[], list[str]]:
    """Every page of an owner's with something on it; before sign-in only the entrance."""

    def listed() -> list[str]:
        offer = make(arbat, "approved", codes="unique", text_en="30% off, code {code}")
        make(arbat, "rejected", title_en="Nearly free", text_en="Coffee nearly free")
        make(arbat, "draft", title_en="Tea", text_en="Tea for two")
        accounts.invite(partner=arbat, email="x@arbat.example", role="viewer", by="x", now=clock.now())
        made, key_id, _secret = accounts.connect(partner=arbat, name="till", scopes=["redeem"], by="x", now=clock.now())
        upload = uploads.receive(
            partner=arbat,
            file_name="offers.csv",
            chunks=lambda: [b"Title RU;Text RU;Category;Valid from;Valid to\nA;B;food;2099-12-01;2099-11-01\n"],
            by="x",
            now=clock.now(),
        )
        uploads.read_waiting(now=clock.now())
        member = PartnerMember.objects.get()
        pages = [("overview",), ("offers",), ("offer_new",), ("uploads",), ("keys",), ("team",)]
        pages += [("offer", offer.pk), ("offer_edit", offer.pk), ("offer_end", offer.pk), ("upload", upload.pk)]
        pages += [("key_revoke", made.pk, key_id), ("member_remove", member.pk)]
        ours = [reverse(f"partners:{name}", args=args) for name, *args in pages]
        account = ("mfa_index", "account_change_password", "account_reauthenticate", "account_logout")
        return ours + [reverse(name) for name in account]

    return listed


@pytest.mark.parametrize("language", ["KK", "RU", "EN"])
def test_nothing_sticks_out_of_the_window(
    owner: Page, live_server: Any, addresses: Callable[[], list[str]], language: str
) -> None:
    pages = addresses()
    owner.get_by_role("button", name=language).click()
    wide = []
    for address in pages:
        owner.goto(f"{live_server.url}{address}")
        for width in WIDTHS:
            owner.set_viewport_size({"width": width, "height": 800})
            if owner.evaluate("document.documentElement.scrollWidth") > width:
                wide.append((address, width))

    assert wide == []


@pytest.mark.skipif(not AXE.exists(), reason="npm could not install axe-core")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation(
    owner: Page, live_server: Any, addresses: Callable[[], list[str]], scheme: Any
) -> None:
    owner.emulate_media(color_scheme=scheme)
    pages = addresses()
    found = [one for address in pages for one in violations(owner, f"{live_server.url}{address}")]
    owner.goto(f"{live_server.url}/partners/")
    owner.get_by_role("button", name="Sign out").click()
    for name in ("account_login", "account_signup", "account_reset_password", "account_reset_password_done"):
        found += violations(owner, live_server.url + reverse(name))

    assert found == []


def violations(page: Page, address: str) -> list[tuple[str, str, str]]:
    page.goto(address)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    told = page.evaluate("axe.run().then((result) => result.violations)")
    return [
        (page.url, one["id"], one["nodes"][0]["html"][:200]) for one in told if one["impact"] in ("serious", "critical")
    ]
