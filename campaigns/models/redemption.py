"""Codes, and what shops redeemed with them."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.campaigns import Campaign
from campaigns.models.offers import Offer
from campaigns.models.partners import Partner
from enrollment.models import Subscriber


class PromoCode(models.Model):
    """A code of an offer's pool: free, or one member's. What it is never says whose (M6)."""

    partner = models.ForeignKey(Partner, models.PROTECT, db_index=False, verbose_name=_("partner"))
    offer = models.ForeignKey(Offer, models.PROTECT, db_index=False, related_name="pool", verbose_name=_("offer"))
    code = models.CharField(_("code"), max_length=20)  # upper case, letters and digits
    subscriber = models.ForeignKey(
        Subscriber, models.PROTECT, null=True, db_index=False, db_constraint=False, verbose_name=_("subscriber")
    )
    campaign = models.ForeignKey(
        Campaign, models.PROTECT, null=True, db_index=False, db_constraint=False, verbose_name=_("campaign")
    )
    given_at = models.DateTimeField(_("given at"), null=True)
    used = models.PositiveSmallIntegerField(_("times redeemed"), default=0)

    class Meta:
        verbose_name = _("code")
        verbose_name_plural = _("codes")
        constraints = [
            models.UniqueConstraint(fields=["partner", "code"], name="promocode_once"),
            models.UniqueConstraint(
                fields=["offer", "subscriber"], condition=Q(subscriber__isnull=False), name="promocode_one_each"
            ),
            models.CheckConstraint(
                condition=Q(subscriber__isnull=True, given_at__isnull=True, campaign__isnull=True)
                | Q(subscriber__isnull=False, given_at__isnull=False),
                name="promocode_given_is_whole",
            ),
        ]
        # The free ones of a pool.
        indexes = [models.Index(fields=["offer", "id"], condition=Q(subscriber__isnull=True), name="promocode_free")]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Redemption(models.Model):
    """An offer taken at a till. Append-only; `subscriber` is ours alone and never shown to the partner."""

    partner = models.ForeignKey(Partner, models.PROTECT, db_index=False, verbose_name=_("partner"))
    offer = models.ForeignKey(Offer, models.PROTECT, related_name="redemptions", verbose_name=_("offer"))
    code = models.ForeignKey(PromoCode, models.PROTECT, null=True, verbose_name=_("code"))  # None: the code for all
    campaign = models.ForeignKey(Campaign, models.PROTECT, null=True, verbose_name=_("campaign"))
    subscriber = models.ForeignKey(
        Subscriber, models.PROTECT, null=True, db_constraint=False, verbose_name=_("subscriber")
    )
    at = models.DateTimeField(_("at"))
    by = models.CharField(_("by"), max_length=80)
    receipt = models.CharField(_("shop's reference"), max_length=60, blank=True)

    class Meta:
        verbose_name = _("redemption")
        verbose_name_plural = _("redemptions")
        constraints = [
            # A till that asks again with its own reference redeems once.
            models.UniqueConstraint(
                fields=["partner", "receipt"], condition=~Q(receipt=""), name="redemption_once_per_receipt"
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
