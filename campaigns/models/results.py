"""What partners are told of their offers, and billed for: rounded when it is written down, never after (ADR 0021)."""

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaigns import Campaign
from campaigns.models.offers import Offer
from campaigns.models.partners import Partner


class PublishedResult(models.Model):
    """An offer's results in a campaign as its partner sees them: written once a day, the same however often asked."""

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="published", verbose_name=_("campaign"))
    offer = models.ForeignKey(Offer, models.PROTECT, related_name="published", verbose_name=_("offer"))
    day = models.DateField(_("as of"))
    figures = models.JSONField(_("figures"), default=dict)  # campaigns.results.publishing.Shown
    is_final = models.BooleanField(_("final"), default=False)

    class Meta:
        verbose_name = _("published result")
        verbose_name_plural = _("published results")
        constraints = [models.UniqueConstraint(fields=["campaign", "offer"], name="publishedresult_once")]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Statement(models.Model):
    """What a partner is billed for a month: delivered messages at the price of that time. Append-only."""

    partner = models.ForeignKey(Partner, models.PROTECT, related_name="statements", verbose_name=_("partner"))
    month = models.DateField(_("month"))  # its first day, Astana time
    lines = models.JSONField(_("lines"), default=list)  # [offer's id, or None: all others; messages]
    messages = models.PositiveIntegerField(_("delivered messages"))
    price = models.PositiveIntegerField(_("price of a delivered message, tiyn"))
    issued_at = models.DateTimeField(_("issued at"))

    class Meta:
        verbose_name = _("statement")
        verbose_name_plural = _("statements")
        constraints = [
            models.UniqueConstraint(fields=["partner", "month"], name="statement_once"),
            models.CheckConstraint(condition=Q(month__day=1), name="statement_month_is_a_first"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def amount(self) -> int:
        """What is to be paid, in tiyn."""
        return self.messages * self.price

    @property
    def tenge(self) -> Decimal:
        """The same in tenge."""
        return Decimal(self.amount) / 100
