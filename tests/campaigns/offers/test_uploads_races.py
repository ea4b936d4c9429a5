"""Two workers and two clicks at the same instant."""

from functools import partial

import pytest

from campaigns.models import Offer, Partner, Upload
from campaigns.offers.uploads import operations
from tests.campaigns import files
from tests.campaigns.conftest import NOW
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def upload(partner: Partner, tmp_path: object, settings: object) -> Upload:
    settings.MEDIA_ROOT = str(tmp_path)  # type: ignore[attr-defined]
    data = files.text(*[files.row(title_ru=f"Скидка {number}") for number in range(50)]).encode()
    return operations.receive(partner=partner, file_name="x", chunks=lambda: [data], by="partner:dana", now=NOW)


def test_two_workers_read_an_upload_once(upload: Upload) -> None:
    read = partial(operations.read_waiting, now=NOW)

    assert sorted(race(read, read)) == [0, 1]
    upload.refresh_from_db()
    assert (upload.phase, upload.good, upload.lines.count()) == ("parsed", 50, 50)


def test_two_clicks_import_once(upload: Upload) -> None:
    operations.read_waiting(now=NOW)
    confirm = partial(operations.confirm, upload=upload, by="partner:dana", now=NOW)

    assert sorted(map(str, race(confirm, confirm))) == ["50", "upload_not_waiting"]
    assert Offer.objects.count() == 50


def test_two_files_with_the_same_rows_import_them_once(upload: Upload, partner: Partner) -> None:
    data = files.text(files.row(title_ru="Новая"), files.row(title_ru="Скидка 7")).encode()
    other = operations.receive(partner=partner, file_name="y", chunks=lambda: [data], by="partner:erlan", now=NOW)
    operations.read_waiting(now=NOW)

    came = race(
        partial(operations.confirm, upload=upload, by="partner:dana", now=NOW),
        partial(operations.confirm, upload=other, by="partner:erlan", now=NOW),
    )

    assert came in ([50, "upload_outdated"], ["upload_outdated", 2])
    assert Offer.objects.filter(title_ru="Скидка 7").count() == 1
    loser = Upload.objects.get(phase="parsed")
    assert loser.lines.exclude(errors=[]).count() == 1
    assert Offer.objects.count() == (50 if came[0] == 50 else 2)
