"""Directory imports in the back office: what a preview says before anybody applies it (J7)."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client

from core.access.models import AuditEvent
from core.jobs.models import JobRun
from enrollment.models import DirectoryImport, Membership, Subscriber
from smart.directory import imports
from tests.bonuses.conftest import Member

pytestmark = pytest.mark.django_db
HEADER = "MSISDN;Brand;Line status\n"


@pytest.fixture
def staff(settings: Any, tmp_path: Path) -> Client:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(
        User.objects.create_superuser("root", password="x"), backend="django.contrib.auth.backends.ModelBackend"
    )
    return client


def upload(staff: Client, text: str, now: datetime, **options: str) -> str:
    """Upload an export and have it read; return its page's address."""
    file = SimpleUploadedFile("export.csv", text.encode())
    page = staff.post("/admin/imports/", {"file": file, "is_full": "on", **options}).headers["Location"]
    assert imports.work_off(now=now) == 1
    return page


@pytest.fixture
def people(make_subscriber: Callable[..., Subscriber], make_member: Member) -> list[Subscriber]:
    return [make_member(), *(make_subscriber() for _ in range(9))]


def test_what_would_be_refused_is_said_and_not_offered(staff: Client, people: list[Subscriber], now: datetime) -> None:
    page = upload(staff, f"{HEADER}77010000099;activ;active\n", now)

    told = staff.get(page).content.decode()

    assert "10 of 10 lines" in told
    assert "key in how many memberships end" in told
    assert "Apply this" not in told
    assert "Discard" in told


def test_memberships_that_would_end_are_told_of_before(staff: Client, people: list[Subscriber], now: datetime) -> None:
    page = upload(staff, f"{HEADER}77010000099;activ;active\n", now)

    staff.post(f"{page}allow/", {"ending": "1"})
    told = staff.get(page).content.decode()

    assert "do not come back by another import" in told
    assert "Apply this" in told
    staff.post(f"{page}confirm/")
    imports.work_off(now=now)
    assert Membership.objects.get().left_at is not None


def test_an_unusual_loss_is_allowed_by_keying_in_its_number(
    staff: Client, people: list[Subscriber], make_member: Member, now: datetime
) -> None:
    make_member()
    page = upload(staff, f"{HEADER}77010000099;activ;active\n", now)
    told = staff.get(page).content.decode()

    wrong = staff.post(f"{page}allow/", {"ending": "1"})
    refused = staff.post(f"{page}confirm/", follow=True).content.decode()
    imports.work_off(now=now)

    assert "2 of 2 memberships would end: 2 because the line is missing" in told
    assert "This is not the number" in wrong.content.decode()
    assert "memberships would end" in refused
    assert not Membership.objects.exclude(left_at=None).exists()
    assert not AuditEvent.objects.filter(action="allow_ending").exists()

    staff.post(f"{page}allow/", {"ending": "2"})
    staff.post(f"{page}confirm/")
    imports.work_off(now=now)

    assert Membership.objects.exclude(left_at=None).count() == 2
    event = AuditEvent.objects.get(action="allow_ending")
    assert (event.by, event.details["allowed"]) == ("staff:root", 2)


def test_lines_that_name_nobody_are_told_of(staff: Client, people: list[Subscriber], now: datetime) -> None:
    """J7: who stands in them would be taken for gone."""
    page = upload(staff, f"{HEADER}7,7010E+10;activ;active\n77010000099;activ\n", now)

    told = " ".join(staff.get(page).content.decode().split())

    assert "counts as no longer there" in told
    assert DirectoryImport.objects.get().counts["unreadable"] == 1
    assert 'of them without a number that can be read</th><td class="sm-figure">1</td>' in told


def test_a_dry_run_is_called_one(staff: Client, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(f"{HEADER}77010000099;activ;active\n")
    call_command("import_subscribers", str(path), "--dry-run")

    lists = staff.get("/admin/imports/").content.decode()
    page = staff.get(f"/admin/imports/{DirectoryImport.objects.get().pk}/").content.decode()

    assert "<td>dry run</td>" in lists
    assert 'role="alert"' not in page
    assert "refused" not in page


@pytest.mark.parametrize(
    ("slot", "words"),
    [("2026-12-01", "01.12.2026"), ("2026-11-30T19:05:00+00:00", "01.12.2026 00:05"), ("v2", "v2")],
)
def test_slots_are_read_as_days_and_hours_in_astana(slot: str, words: str) -> None:
    assert JobRun(slot=slot).slot_in_words == words
