"""What becomes of an upload that is read: imported as it was shown, all or nothing and once; discarded; or forgotten.

A small one is imported while its person waits. A large one is left to the worker (state "accepted"), who does all of it
in one transaction that holds the upload's row: killed midway nothing was done, and the next one takes it up at once.
"""

import logging
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from campaigns.models import Upload, UploadRow
from campaigns.offers.uploads import importing
from campaigns.offers.uploads.parsing import restored
from campaigns.offers.uploads.words import packed
from core.access import audit
from core.lib.errors import Refusal

Phase = Upload.Phase
IN_REQUEST = 250  # rows imported while their person waits: a fraction of a second
KEPT = timedelta(days=30)  # for a decision
_GIVEN_UP = timedelta(hours=1)
_ORPHANED = timedelta(days=1)  # since a file was written that no upload wants
logger = logging.getLogger(__name__)


class NotWaiting(Refusal):
    """The upload has been decided about, or is not read yet."""

    code = "upload_not_waiting"
    sentence = _("This upload is “%(state)s”: that cannot be done now.")


class NothingGood(Refusal):
    """No row is without errors."""

    code = "upload_nothing_good"
    sentence = _("No row is without errors: correct the file and upload it again.")


class Outdated(Refusal):
    """Rows have become wrong since the preview; they are marked and nothing was imported."""

    code = "upload_outdated"
    sentence = _("%(rows)s rows have become wrong since they were shown. Nothing was imported: look at them again.")


def confirm(*, upload: Upload, by: str, now: datetime) -> int | None:
    """Make an offer of every row without errors, all or none, once; return how many. None: a worker is to do it.

    Raises NotWaiting, NothingGood, or Outdated when rows have become wrong since the preview; they are marked then.
    """
    with transaction.atomic():
        upload = _waiting(upload)
        good = upload.lines.filter(errors=[]).count()
        if not good:
            raise NothingGood
        upload.confirmed_by, upload.confirmed_at, upload.refusal = by, now, ""
        if good > IN_REQUEST:
            upload.phase = Phase.ACCEPTED
            upload.save(update_fields=["phase", "confirmed_by", "confirmed_at", "refusal"])
            return None
        wrong = _import(upload, now)
    if wrong:  # only now, so that the marks are kept
        raise Outdated(rows=wrong)
    return good


def import_confirmed(*, now: datetime) -> int:
    """Import the confirmed uploads that no other worker is at; return how many are done with."""
    waiting = list(Upload.objects.filter(phase=Phase.ACCEPTED).order_by("pk").values_list("pk", flat=True))
    return sum(_import_or_tell(pk, now) for pk in waiting)


def _import_or_tell(pk: int, now: datetime) -> bool:
    try:
        return _import_confirmed(pk, now)
    except Exception:  # the others must not wait for what is wrong with this one
        logger.exception("The upload %s cannot be imported.", pk)
        return False


@transaction.atomic
def _import_confirmed(pk: int, now: datetime) -> bool:
    free = Upload.objects.select_for_update(skip_locked=True, of=["self"]).select_related("partner")
    upload = free.filter(pk=pk, phase=Phase.ACCEPTED, confirmed_at__isnull=False).first()
    if upload is None or upload.confirmed_at is None:
        return False
    if upload.confirmed_at < now - _GIVEN_UP:  # whatever kills its workers must not go on for ever
        _give_back(upload, packed("not_imported", {}))
    elif wrong := _import(upload, now):
        _give_back(upload, packed("outdated", {"rows": wrong}))
    return True


def _import(upload: Upload, now: datetime) -> int:
    """Make the offers of a locked upload; return how many rows have become wrong: they are marked, none is made."""
    rows = list(upload.lines.filter(errors=[]).order_by("number"))
    drafts = [restored(row.understood) for row in rows]
    wrong = importing.recheck(upload.partner, rows, drafts, now)
    if not wrong:
        try:
            with transaction.atomic():
                importing.make_offers(upload.partner, rows, drafts, by=upload.confirmed_by, now=now)
        except IntegrityError:  # somebody made such an offer since we looked a moment ago
            wrong = importing.recheck(upload.partner, rows, drafts, now)
            if not wrong:
                raise
    if wrong:
        UploadRow.objects.bulk_update(wrong, ["errors", "offer"], batch_size=500)
        upload.good = len(rows) - len(wrong)
        upload.save(update_fields=["good"])
        return len(wrong)
    _finish(upload, Phase.IMPORTED, by=upload.confirmed_by, now=now, action="import_offers", offers=len(rows))
    return 0


def _give_back(upload: Upload, why: str) -> None:
    """Let its person decide again, and tell why."""
    upload.phase, upload.confirmed_by, upload.confirmed_at, upload.refusal = Phase.PARSED, "", None, why
    upload.save(update_fields=["phase", "confirmed_by", "confirmed_at", "refusal"])


def discard(*, upload: Upload, by: str, now: datetime) -> Upload:
    """Drop what was read; no offer was made of it. Raises NotWaiting."""
    with transaction.atomic():
        return _drop(_waiting(upload), packed("discarded", {}), by=by, now=now)


def sweep(*, now: datetime) -> int:
    """Drop the uploads that nobody decided about in time, and files that no upload wants; return how many uploads."""
    with transaction.atomic():
        forgotten = list(
            Upload.objects.select_for_update(skip_locked=True).filter(phase=Phase.PARSED, created_at__lt=now - KEPT)
        )
        for upload in forgotten:
            _drop(upload, packed("abandoned", {"days": KEPT.days}), by="job", now=now)
    _sweep_files(now)
    return len(forgotten)


def _sweep_files(now: datetime) -> None:
    """Delete what a worker killed between its last two steps left: the file of an upload that is read or refused."""
    before = (now - _ORPHANED).timestamp()
    old = [path for path in (Path(settings.MEDIA_ROOT) / "uploads").glob("offers-*") if path.stat().st_mtime < before]
    if old:
        wanted = Upload.objects.filter(phase__in=[Phase.UPLOADED, Phase.PARSING]).values_list("path", flat=True)
        for path in {str(path) for path in old} - set(wanted):
            Path(path).unlink(missing_ok=True)


def _drop(upload: Upload, why: str, *, by: str, now: datetime) -> Upload:
    upload.lines.all().delete()
    upload.refusal = why
    return _finish(upload, Phase.REFUSED, by=by, now=now, action="discard_upload")


def _waiting(upload: Upload) -> Upload:
    """The upload, locked, while it waits for a decision. Raises NotWaiting, at once while a worker is at it."""
    if Upload.objects.get(pk=upload.pk).phase == Phase.ACCEPTED:
        raise NotWaiting(state=Phase.ACCEPTED.label)
    current = Upload.objects.select_for_update(of=["self"]).select_related("partner").get(pk=upload.pk)
    if current.phase != Phase.PARSED:
        raise NotWaiting(state=current.get_phase_display())
    return current


def _finish(upload: Upload, phase: Phase, *, by: str, now: datetime, action: str, **details: object) -> Upload:
    upload.phase, upload.finished_at = phase, now
    upload.save(update_fields=["phase", "finished_at", "refusal", "confirmed_by", "confirmed_at"])
    audit.record(by=by, action=action, subject=f"upload:{upload.pk}", details=details, now=now)
    return upload
