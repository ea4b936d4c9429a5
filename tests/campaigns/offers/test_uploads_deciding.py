"""What becomes of an upload that is read: imported by a worker when it is large, given back, or forgotten."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import translation

from campaigns.models import Offer, OfferEvent, Partner, Upload
from campaigns.offers.uploads import deciding, importing, operations
from core.access.models import AuditEvent
from core.lib import clock
from smart import tasks
from tests.campaigns import files
from tests.campaigns.conftest import NOW
from tests.races import race

pytestmark = pytest.mark.django_db

ROWS = 20


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where files are kept; ten rows and more are a worker's."""
    settings.MEDIA_ROOT = str(tmp_path)
    monkeypatch.setattr(deciding, "IN_REQUEST", 10)
    return tmp_path / "uploads"


@pytest.fixture
def make(partner: Partner) -> Callable[..., Upload]:
    """An upload that is read."""

    def read(titles: Any = range(ROWS)) -> Upload:
        data = files.text(*[files.row(title_ru=f"Скидка {title}") for title in titles]).encode()
        upload = operations.receive(partner=partner, file_name="x", chunks=lambda: [data], by="dana", now=NOW)
        operations.read_waiting(now=NOW)
        upload.refresh_from_db()
        return upload

    return read


@pytest.fixture
def confirmed(make: Callable[..., Upload]) -> Upload:
    """One that waits for a worker."""
    upload = make()
    assert deciding.confirm(upload=upload, by="partner:dana", now=NOW) is None
    upload.refresh_from_db()
    return upload


def standing(upload: Upload) -> tuple[str, str]:
    """Its state, and what is told of it."""
    upload.refresh_from_db()
    with translation.override("en"):
        return upload.phase, operations.refusal_in_words(upload)


def test_a_small_one_is_imported_at_once(make: Callable[..., Upload]) -> None:
    upload = make(range(10))

    assert deciding.confirm(upload=upload, by="partner:dana", now=NOW) == 10
    assert standing(upload) == ("imported", "")
    assert Offer.objects.count() == 10


def test_a_large_one_waits_for_a_worker_who_makes_all_of_it(confirmed: Upload) -> None:
    assert standing(confirmed) == ("accepted", "")
    assert not Offer.objects.exists()

    assert deciding.import_confirmed(now=NOW + timedelta(seconds=5)) == 1

    assert standing(confirmed) == ("imported", "")
    assert confirmed.finished_at == NOW + timedelta(seconds=5)
    assert set(Offer.objects.values_list("created_by", flat=True)) == {"partner:dana"}
    assert (Offer.objects.count(), OfferEvent.objects.count()) == (ROWS, ROWS)
    event = AuditEvent.objects.get(action="import_offers")
    assert (event.by, event.details) == ("partner:dana", {"offers": ROWS})


def test_it_is_imported_once(confirmed: Upload) -> None:
    assert [deciding.import_confirmed(now=NOW) for _turn in range(3)] == [1, 0, 0]
    assert Offer.objects.count() == ROWS


def test_while_it_waits_it_can_be_neither_confirmed_again_nor_discarded(confirmed: Upload) -> None:
    for decide in (deciding.confirm, deciding.discard):
        with pytest.raises(deciding.NotWaiting):
            decide(upload=confirmed, by="partner:erlan", now=NOW)

    assert standing(confirmed) == ("accepted", "")
    assert confirmed.confirmed_by == "partner:dana"


def test_beat_rings_for_it(confirmed: Upload) -> None:
    Upload.objects.update(confirmed_at=clock.now())

    assert tasks.read_uploads() == 1
    assert standing(confirmed)[0] in ("imported", "parsed"), "by the real clock its days may be over"


def test_one_that_has_become_wrong_comes_back_with_its_rows_marked(
    confirmed: Upload, make: Callable[..., Upload]
) -> None:
    other = make([3, 4])
    deciding.confirm(upload=other, by="partner:erlan", now=NOW)

    assert deciding.import_confirmed(now=NOW) == 1

    phase, why = standing(confirmed)
    assert (phase, confirmed.good, confirmed.lines.exclude(errors=[]).count()) == ("parsed", ROWS - 2, 2)
    assert why == "2 rows have become wrong since they were shown. Nothing was imported: look at them again."
    assert Offer.objects.count() == 2


def test_confirmed_again_it_is_imported_without_them(confirmed: Upload, make: Callable[..., Upload]) -> None:
    deciding.confirm(upload=make([3, 4]), by="partner:erlan", now=NOW)
    deciding.import_confirmed(now=NOW)

    deciding.confirm(upload=confirmed, by="partner:erlan", now=NOW)
    deciding.import_confirmed(now=NOW)

    assert standing(confirmed) == ("imported", "")
    assert Offer.objects.count() == ROWS


def test_a_worker_that_dies_midway_has_done_nothing(confirmed: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_args: object) -> None:
        assert Offer.objects.count() == ROWS, "it was nearly done"
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(importing.sql, "note_offers", die)
        with pytest.raises(KeyboardInterrupt):
            deciding.import_confirmed(now=NOW)
    assert not Offer.objects.exists()
    assert standing(confirmed) == ("accepted", "")

    assert deciding.import_confirmed(now=NOW) == 1
    assert Offer.objects.count() == ROWS


def test_one_that_breaks_does_not_stop_the_others(
    confirmed: Upload, make: Callable[..., Upload], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    other = make(range(100, 100 + ROWS))
    deciding.confirm(upload=other, by="partner:dana", now=NOW)
    recheck = importing.recheck

    def broken(_partner: Partner, rows: Any, *rest: Any) -> Any:
        if rows[0].upload_id == confirmed.pk:
            raise RuntimeError
        return recheck(_partner, rows, *rest)

    monkeypatch.setattr(importing, "recheck", broken)

    assert deciding.import_confirmed(now=NOW) == 1
    assert (standing(confirmed)[0], standing(other)[0]) == ("accepted", "imported")
    assert f"The upload {confirmed.pk} cannot be imported." in caplog.text


def test_one_that_cannot_be_imported_is_given_back_after_an_hour(confirmed: Upload) -> None:
    assert deciding.import_confirmed(now=NOW + timedelta(minutes=61)) == 1

    phase, why = standing(confirmed)
    assert phase == "parsed"
    assert why.startswith("The offers could not be made, none was.")
    assert not Offer.objects.exists()


def test_nobody_is_left_out_of_a_confirmation(confirmed: Upload) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Upload.objects.update(confirmed_by="")
    Upload.objects.update(confirmed_by="partner:erlan")


@pytest.mark.django_db(transaction=True)
def test_two_workers_import_it_once(confirmed: Upload) -> None:
    work = partial(deciding.import_confirmed, now=NOW)

    assert sorted(race(work, work)) == [0, 1]
    assert Offer.objects.count() == ROWS
    assert standing(confirmed) == ("imported", "")


@pytest.mark.django_db(transaction=True)
def test_two_clicks_and_two_tabs_are_one_confirmation(make: Callable[..., Upload]) -> None:
    upload = make()
    click = partial(deciding.confirm, upload=upload, by="partner:dana", now=NOW)

    assert sorted(map(str, race(click, click, click))) == ["None", "upload_not_waiting", "upload_not_waiting"]
    assert deciding.import_confirmed(now=NOW) == 1
    assert Offer.objects.count() == ROWS


@pytest.mark.parametrize(("days", "phase"), [(29, "parsed"), (31, "refused")])
def test_one_that_nobody_decides_about_is_dropped_after_thirty_days(
    make: Callable[..., Upload], days: int, phase: str
) -> None:
    upload = make()

    assert deciding.sweep(now=NOW + timedelta(days=days)) == (phase == "refused")

    told, why = standing(upload)
    assert told == phase
    assert upload.lines.count() == (ROWS if phase == "parsed" else 0)
    assert why == (
        "nobody decided about it for 30 days: upload it again if you want its offers" if phase == "refused" else ""
    )
    assert AuditEvent.objects.filter(action="discard_upload", by="job").count() == (phase == "refused")


def test_the_periodic_job_drops_it(make: Callable[..., Upload]) -> None:
    upload = make()

    assert operations.work_off(now=NOW + timedelta(days=31)) == 0
    assert standing(upload)[0] == "refused"


def test_what_is_confirmed_or_decided_is_not_swept(confirmed: Upload, make: Callable[..., Upload]) -> None:
    imported = make([77])
    deciding.confirm(upload=imported, by="partner:dana", now=NOW)

    assert deciding.sweep(now=NOW + timedelta(days=400)) == 0
    assert (standing(confirmed)[0], standing(imported)[0]) == ("accepted", "imported")
    assert imported.lines.count() == 1


def _aged(path: Path, at: datetime) -> Path:
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def test_a_file_that_no_upload_wants_is_deleted_after_a_day(make: Callable[..., Upload], folder: Path) -> None:
    read = make()
    left = Path(read.path)
    left.write_text("what a worker killed between its last two steps leaves")

    deciding.sweep(now=NOW)
    assert _aged(left, NOW - timedelta(hours=23)).exists()
    deciding.sweep(now=NOW)
    assert left.exists()
    deciding.sweep(now=NOW + timedelta(hours=2))
    assert not left.exists()


def test_a_file_that_waits_to_be_read_stays(partner: Partner) -> None:
    upload = operations.receive(partner=partner, file_name="x", chunks=lambda: [b"x"], by="dana", now=NOW)
    _aged(Path(upload.path), NOW - timedelta(days=90))

    deciding.sweep(now=NOW)

    assert Path(upload.path).exists()


def test_a_refused_one_leaves_no_file(partner: Partner, folder: Path) -> None:
    operations.receive(partner=partner, file_name="x", chunks=lambda: [b""], by="dana", now=NOW)

    operations.read_waiting(now=NOW)

    assert Upload.objects.get().phase == "refused"
    assert list(folder.iterdir()) == []
