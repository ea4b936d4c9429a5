"""The directory import as a use case: lines and, since consent belongs to the person (J7), memberships with them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from core.access import audit
from core.lib.errors import Refusal
from enrollment.directory import operations, parsing
from enrollment.directory.operations import Progress, silent
from enrollment.models import DirectoryImport
from smart import programme

Phase = DirectoryImport.Phase
_LOCK_SPACE = 5554
_UPLOADED = "/imports/upload-"


class ImportRunning(Refusal):
    """One import at a time."""

    code = "import_running"
    sentence = _("Another import is running. Try again when it is done.")


def begin(
    *, path: Path, file_name: str, is_full: bool, by: str, now: datetime, takes_up: bool = True
) -> DirectoryImport:
    """Start an import of a file, or take up the unfinished one of the same file; uploads go on by themselves."""
    digest = parsing.examine(path).digest
    unfinished = DirectoryImport.objects.filter(digest=digest, is_full=is_full, phase=Phase.APPLYING)
    run = unfinished.exclude(path__contains=_UPLOADED).first() if takes_up else None
    if run is not None:
        run.path = str(path)
        run.save(update_fields=["path"])
        return run
    run = DirectoryImport.objects.create(
        path=str(path),
        file_name=file_name[:200],
        digest=digest,
        is_full=is_full,
        created_by=by,
        created_at=now,
    )
    audit.record(by=by, action="import_directory", subject=f"import:{run.pk}", now=now)
    return run


def preview(*, run: DirectoryImport, now: datetime, progress: Progress = silent) -> DirectoryImport:
    """Read the file and count what it would change; nothing is. Raises UnusableFile."""
    if run.phase != Phase.APPLYING or not operations.is_staged(run):
        operations.stage(run=run, now=now, progress=progress)
    return run


def allow_ending(*, run: DirectoryImport, ending: int, by: str, now: datetime) -> DirectoryImport:
    """Let so many memberships end by an import, and lines be gone; who allowed it is on the audit trail (J7)."""
    run.allowed_ending, run.allowed_by = ending, by[:80]
    run.save(update_fields=["allowed_ending", "allowed_by"])
    told = {name: run.counts[name] for name in ("memberships_ending", "members", "vanishing") if name in run.counts}
    audit.record(
        by=by[:80], action="allow_ending", subject=f"import:{run.pk}", details={"allowed": ending, **told}, now=now
    )
    return run


def carry_out(*, run: DirectoryImport, by: str, now: datetime, progress: Progress = silent) -> DirectoryImport:
    """Stage if need be, apply, end the memberships that the lines end (J7). Killed anywhere, call it again.

    Raises UnusableFile, TooManyEnd or TooManyVanish, with nothing changed.
    """
    if not operations.is_staged(run) or _is_overtaken(run):
        operations.stage(run=run, now=now, progress=progress)
    operations.apply(run=run, now=now, progress=progress)
    ended = programme.end_lost_memberships(now=now, by=by)
    return operations.finish(run=run, ended=ended, now=now)


def _is_overtaken(run: DirectoryImport) -> bool:
    """True when another import was applied since this one's preview, whose counts then say nothing any more."""
    others = DirectoryImport.objects.filter(phase=Phase.DONE, finished_at__gte=run.created_at)
    return run.phase == Phase.STAGED and others.exists()


def sweep() -> int:
    """Close the imports by command that were killed for good, drop staging that no import needs; return how many.

    Call it alone(): an import by command is then either dead or this one's own, not yet begun.
    """
    killed = list(_killed_for_good())
    for run in killed:
        operations.refuse(run=run, why=str(_("Stopped on the way. Import the file again.")))
    return len(killed) + operations.drop_unneeded_staging()


def _killed_for_good() -> QuerySet[DirectoryImport]:
    """Imports by command, where none is under way, that begin() takes up no more, or had better not.

    One that was being applied is taken up by the same command; not once another import was applied after it, for
    the rest of its lines would then be older than what stands there.
    """
    others = DirectoryImport.objects.filter(phase=Phase.DONE, finished_at__gte=OuterRef("created_at"))
    by_command = DirectoryImport.objects.exclude(path__contains=_UPLOADED)
    return by_command.filter(
        Q(phase__in=[Phase.UPLOADED, Phase.STAGED]) | Q(Exists(others), phase=Phase.APPLYING)
    ).order_by("pk")


def keep_upload(chunks: Callable[[], Iterable[bytes]], name: str) -> Path:
    """Keep an uploaded file where only we can read it, until it is imported."""
    folder = Path(settings.MEDIA_ROOT) / "imports"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"upload-{name}.csv"
    with path.open("wb") as file:
        path.chmod(0o600)
        for chunk in chunks():
            file.write(chunk)
    return path


def is_upload(run: DirectoryImport) -> bool:
    """True when the file is the copy that the back office keeps, not one of somebody's own."""
    return _UPLOADED in run.path


def forget_upload(run: DirectoryImport) -> None:
    """Delete the back office's copy of the file; anybody else's stays."""
    if is_upload(run):
        Path(run.path).unlink(missing_ok=True)


def work_off(*, now: datetime) -> int:
    """Do what uploaded imports wait for: read them, apply the confirmed ones. Returns how many were moved on.

    Each by one worker at a time; a killed worker's successor takes it up. What killed commands left is swept.
    """
    _sweep_if_need_be()
    moved = 0
    waiting = DirectoryImport.objects.filter(path__contains=_UPLOADED).exclude(phase__in=[Phase.DONE, Phase.REFUSED])
    for import_id in list(waiting.order_by("pk").values_list("pk", flat=True)):
        moved += _move_on(import_id, now)
    return moved


def _sweep_if_need_be() -> None:
    """Sweep unless nothing is left over; the lock is not taken in vain, lest a command meets it and is refused."""
    if _killed_for_good().exists() or operations.unneeded_staging():
        with suppress(ImportRunning), alone():
            sweep()


def _move_on(import_id: int, now: datetime) -> int:
    try:
        with alone():
            run = DirectoryImport.objects.get(pk=import_id)
            is_waiting = run.phase == Phase.STAGED and not run.is_confirmed
            if is_waiting or run.phase in (Phase.DONE, Phase.REFUSED):
                return 0
            _read_or_apply(run, now)
    except ImportRunning:
        return 0
    if run.phase in (Phase.DONE, Phase.REFUSED):
        forget_upload(run)
    return 1


def _read_or_apply(run: DirectoryImport, now: datetime) -> None:
    try:
        if run.phase == Phase.UPLOADED:
            preview(run=run, now=now)
        else:
            carry_out(run=run, by=run.created_by, now=now)
    except Refusal as refusal:
        operations.refuse(run=run, why=str(refusal))


@contextmanager
def alone() -> Iterator[None]:
    """Let one import run at a time, across its transactions; a killed worker's connection lets go by itself.

    Raises ImportRunning.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, 0)", [_LOCK_SPACE])
        if not cursor.fetchone()[0]:
            raise ImportRunning
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s, 0)", [_LOCK_SPACE])
