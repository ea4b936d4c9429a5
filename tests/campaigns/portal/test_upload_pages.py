"""Uploads: the steps from a file to offers, each on its page."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from campaigns.models import Offer, Upload
from campaigns.offers.uploads import deciding
from campaigns.offers.uploads import operations as uploads
from campaigns.offers.uploads.table import MOST_BYTES
from tests.campaigns.conftest import NOW

pytestmark = pytest.mark.django_db
CSV = (
    "Title RU;Text RU;Category;Towns;Valid from;Valid to;Channels\n"
    "Кофе -20%;Кофейня «Арбат»: кофе -20%.;food;Алматы;2026-12-01;2026-12-10;sms\n"
    "Шины -15%;Зимние шины -15%.;auto;Павлодар;2026-12-05;2026-11-30;sms\n"
    "Вино;Вино за полцены.;alcohol;Алматы;2026-12-01;2026-12-10;sms\n"
).encode()


@pytest.fixture
def editor(as_role: Callable[[str], Client], settings: Any, tmp_path: Path) -> Client:
    settings.MEDIA_ROOT = str(tmp_path)
    client = as_role("editor")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def uploaded(client: Client, content: bytes = CSV) -> Upload:
    response = client.post(reverse("partners:uploads"), {"file": SimpleUploadedFile("offers.csv", content)})
    upload = Upload.objects.get()
    assert response["Location"] == reverse("partners:upload", args=[upload.pk])
    return upload


def test_a_file_waits_with_a_progress_bar(editor: Client) -> None:
    upload = uploaded(editor)

    page = editor.get(reverse("partners:upload", args=[upload.pk])).content.decode()
    part = editor.get(reverse("partners:upload_progress", args=[upload.pk]))

    assert "<progress" in page
    assert "every 1s" in part.content.decode()
    uploads.read_waiting(now=NOW)
    assert editor.get(reverse("partners:upload_progress", args=[upload.pk]))["HX-Refresh"] == "true"


def test_every_row_is_shown_with_its_errors_in_words(editor: Client) -> None:
    upload = uploaded(editor)
    uploads.read_waiting(now=NOW)

    page = editor.get(reverse("partners:upload", args=[upload.pk])).content.decode()

    assert "row 2: valid to 2026-11-30 is before valid from 2026-12-05" in page
    assert "row 3: category alcohol is not allowed" in page
    assert "Almaty" in page
    wrong = editor.get(reverse("partners:upload", args=[upload.pk]), {"wrong": ""})
    assert [row.number for row, *_words in wrong.context["rows"]] == [2, 3]


def test_confirming_makes_the_good_rows_offers_once(editor: Client) -> None:
    upload = uploaded(editor)
    uploads.read_waiting(now=NOW)
    address = reverse("partners:upload_confirm", args=[upload.pk])

    editor.post(address)
    again = editor.post(address, follow=True).content.decode()

    assert Offer.objects.get().title_ru == "Кофе -20%"
    assert "that cannot be done now" in again


def test_a_large_file_is_imported_behind_a_progress_bar(editor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "IN_REQUEST", 0)
    upload = uploaded(editor)
    uploads.read_waiting(now=NOW)
    address = reverse("partners:upload", args=[upload.pk])

    page = editor.post(reverse("partners:upload_confirm", args=[upload.pk]), follow=True).content.decode()
    again = editor.post(reverse("partners:upload_confirm", args=[upload.pk]), follow=True).content.decode()

    assert "Being imported: 1" in page
    assert "<progress" in page
    assert "This upload is “being imported”: that cannot be done now." in again
    assert not Offer.objects.exists()
    deciding.import_confirmed(now=NOW)
    assert editor.get(reverse("partners:upload_progress", args=[upload.pk]))["HX-Refresh"] == "true"
    assert "Imported: 21.11.2026" in editor.get(address).content.decode()
    assert Offer.objects.count() == 1


def test_one_that_came_back_says_why(editor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "IN_REQUEST", 0)
    upload = uploaded(editor)
    uploads.read_waiting(now=NOW)
    editor.post(reverse("partners:upload_confirm", args=[upload.pk]))

    deciding.import_confirmed(now=NOW + timedelta(days=30))

    page = editor.get(reverse("partners:upload", args=[upload.pk])).content.decode()
    assert "The offers could not be made, none was." in page
    assert "Make these offers:" in page


def test_how_long_it_waits_is_told_and_that_it_was_dropped(editor: Client) -> None:
    upload = uploaded(editor)
    uploads.read_waiting(now=NOW)
    address = reverse("partners:upload", args=[upload.pk])
    assert "It waits for your decision until 21.12.2026" in editor.get(address).content.decode()

    deciding.sweep(now=NOW + timedelta(days=31))

    assert "nobody decided about it for 30 days" in editor.get(address).content.decode()
    assert "nothing made of it" in editor.get(reverse("partners:uploads")).content.decode()


def test_discarding_makes_none(editor: Client) -> None:
    upload = uploaded(editor)
    uploads.read_waiting(now=NOW)

    editor.post(reverse("partners:upload_discard", args=[upload.pk]))

    assert not Offer.objects.exists()
    assert "you discarded it" in editor.get(reverse("partners:upload", args=[upload.pk])).content.decode()


def test_a_file_that_cannot_be_read_says_why(editor: Client) -> None:
    upload = uploaded(editor, b"")
    uploads.read_waiting(now=NOW)

    assert "the file is empty" in editor.get(reverse("partners:upload", args=[upload.pk])).content.decode()


def test_a_file_too_large_is_refused_at_once(editor: Client) -> None:
    file = SimpleUploadedFile("offers.csv", b"x" * (MOST_BYTES + 1))

    response = editor.post(reverse("partners:uploads"), {"file": file})

    assert response.status_code == 422
    assert not Upload.objects.exists()


def test_no_file_is_told(editor: Client) -> None:
    assert list(editor.post(reverse("partners:uploads")).context["form"].errors) == ["file"]


@pytest.mark.parametrize(("kind", "begins"), [("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK")])
def test_the_template_is_downloaded(editor: Client, kind: str, begins: bytes) -> None:
    response = editor.get(reverse("partners:upload_template", args=[kind]))

    assert response.content.startswith(begins)
    assert f'filename="offers.{kind}"' in response["Content-Disposition"]
    assert editor.get(reverse("partners:upload_template", args=["exe"])).status_code == 404


def test_a_long_file_is_shown_in_pages_within_a_budget(
    editor: Client, django_assert_max_num_queries: Callable[..., object]
) -> None:
    row = "Кофе {0};Кофе {0}.;food;Алматы;2026-12-01;2026-12-10;sms\n"
    rows = "".join(row.format(number) for number in range(120))
    upload = uploaded(editor, b"Title RU;Text RU;Category;Towns;Valid from;Valid to;Channels\n" + rows.encode())
    uploads.read_waiting(now=NOW)

    with django_assert_max_num_queries(12):
        page = editor.get(reverse("partners:upload", args=[upload.pk]), {"page": "2"})

    assert len(page.context["rows"]) == 50
