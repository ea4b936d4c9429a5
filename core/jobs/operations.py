"""Slots: a periodic job is done once for each, however often, late or doubly it is rung for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from core.jobs.models import JobRun


@dataclass(frozen=True, slots=True)
class Step:
    """What one chunk did: rows affected, the watermark to go on from, and whether it was the last."""

    affected: int
    watermark: int
    is_last: bool


def run_slot(*, name: str, slot: str, now: datetime, chunk: Callable[[int], Step]) -> int | None:
    """Do a slot's work chunk by chunk, each in one transaction with the run's new watermark.

    Returns the rows affected by this call; None when the slot is done already or another worker holds it.
    A killed worker loses its current chunk only; whoever comes next goes on from the last commit.
    """
    JobRun.objects.bulk_create([JobRun(name=name, slot=slot, started_at=now, touched_at=now)], ignore_conflicts=True)
    total = None
    while True:
        with transaction.atomic():
            run = (
                JobRun.objects.select_for_update(skip_locked=True)
                .filter(name=name, slot=slot, state=JobRun.State.RUNNING)
                .first()
            )
            if run is None:
                return total
            commit_lazily()
            step = chunk(run.watermark)
            _record(run, step, now)
            total = (total or 0) + step.affected
        if step.is_last:
            return total


def commit_lazily() -> None:
    """Let the transaction under way not wait for the disk: a chunk that a crash loses is lost with its watermark.

    Whoever commits synchronously after it (an activation of what it issued) puts it on disk too.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


def _record(run: JobRun, step: Step, now: datetime) -> None:
    run.watermark, run.affected, run.touched_at = step.watermark, run.affected + step.affected, now
    if step.is_last:
        run.state, run.finished_at = JobRun.State.DONE, now
    run.save(update_fields=["watermark", "affected", "touched_at", "state", "finished_at"])


def is_done(*, name: str, slot: str) -> bool:
    """True when the slot's work has ended: one look-up before any of it is prepared."""
    return JobRun.objects.filter(name=name, slot=slot, state=JobRun.State.DONE).exists()


def last_done(*, name: str) -> JobRun | None:
    """The job's latest finished run."""
    return JobRun.objects.filter(name=name, state=JobRun.State.DONE).order_by("-started_at", "-id").first()


def forget_old(*, now: datetime, keep: timedelta = timedelta(days=400)) -> int:
    """Delete runs whose time is long over; return how many."""
    return JobRun.objects.filter(state=JobRun.State.DONE, finished_at__lt=now - keep).delete()[0]
