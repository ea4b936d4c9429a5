"""What the clock made us do, once each."""

from datetime import date, datetime

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.jobs.names import names
from core.staff import dates


class JobRun(models.Model):
    """One slot of one periodic job ("issue_month", "2026-12-01"): however often beat rings, it is done once.

    A long job works in chunks; each chunk's transaction holds this row's lock and moves `watermark` on, so a
    killed worker's successor goes on where the last commit ended, and two workers take turns.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", pgettext_lazy("a job", "done")

    name = models.CharField(_("job"), max_length=40)
    slot = models.CharField(_("slot"), max_length=40)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.RUNNING)
    started_at = models.DateTimeField(_("started at"))
    touched_at = models.DateTimeField(_("last step at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    watermark = models.BigIntegerField(_("watermark"), default=0)  # the highest id a chunk has dealt with
    affected = models.BigIntegerField(_("rows affected"), default=0)

    class Meta:
        verbose_name = _("job run")
        verbose_name_plural = _("job runs")
        constraints = [
            models.UniqueConstraint(fields=["name", "slot"], name="jobrun_once"),
            models.CheckConstraint(
                condition=Q(state="running", finished_at__isnull=True) | Q(state="done", finished_at__isnull=False),
                name="jobrun_done_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name_in_words} {self.slot_in_words}"

    @property
    def name_in_words(self) -> str:
        """What the job does, as people read it."""
        return str(names().get(self.name, self.name))

    @property
    def slot_in_words(self) -> str:
        """The slot as people read it: a day, or an hour in Astana; as it stands where it is neither."""
        try:
            if "T" in self.slot:
                return dates.instant(datetime.fromisoformat(self.slot))
            return dates.day(date.fromisoformat(self.slot))
        except ValueError:
            return self.slot
