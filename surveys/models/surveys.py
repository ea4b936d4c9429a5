"""A survey as marketing runs it: who is asked, by which channels, when, how many of each kind, for how much."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from campaigns.models import Partner
from enrollment.models import Channel, Language, SavedAudience, Subscriber, Town
from messaging.models import Stream


class Survey(models.Model):
    """Questions to an audience. draft → scheduled → running ⇄ paused → finished | cancelled.

    What is asked is its versions' (surveys.models.questions); the newest published one is what is begun now.
    """

    class State(models.TextChoices):
        """Where the survey stands."""

        DRAFT = "draft", _("draft")
        SCHEDULED = "scheduled", _("scheduled")
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        FINISHED = "finished", _("finished")
        CANCELLED = "cancelled", _("cancelled")

    name = models.CharField(_("name"), max_length=120)
    title_kk = models.CharField(_("title in Kazakh"), max_length=40, blank=True)
    title_ru = models.CharField(_("title in Russian"), max_length=40, blank=True)
    title_en = models.CharField(_("title in English"), max_length=40, blank=True)
    languages = ArrayField(
        models.CharField(max_length=2, choices=Language),
        verbose_name=_("languages asked in"),
        help_text=_("Who reads another language is not invited, and answers in the first of these."),
    )
    invitation_kk = models.CharField(_("invitation in Kazakh"), max_length=300, blank=True)
    invitation_ru = models.CharField(_("invitation in Russian"), max_length=300, blank=True)
    invitation_en = models.CharField(
        _("invitation in English"),
        max_length=300,
        blank=True,
        help_text=_("Empty: the usual words. {title} and {units} are filled in; how to answer is added."),
    )
    audience = models.JSONField(_("audience"), default=dict)  # enrollment.audience.definition
    saved_audience = models.ForeignKey(
        SavedAudience, models.SET_NULL, null=True, blank=True, verbose_name=_("saved audience")
    )
    channels = ArrayField(
        models.CharField(max_length=4, choices=Channel),
        verbose_name=_("invited by, in order"),
        help_text=_("The first that the member agreed to is taken."),
    )
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"))
    rate_per_minute = models.PositiveIntegerField(
        _("invitations a minute"), null=True, blank=True, help_text=_("Empty: as fast as the network takes them.")
    )
    remind_after_days = models.PositiveSmallIntegerField(
        _("remind once after, days"), null=True, blank=True, help_text=_("Empty: nobody is reminded.")
    )
    reward_units = models.PositiveIntegerField(
        _("reward, units"), null=True, blank=True, help_text=_("Empty: as the terms in force say.")
    )
    rewards_full = models.BooleanField(
        _("rewarded when full"),
        default=True,
        help_text=_("Whoever has begun is rewarded even when his group fills up meanwhile."),
    )
    fast_seconds = models.FloatField(
        _("suspiciously fast, seconds a question"),
        default=2,
        help_text=_("Who takes less than this for a question on average is flagged; nothing is thrown away."),
    )
    sponsor = models.ForeignKey(
        Partner, models.PROTECT, null=True, blank=True, db_column="sponsor", related_name="+", verbose_name=_("sponsor")
    )
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.DRAFT)
    stream = models.OneToOneField(Stream, models.PROTECT, null=True, blank=True, verbose_name=_("stream"))
    watermark = models.BigIntegerField(default=0)  # subscribers below it have been dealt with
    watermark_end = models.BigIntegerField(default=0)  # the first subscriber who came after the launch
    invited = models.PositiveIntegerField(_("invitations made"), default=0)
    launched_by = models.CharField(_("launched by"), max_length=80, blank=True)
    launched_at = models.DateTimeField(_("launched at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    created_by = models.CharField(_("made by"), max_length=80)
    created_at = models.DateTimeField(_("made at"))

    class Meta:
        verbose_name = _("survey")
        verbose_name_plural = _("surveys")
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="survey_ends_after_it_starts"),
            models.CheckConstraint(condition=Q(channels__len__gt=0), name="survey_has_a_channel"),
            models.CheckConstraint(condition=Q(languages__len__gt=0), name="survey_has_a_language"),
            models.CheckConstraint(
                condition=Q(rate_per_minute__isnull=True) | Q(rate_per_minute__gt=0), name="survey_rate_positive"
            ),
            models.CheckConstraint(
                condition=Q(remind_after_days__isnull=True) | Q(remind_after_days__gt=0), name="survey_reminder_later"
            ),
            models.CheckConstraint(
                condition=Q(reward_units__isnull=True) | Q(reward_units__gt=0), name="survey_reward_positive"
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
                name="survey_state_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def code(self) -> str:
        """What members dial: "*555*6*12#"."""
        return f"*555*6*{self.pk}#"

    def title(self, language: str = "") -> str:
        """The title members see, in a language; the name where there is none."""
        wanted = language or get_language() or ""
        for code in (wanted, *self.languages):
            if found := getattr(self, f"title_{code}", ""):
                return str(found)
        return self.name

    def language_for(self, language: str) -> str:
        """The language to ask a reader of `language` in."""
        return language if language in self.languages else self.languages[0]


class Quota(models.Model):
    """How many answers are wanted of a kind of people: town × age × gender. Closed when full."""

    survey = models.ForeignKey(Survey, models.CASCADE, related_name="quotas", verbose_name=_("survey"))
    town = models.ForeignKey(
        Town, models.PROTECT, null=True, blank=True, verbose_name=_("town"), help_text=_("Empty: every town.")
    )
    age_from = models.PositiveSmallIntegerField(_("age from"), null=True, blank=True)
    age_to = models.PositiveSmallIntegerField(_("age to"), null=True, blank=True)
    gender = models.CharField(
        _("gender"), max_length=1, choices=Subscriber.Gender, blank=True, help_text=_("Empty: every gender.")
    )
    wanted = models.PositiveIntegerField(_("answers wanted"))
    taken = models.PositiveIntegerField(_("answers got"), default=0)

    class Meta:
        verbose_name = _("quota")
        verbose_name_plural = _("quotas")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(wanted__gt=0), name="quota_wants_somebody"),
            models.CheckConstraint(condition=Q(taken__lte=F("wanted")), name="quota_not_overfull"),
            models.CheckConstraint(
                condition=Q(age_from__isnull=True) | Q(age_to__isnull=True) | Q(age_to__gte=F("age_from")),
                name="quota_ages_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def is_full(self) -> bool:
        """True when no more answers of this kind are wanted."""
        return self.taken >= self.wanted
