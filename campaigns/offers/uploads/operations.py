"""An upload's way: received, read by a worker, shown; then campaigns.offers.uploads.deciding's."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from secrets import token_hex

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from campaigns.models import Partner, Upload, UploadRow
from campaigns.offers.drafts import Draft
from campaigns.offers.uploads import child, sql
from campaigns.offers.uploads.deciding import (
    KEPT,
    NothingGood,
    NotWaiting,
    Outdated,
    confirm,
    discard,
    import_confirmed,
    sweep,
)
from campaigns.offers.uploads.parsing import RowParser, kept, restored
from campaigns.offers.uploads.table import MOST_BYTES, FileRow, Unreadable
from campaigns.offers.uploads.template import template_csv, template_xlsx
from campaigns.offers.uploads.words import (
    packed,
    problems_in_words,
    refusal_in_words,
    understood_in_words,
)
from core.access import audit
from core.lib import astana
from core.lib.errors import Refusal

__all__ = [
    "KEPT",
    "NotWaiting",
    "NothingGood",
    "Outdated",
    "confirm",
    "discard",
    "draft_of",
    "problems_in_words",
    "read_waiting",
    "receive",
    "refusal_in_words",
    "template_csv",
    "template_xlsx",
    "understood_in_words",
    "work_off",
]

Phase = Upload.Phase
LEASE = timedelta(minutes=3)  # longer than a child may take to read a file
_GIVEN_UP = timedelta(hours=1)
_LOT = 250  # rows filed in one transaction, and so the progress bar's step


class FileTooLarge(Refusal):
    """The file is larger than any may be."""

    code = "upload_too_large"
    sentence = _("The file is larger than %(most)s MB.")
    status = 413


class LeaseLost(Exception):
    """Another worker has taken the upload up; what this one read of it is not wanted any more."""


def receive(
    *, partner: Partner, file_name: str, chunks: Callable[[], Iterable[bytes]], by: str, now: datetime
) -> Upload:
    """Keep a file where only we can read it, until a worker reads it. Raises FileTooLarge before any record of it."""
    folder = Path(settings.MEDIA_ROOT) / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"offers-{token_hex(16)}"
    try:
        _keep(path, chunks())
        with transaction.atomic():
            upload = Upload.objects.create(
                partner=partner, file_name=file_name[:200], path=str(path), created_by=by, created_at=now
            )
            audit.record(by=by, action="upload_offers", subject=f"upload:{upload.pk}", now=now)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return upload


def _keep(path: Path, chunks: Iterable[bytes]) -> None:
    size = 0
    with path.open("xb") as file:
        path.chmod(0o600)
        for chunk in chunks:
            size += len(chunk)
            if size > MOST_BYTES:
                raise FileTooLarge(most=MOST_BYTES >> 20)
            file.write(chunk)


def draft_of(row: UploadRow) -> Draft:
    """What was understood of a row: the draft that confirming makes an offer of."""
    return restored(row.understood)


def work_off(*, now: datetime) -> int:
    """Do what waits for a worker: import what is confirmed, read what is uploaded, sweep; return how many were done."""
    began = time.monotonic()
    imported = import_confirmed(now=now)
    sweep(now=now)
    return imported + read_waiting(now=now + timedelta(seconds=time.monotonic() - began))


def read_waiting(*, now: datetime) -> int:
    """Read the uploads that wait, and those whose worker died; return how many were read or refused."""
    began, count = time.monotonic(), 0

    def clock() -> datetime:
        return now + timedelta(seconds=time.monotonic() - began)  # leases are of the real length

    while (claimed := _claim(clock())) is not None:
        upload, is_hopeless = claimed
        count += 1
        try:
            _read_or_refuse(upload, is_hopeless, clock)
        except LeaseLost:
            continue
        Path(upload.path).unlink(missing_ok=True)  # all that is wanted of it stands in its rows
    return count


@transaction.atomic
def _claim(now: datetime) -> tuple[Upload, bool] | None:
    """The next upload for this worker alone, till its lease ends; what was read of it before is dropped.

    And whether it had better be given up: whatever kills its workers must not go on for ever.
    """
    is_left = Q(phase=Phase.PARSING, lease_until__lt=now)
    waiting = Upload.objects.select_for_update(skip_locked=True, of=["self"]).select_related("partner")
    upload = waiting.filter(Q(phase=Phase.UPLOADED) | is_left).order_by("pk").first()
    if upload is None:
        return None
    is_hopeless = upload.phase == Phase.PARSING and upload.created_at < now - _GIVEN_UP
    upload.lines.all().delete()
    upload.phase, upload.lease_until = Phase.PARSING, now + LEASE
    upload.rows = upload.rows_done = upload.good = 0
    upload.save(update_fields=["phase", "lease_until", "rows", "rows_done", "good"])
    return upload, is_hopeless


def _read_or_refuse(upload: Upload, is_hopeless: bool, clock: Callable[[], datetime]) -> None:
    try:
        if is_hopeless:
            raise Unreadable("given_up")
        with translation.override("en"):  # details of problems are kept untranslated
            _read(upload, clock)
    except Unreadable as unreadable:
        _refuse(upload, packed(unreadable.code, unreadable.details), clock())


def _read(upload: Upload, clock: Callable[[], datetime]) -> None:
    """File every row with what is understood of it. Raises Unreadable or LeaseLost."""
    parser = RowParser(upload.partner, astana.day_of(clock()))
    with child.reading(Path(upload.path)) as (count, rows):
        while lot := list(islice(rows, _LOT)):
            lines = [_line(upload, parser, row) for row in lot]
            with transaction.atomic():
                sql.file_rows(lines)
                _advance(upload, count, lines, clock())
    _close(upload, phase=Phase.PARSED)


def _line(upload: Upload, parser: RowParser, row: FileRow) -> UploadRow:
    draft, problems, same = parser.understand(row)
    return UploadRow(
        upload=upload,
        number=row.number,
        given=row.given,
        understood=kept(draft),
        errors=[[one.name, one.code, one.details] for one in problems],
        offer_id=same,
    )


def _advance(upload: Upload, count: int, lines: list[UploadRow], now: datetime) -> None:
    """Tell the progress and renew the lease. Raises LeaseLost."""
    done = upload.rows_done + len(lines)
    good = upload.good + sum(not line.errors for line in lines)
    _change(upload, rows=count, rows_done=done, good=good, lease_until=now + LEASE)


def _close(upload: Upload, **changes: object) -> None:
    _change(upload, lease_until=None, **changes)


def _change(upload: Upload, **changes: object) -> None:
    """Change the upload if it is still this worker's: the instant its lease ends is the worker's own. Or LeaseLost."""
    mine = Upload.objects.filter(pk=upload.pk, phase=Phase.PARSING, lease_until=upload.lease_until)
    if not mine.update(**changes):
        raise LeaseLost
    for name, value in changes.items():
        setattr(upload, name, value)


@transaction.atomic
def _refuse(upload: Upload, why: str, now: datetime) -> None:
    upload.lines.all().delete()
    _close(upload, phase=Phase.REFUSED, refusal=why, finished_at=now, good=0)
