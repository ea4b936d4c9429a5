"""The schedule is code (smart.jobs, as settings.SCHEDULE), synced into django-celery-beat's tables."""

from django.conf import settings
from django.db import transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from core.jobs.job import Job


@transaction.atomic
def sync() -> int:
    """Make beat's tables say what the code says; entries the code does not know are disabled. Returns changes."""
    changed = sum(_sync_one(task, job) for task, job in settings.SCHEDULE.items())
    known = [_in_beat(task) for task in settings.SCHEDULE]
    strangers = PeriodicTask.objects.filter(enabled=True).exclude(name__in=[*known, "celery.backend_cleanup"])
    changed += strangers.update(enabled=False)
    if changed:
        PeriodicTasks.update_changed()
    return changed


def _in_beat(task: str) -> str:
    """The name of a task's entry: "issue-month"."""
    return task.rpartition(".")[2].replace("_", "-")


def _sync_one(task: str, job: Job) -> int:
    seconds = int(job.every.total_seconds())
    interval, _made = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
    wanted = {"task": task, "interval_id": interval.pk, "enabled": True, "queue": job.queue}
    entry = PeriodicTask.objects.filter(name=_in_beat(task)).first()
    if entry is not None and all(getattr(entry, field) == value for field, value in wanted.items()):
        return 0
    # A rung bell that nobody heard within its interval is stale: the next one follows.
    PeriodicTask.objects.update_or_create(name=_in_beat(task), defaults={**wanted, "expire_seconds": max(60, seconds)})
    return 1
