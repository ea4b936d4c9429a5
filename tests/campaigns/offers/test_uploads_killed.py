"""kill -9 of the worker in the middle of an import: nothing of it stands, and the next one imports it once."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from campaigns.models import Offer, OfferEvent, Partner, Upload
from campaigns.offers.uploads import deciding, operations
from smart.local import processes
from smart.local.embedded import PROJECT
from tests.campaigns import files
from tests.campaigns.conftest import NOW

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 300
# A worker that tells when every offer is made and nothing is committed yet, and waits there.
_WORKER = """
import django, sys, signal
django.setup()
from datetime import datetime
from campaigns.offers.uploads import deciding, importing

def wait(*_args):
    sys.stdout.write("nearly done\\n")
    sys.stdout.flush()
    signal.pause()

importing.sql.note_offers = wait
deciding.import_confirmed(now=datetime.fromisoformat(sys.argv[1]))
"""


@pytest.fixture
def confirmed(partner: Partner, tmp_path: Path, settings: Any) -> Upload:
    """A large upload that waits for a worker."""
    settings.MEDIA_ROOT = str(tmp_path)
    data = files.text(*[files.row(title_ru=f"Скидка {number}") for number in range(ROWS)]).encode()
    upload = operations.receive(partner=partner, file_name="x", chunks=lambda: [data], by="partner:dana", now=NOW)
    operations.read_waiting(now=NOW)
    assert operations.confirm(upload=upload, by="partner:dana", now=NOW) is None
    return upload


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[str]]:
    """A process of its own that is in the middle of the import."""
    url = re.sub(r"/[^/?]*(?=\?|$)", f"/{connection.settings_dict['NAME']}", os.environ["DATABASE_URL"])
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "smart.settings"}
    command = [sys.executable, "-W", "ignore", "-c", _WORKER, NOW.isoformat()]
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_a_killed_import_is_done_once_by_the_next_worker(confirmed: Upload, worker: subprocess.Popen[str]) -> None:
    assert worker.stdout is not None
    assert worker.stdout.readline() == "nearly done\n"
    assert deciding.import_confirmed(now=NOW) == 0, "it is another's"

    worker.send_signal(signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL
    assert not Offer.objects.exists()

    # The database notices within an instant that the worker is gone; the job comes again every five seconds.
    assert processes.wait_until(lambda: deciding.import_confirmed(now=NOW) == 1, seconds=60)
    confirmed.refresh_from_db()
    assert (confirmed.phase, confirmed.lines.filter(offer=None).count()) == ("imported", 0)
    assert (Offer.objects.count(), OfferEvent.objects.count()) == (ROWS, ROWS)
    assert deciding.import_confirmed(now=NOW) == 0
