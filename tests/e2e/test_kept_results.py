"""What takes long is waited for at a bar, in a real browser: counting a large campaign, importing a large file (P1)."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page, expect

from campaigns.models import Campaign, Offer, Partner, Upload
from campaigns.offers.uploads import deciding
from campaigns.offers.uploads import operations as uploads
from campaigns.results import store
from core.lib import clock
from messaging import outbox
from tests.campaigns import files
from tests.e2e.test_partners import arbat, make, owner, quiet

__all__ = ["arbat", "owner", "quiet"]

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def large(arbat: Partner) -> Campaign:
    """A running campaign that says it is large."""
    now = clock.now()
    outbox.make_partitions(now=now)
    campaign = Campaign.objects.create(
        name="December", channels=["sms"], starts_at=now, ends_at=now + timedelta(days=2), created_by="staff:aidana",
        created_at=now, launched_at=now, launched_by="staff:aidana", state="finished",
        finished_at=now + timedelta(days=2), built=store.AT_ONCE + 1,
    )  # fmt: skip
    campaign.variants.create(offer=make(arbat, "approved"))
    return campaign


@pytest.fixture
def desk(page: Page, live_server: Any) -> Page:
    """The back office's window, an administrator signed in, English."""
    client = Client()
    client.force_login(
        User.objects.create_superuser("root", password="x"), backend="django.contrib.auth.backends.ModelBackend"
    )
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
    )
    page.set_extra_http_headers({"Accept-Language": "en"})
    return page


@pytest.mark.parametrize("width", [390, 1280])
def test_a_large_campaign_s_results_come_by_themselves(
    desk: Page, live_server: Any, large: Campaign, width: int
) -> None:
    desk.set_viewport_size({"width": width, "height": 800})

    desk.goto(f"{live_server.url}/admin/results/{large.pk}/")

    expect(desk.get_by_text("As counted at")).to_be_visible()
    expect(desk.get_by_role("heading", name="By offer")).to_be_visible()
    expect(desk.get_by_role("progressbar")).to_have_count(0)
    expect(desk.locator("canvas.chart").first).to_be_visible()
    assert desk.evaluate("document.documentElement.scrollWidth") <= width
    counted_at = store.known(large, now=clock.now()).counted_at
    desk.reload()
    expect(desk.get_by_text("As counted at")).to_be_visible()
    assert store.known(large, now=clock.now()).counted_at == counted_at, "within the minute it is not counted again"


def test_a_large_file_is_imported_at_a_bar(
    owner: Page, live_server: Any, arbat: Partner, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(deciding, "IN_REQUEST", 1)
    rows = [files.row(title_ru=f"Скидка {number}", valid_from="2099-12-01", valid_to="2099-12-10") for number in (1, 2)]
    data = files.text(*rows).encode()
    upload = uploads.receive(partner=arbat, file_name="x.csv", chunks=lambda: [data], by="x", now=clock.now())
    uploads.read_waiting(now=clock.now())
    owner.goto(f"{live_server.url}/partners/uploads/{upload.pk}/")

    owner.get_by_role("button", name="Make these offers: 2").click()
    expect(owner.get_by_label("Being imported: 2")).to_be_visible()
    assert not Offer.objects.exists()
    deciding.import_confirmed(now=clock.now())

    expect(owner.get_by_text("Imported:")).to_be_visible()
    expect(owner.get_by_role("progressbar")).to_have_count(0)
    assert (Offer.objects.count(), Upload.objects.get().phase) == (2, "imported")
