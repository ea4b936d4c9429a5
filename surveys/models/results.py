"""What becomes of answers: what a sponsor sees of them, and files made of them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from surveys.models.surveys import Survey


class PublishedResult(models.Model):
    """A survey's totals as its sponsor sees them: written at most once a day, the same however often asked (P2)."""

    survey = models.OneToOneField(Survey, models.PROTECT, related_name="published", verbose_name=_("survey"))
    day = models.DateField(_("as of"))
    counted = models.PositiveIntegerField(_("completed when it was written"))  # for staff: exact
    figures = models.JSONField(_("figures"), default=dict)  # surveys.results.publishing.SurveyTotals
    is_final = models.BooleanField(_("final"), default=False)

    class Meta:
        verbose_name = _("published survey result")
        verbose_name_plural = _("published survey results")

    def __str__(self) -> str:
        return f"#{self.pk}"


class Export(models.Model):
    """A file of a survey's answers that takes a while to make. waiting → making → done | failed."""

    class Kind(models.TextChoices):
        """What is made."""

        XLSX = "xlsx", "XLSX"
        SAV = "sav", "SPSS"

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", _("waiting")
        MAKING = "making", _("being made")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    survey = models.ForeignKey(Survey, models.PROTECT, related_name="exports", verbose_name=_("survey"))
    kind = models.CharField(_("kind"), max_length=4, choices=Kind)
    asked = models.CharField(_("filters"), max_length=1000, blank=True)  # the page's query
    language = models.CharField(_("language"), max_length=2)
    state = models.CharField(_("state"), max_length=7, choices=State, default=State.WAITING)
    rows = models.PositiveIntegerField(_("rows"), default=0)
    made = models.PositiveIntegerField(_("rows made"), default=0)
    path = models.CharField(_("file"), max_length=200, blank=True)
    created_by = models.CharField(_("made by"), max_length=80)
    created_at = models.DateTimeField(_("made at"))
    touched_at = models.DateTimeField(_("worked on at"))

    class Meta:
        verbose_name = _("survey export")
        verbose_name_plural = _("survey exports")
        constraints = [
            models.CheckConstraint(
                condition=Q(state="done") & ~Q(path="") | ~Q(state="done"), name="survey_export_done_has_a_file"
            )
        ]
        indexes = [
            # What a worker looks for.
            models.Index(fields=["id"], condition=Q(state__in=["waiting", "making"]), name="survey_export_to_make")
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def percent(self) -> int:
        """How far it is."""
        return 100 if self.state == self.State.DONE else min(99, 100 * self.made // self.rows if self.rows else 0)
