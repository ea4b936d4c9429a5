"""Files that take a while: asked for on a page, made by a worker, fetched from the page, forgotten after a day."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex
from time import monotonic

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.http import QueryDict

from core.access import audit
from core.staff import tables
from surveys.models import Export, Survey
from surveys.results import figures, files, filters, questions, rows
from surveys.results.rows import Value

State = Export.State
KEPT = timedelta(days=1)
_LOST = timedelta(minutes=5)  # a worker that has not been heard of for so long is dead
_GIVEN_UP = timedelta(hours=1)  # what kills its workers must not go on for ever
_TELL_EVERY = 2_000


@transaction.atomic
def ask(*, survey: Survey, kind: str, asked: str, language: str, by: str, now: datetime) -> Export:
    """Ask for a file of the answers that the query `asked` leaves."""
    export = Export.objects.create(
        survey=survey, kind=kind, asked=asked[:1000], language=language, created_by=by, created_at=now, touched_at=now
    )
    record(survey=survey, kind=kind, asked=asked, by=by, now=now)
    return export


def record(*, survey: Survey, kind: str, asked: str, by: str, now: datetime) -> None:
    """Write down who took answers out, as what, and whose: the page's query."""
    audit.record(
        by=by, action="export_survey", subject=f"survey:{survey.pk}", reason=kind, details={"filters": asked}, now=now
    )


def make_waiting(*, now: datetime) -> int:
    """Make every file that waits, one after the other; return how many. Files of yesterday are deleted."""
    began, made = monotonic(), 0

    def clock() -> datetime:
        """The time it is, as far as `now` tells."""
        return now + timedelta(seconds=monotonic() - began)

    _forget(now)
    _give_up(now)
    while (export := _claim(clock())) is not None:
        _make(export, clock)
        made += 1
    return made


@transaction.atomic
def _claim(now: datetime) -> Export | None:
    waiting = Q(state=State.WAITING) | Q(state=State.MAKING, touched_at__lt=now - _LOST)
    export = Export.objects.select_for_update(skip_locked=True, of=["self"]).filter(waiting).order_by("pk").first()
    if export is not None:
        _drop(export)  # what a dead worker left
        export.path = str(Path(settings.MEDIA_ROOT) / "survey-exports" / f"{token_hex(16)}.{export.kind}")
        Export.objects.filter(pk=export.pk).update(state=State.MAKING, touched_at=now, made=0, path=export.path)
    return export


def _make(export: Export, clock: Callable[[], datetime]) -> None:
    path = Path(export.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    mine = Export.objects.filter(pk=export.pk, path=export.path)  # unless another worker has taken it over
    try:
        _write(export, path, clock)
    except BaseException:
        files.drop(path)
        mine.update(state=State.FAILED, path="", touched_at=clock())
        raise
    if not mine.update(state=State.DONE, touched_at=clock()):
        files.drop(path)


def _write(export: Export, path: Path, clock: Callable[[], datetime]) -> None:
    survey = export.survey
    asked = questions.of(survey)
    wanted = filters.parse(QueryDict(export.asked), asked)
    raked = figures.weights(survey, wanted, now=clock()) if wanted.weights else None
    Export.objects.filter(pk=export.pk).update(rows=rows.count(survey, wanted))
    columns = rows.columns(survey, asked, export.language, raked)
    table = _telling(rows.rows(survey, asked, wanted, raked), export, clock)
    if export.kind == Export.Kind.SAV:
        files.write_sav(path, columns, table)
    else:
        tables.write_xlsx(path, rows.worded(columns, table), legend=rows.legend(columns, export.language))


def _telling(table: Iterator[list[Value]], export: Export, clock: Callable[[], datetime]) -> Iterator[list[Value]]:
    """The same rows, with how many there were written down now and then."""
    for number, row in enumerate(table, 1):
        if number % _TELL_EVERY == 0:
            Export.objects.filter(pk=export.pk, path=export.path).update(made=number, touched_at=clock())
        yield row


def _forget(now: datetime) -> None:
    for export in Export.objects.filter(created_at__lt=now - KEPT):
        _drop(export)
        export.delete()


def _give_up(now: datetime) -> None:
    """Say of a file that lost its workers for an hour that it cannot be made."""
    lost = Export.objects.filter(state=State.MAKING, touched_at__lt=now - _LOST, created_at__lt=now - _GIVEN_UP)
    for export in lost:
        if lost.filter(pk=export.pk).update(state=State.FAILED, path="", touched_at=now):
            _drop(export)


def _drop(export: Export) -> None:
    if export.path:
        files.drop(Path(export.path))
