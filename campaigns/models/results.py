"""What became of campaigns, as it was counted; what partners are told of it, and billed for (ADR 0021)."""

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaigns import Campaign
from campaigns.models.offers import Offer
from campaigns.models.partners import Partner


class CountedResult(models.Model):
    """A campaign's exact figures for staff, as last counted. Final ones outlast the messages and never change."""

    campaign = models.OneToOneField(Campaign, models.PROTECT, related_name="counted", verbose_name=_("campaign"))
    figures = models.JSONField(_("figures"), null=True)  # campaigns.results.store.written; null: being counted first
    counted_at = models.DateTimeField(_("counted at"), null=True)
    is_final = models.BooleanField(_("final"), default=False)

    class Meta:
        verbose_name = _("counted result")
        verbose_name_plural = _("counted results")
        constraints = [
            models.CheckConstraint(
                condition=Q(figures__isnull=True, counted_at__isnull=True, is_final=False)
                | Q(figures__isnull=False, counted_at__isnull=False),
                name="countedresult_is_whole",
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class PublishedResult(models.Model):
    """An offer's results in a campaign as its partner sees them: written once a day, the same however often asked."""

    campaign = models.ForeignKey(Campaign, models.PROTECT, related_name="published", verbose_name=_("campaign"))
    offer = models.ForeignKey(Offer, models.PROTECT, related_name="published", verbose_name=_("offer"))
    day = models.DateField(_("as of"))
    figures = models.JSONField(_("figures"), default=dict)  # campaigns.results.publishing.OfferTotals
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
