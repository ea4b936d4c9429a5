"""The schedule is code (settings.SCHEDULE), synced into django-celery-beat's tables."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks


@transaction.atomic
def sync() -> int:
    """Make beat's tables say what the code says; entries the code does not know are disabled. Returns changes."""
    changed = sum(_sync_one(name, entry) for name, entry in settings.SCHEDULE.items())
    strangers = PeriodicTask.objects.filter(enabled=True).exclude(
        name__in=[*settings.SCHEDULE, "celery.backend_cleanup"]
    )
    changed += strangers.update(enabled=False)
    if changed:
        PeriodicTasks.update_changed()
    return changed


def _sync_one(name: str, entry: dict[str, Any]) -> int:
    every: timedelta = entry["every"]
    interval, _made = IntervalSchedule.objects.get_or_create(
        every=int(every.total_seconds()), period=IntervalSchedule.SECONDS
    )
    wanted = {
        "task": entry["task"],
        "interval_id": interval.pk,
        "enabled": True,
        "queue": entry.get("queue", "smart"),
    }
    task = PeriodicTask.objects.filter(name=name).first()
    if task is not None and all(getattr(task, field) == value for field, value in wanted.items()):
        return 0
    # A rung bell that nobody heard within its interval is stale: the next one follows.
    PeriodicTask.objects.update_or_create(
        name=name, defaults={**wanted, "expire_seconds": max(60, int(every.total_seconds()))}
    )
    return 1
