"""What the clock made us do."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from core.jobs.models import JobRun
from core.jobs.names import names
from core.staff.admin import ReadOnlyAdmin, WordsFilter


class JobFilter(WordsFilter):
    """By the job, in words."""

    title, parameter_name, words = _("job"), "name", names()


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    """Slots and their state; a run that stands still goes on with the next beat."""

    list_display = ["job", "told_slot", "state", "started_at", "touched_at", "finished_at", "affected"]
    list_filter = [JobFilter, "state"]
    ordering = ["-pk"]
    fields = ["job", "told_slot", "state", "started_at", "touched_at", "finished_at", "watermark", "affected"]

    @admin.display(description=_("slot"), ordering="slot")
    def told_slot(self, run: JobRun) -> str:
        return run.slot_in_words

    @admin.display(description=_("job"), ordering="name")
    def job(self, run: JobRun) -> str:
        return run.name_in_words
