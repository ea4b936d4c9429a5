"""What the clock made us do."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from core.jobs.models import JobRun
from core.jobs.names import NAMES
from core.staff.admin import ReadOnlyAdmin


class JobFilter(admin.SimpleListFilter):
    """By the job, in words."""

    title = _("job")
    parameter_name = "name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The jobs there are."""
        return list(NAMES.items())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Those of the job."""
        return queryset.filter(name=self.value()) if self.value() else queryset


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    """Slots and their state; a run that stands still goes on with the next beat."""

    list_display = ["job", "told_slot", "state", "started_at", "touched_at", "finished_at", "affected"]
    list_filter = [JobFilter, "state"]
    ordering = ["-pk"]
    fields = ["job", "told_slot", "state", "started_at", "touched_at", "finished_at", "watermark", "affected"]

    @admin.display(description=_("slot"), ordering="slot")
    def told_slot(self, run: JobRun) -> str:
        """In words."""
        return run.slot_in_words

    @admin.display(description=_("job"), ordering="name")
    def job(self, run: JobRun) -> str:
        """In words."""
        return run.name_in_words
