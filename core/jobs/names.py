"""The periodic jobs that keep slots, in words."""

from django.conf import settings
from django.utils.functional import Promise


def names() -> dict[str, str | Promise]:
    """What each does, by its name in JobRun."""
    return {job.run.name: job.run.words for job in settings.SCHEDULE.values() if job.run}
