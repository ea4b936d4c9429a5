"""Sending offers to people: who, what, when, how fast."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.offers import Offer
from enrollment.models import Channel, SavedAudience, Subscriber
from messaging.models import Stream


class Campaign(models.Model):
    """Approved offers to an audience. draft → scheduled → running ⇄ paused → finished | cancelled."""

    class State(models.TextChoices):
        """Where the campaign stands."""

        DRAFT = "draft", _("draft")
        SCHEDULED = "scheduled", _("scheduled")
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        FINISHED = "finished", _("finished")
        CANCELLED = "cancelled", _("cancelled")

    name = models.CharField(_("name"), max_length=120)
    audience = models.JSONField(_("audience"), default=dict)  # enrollment.audience.definition
    saved_audience = models.ForeignKey(
        SavedAudience, models.SET_NULL, null=True, blank=True, verbose_name=_("saved audience")
    )
    channels = ArrayField(
        models.CharField(max_length=4, choices=Channel),
        verbose_name=_("channels, in order"),
        help_text=_("The first that the member agreed to is taken."),
    )
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    rate_per_minute = models.PositiveIntegerField(
        _("messages a minute"), null=True, blank=True, help_text=_("Empty: as fast as the network takes them.")
    )
    daily_budget = models.PositiveIntegerField(
        _("messages a day, at most"), null=True, blank=True, help_text=_("Empty: no limit.")
    )
    is_carried = models.BooleanField(
        _("carried to tomorrow"), default=True, help_text=_("Off: what cannot leave before 21:00 expires.")
    )
    holdout = models.PositiveSmallIntegerField(
        _("holdout, per cent"), default=0, help_text=_("This share gets nothing, to be compared with.")
    )
    exploration = models.PositiveSmallIntegerField(
        _("exploration, per cent"), default=10, help_text=_("This share gets any of the offers, so that we learn.")
    )
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.DRAFT)
    stream = models.OneToOneField(Stream, models.PROTECT, null=True, blank=True, verbose_name=_("stream"))
    watermark = models.BigIntegerField(default=0)  # subscribers below it have been dealt with
    watermark_end = models.BigIntegerField(default=0)  # the first subscriber who came after the launch
    built = models.PositiveIntegerField(_("messages made"), default=0)
    launched_by = models.CharField(_("launched by"), max_length=80, blank=True)
    launched_at = models.DateTimeField(_("launched at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    created_by = models.CharField(_("made by"), max_length=80)
    created_at = models.DateTimeField(_("made at"))

    class Meta:
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="campaign_ends_after_it_starts"),
            models.CheckConstraint(condition=Q(holdout__lte=50), name="campaign_holdout_fits"),
            models.CheckConstraint(condition=Q(exploration__lte=100), name="campaign_exploration_fits"),
            models.CheckConstraint(condition=Q(channels__len__gt=0), name="campaign_has_a_channel"),
            models.CheckConstraint(
                condition=Q(rate_per_minute__isnull=True) | Q(rate_per_minute__gt=0), name="campaign_rate_positive"
            ),
            models.CheckConstraint(
                condition=Q(daily_budget__isnull=True) | Q(daily_budget__gt=0), name="campaign_budget_positive"
            ),
            models.CheckConstraint(
                condition=Q(state="draft", launched_at__isnull=True, finished_at__isnull=True)
                | (
                    Q(
                        state__in=["scheduled", "running", "paused"],
                        launched_at__isnull=False,
                        stream__isnull=False,
                        finished_at__isnull=True,
                    )
                    & ~Q(launched_by="")
                )
                | Q(state__in=["finished", "cancelled"], finished_at__isnull=False),
                name="campaign_state_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Variant(models.Model):
    """An offer in a campaign, with its share, or with another text to be compared (A/B)."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="variants", verbose_name=_("campaign"))
    offer = models.ForeignKey(Offer, models.PROTECT, related_name="variants", verbose_name=_("offer"))
    label = models.CharField(_("label"), max_length=20, default="A")
    share = models.PositiveSmallIntegerField(_("share"), default=1)
    text_kk = models.TextField(_("other text in Kazakh"), blank=True)
    text_ru = models.TextField(_("other text in Russian"), blank=True)
    text_en = models.TextField(_("other text in English"), blank=True)

    class Meta:
        verbose_name = _("variant")
        verbose_name_plural = _("variants")
        constraints = [
            models.UniqueConstraint(fields=["campaign", "offer", "label"], name="variant_once"),
            models.CheckConstraint(condition=Q(share__gte=1), name="variant_has_a_share"),
        ]

    def __str__(self) -> str:
        return f"{self.offer} {self.label}"


class Placement(models.Model):
    """What a campaign had in mind for a member: a variant, or nothing (the holdout). One a member and campaign."""

    campaign = models.ForeignKey(Campaign, models.PROTECT, db_index=False, verbose_name=_("campaign"))
    subscriber = models.ForeignKey(
        Subscriber, models.PROTECT, db_index=False, db_constraint=False, verbose_name=_("subscriber")
    )
    variant = models.ForeignKey(
        Variant, models.PROTECT, null=True, db_index=False, db_constraint=False, verbose_name=_("variant")
    )  # None: holdout
    offer = models.ForeignKey(
        Offer, models.PROTECT, null=True, db_index=False, db_constraint=False, verbose_name=_("offer")
    )
    placed_at = models.DateTimeField(_("placed at"))
    score = models.FloatField(_("score"), default=0)
    is_explored = models.BooleanField(_("by chance"), default=False)

    class Meta:
        verbose_name = _("placement")
        verbose_name_plural = _("placements")
        constraints = [models.UniqueConstraint(fields=["campaign", "subscriber"], name="placement_once")]
        # "Had it already", and a member's history.
        indexes = [models.Index(fields=["subscriber", "offer"], name="placement_by_subscriber")]

    def __str__(self) -> str:
        return f"#{self.pk}"
