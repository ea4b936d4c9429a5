"""Files of offers, from upload to import."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.offers import Offer
from campaigns.models.partners import Partner


class Upload(models.Model):
    """A file of offers: uploaded → parsing → parsed → (accepted →) imported, or refused. Imported is what was shown."""

    class Phase(models.TextChoices):
        """How far it has come."""

        UPLOADED = "uploaded", _("waiting to be read")
        PARSING = "parsing", _("being read")
        PARSED = "parsed", _("read, waiting for your decision")
        ACCEPTED = "accepted", _("being imported")  # confirmed, and too long for one request
        IMPORTED = "imported", _("imported")
        REFUSED = "refused", _("nothing made of it")  # it cannot be read, was discarded, or nobody decided

    partner = models.ForeignKey(Partner, models.PROTECT, related_name="uploads", verbose_name=_("partner"))
    file_name = models.CharField(_("file"), max_length=200)
    path = models.CharField(max_length=400)
    phase = models.CharField(_("state"), max_length=8, choices=Phase, default=Phase.UPLOADED)
    rows = models.PositiveIntegerField(_("rows"), default=0)
    rows_done = models.PositiveIntegerField(_("rows read"), default=0)
    good = models.PositiveIntegerField(_("rows without errors"), default=0)
    refusal = models.CharField(_("why it cannot be read"), max_length=300, blank=True)  # or why it came back
    confirmed_by = models.CharField(_("confirmed by"), max_length=80, blank=True)
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    lease_until = models.DateTimeField(null=True)  # of the worker that reads it
    created_by = models.CharField(_("by"), max_length=80)
    created_at = models.DateTimeField(_("uploaded at"))
    finished_at = models.DateTimeField(_("finished at"), null=True)

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        constraints = [
            models.CheckConstraint(
                condition=Q(phase__in=["uploaded", "parsing", "parsed"], finished_at__isnull=True)
                | (Q(phase="accepted", finished_at__isnull=True, confirmed_at__isnull=False) & ~Q(confirmed_by=""))
                | Q(phase="imported", finished_at__isnull=False)
                | (Q(phase="refused", finished_at__isnull=False) & ~Q(refusal="")),
                name="upload_end_is_whole",
            )
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def percent(self) -> int:
        """How far reading is, for a progress bar."""
        return min(100, 100 * self.rows_done // self.rows) if self.rows else 0


class UploadRow(models.Model):
    """A row of a file: as it stood, as it was understood, and what is wrong with it."""

    upload = models.ForeignKey(Upload, models.CASCADE, related_name="lines", db_index=False)
    number = models.PositiveIntegerField(_("row"))  # counted below the headings: the first offer is row 1
    given = models.JSONField(_("as it stands"), default=dict)
    understood = models.JSONField(_("as it was understood"), default=dict)
    errors = models.JSONField(_("errors"), default=list)  # [field, code, details]
    offer = models.ForeignKey(Offer, models.SET_NULL, null=True, verbose_name=_("offer"))  # made of it, or the same

    class Meta:
        verbose_name = _("row of an upload")
        verbose_name_plural = _("rows of uploads")
        constraints = [models.UniqueConstraint(fields=["upload", "number"], name="uploadrow_once")]

    def __str__(self) -> str:
        return f"#{self.number}"
