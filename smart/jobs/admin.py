"""What the clock made us do."""

from django.contrib import admin

from smart.jobs.models import JobRun
from smart.lib.admin import ReadOnlyAdmin


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    """Slots and their state; a run that stands still goes on with the next beat."""

    list_display = ["name", "slot", "state", "started_at", "touched_at", "finished_at", "affected"]
    list_filter = ["name", "state"]
    ordering = ["-pk"]
