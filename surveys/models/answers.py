"""What came back: who was invited, who began, what was answered."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from enrollment.models import Channel, Language, Subscriber, Town
from surveys.models.questions import Question, Version
from surveys.models.surveys import Quota, Survey


class Invitation(models.Model):
    """A member asked to take part, once a survey, and reminded once at most. The message itself is in the outbox."""

    survey = models.ForeignKey(Survey, models.PROTECT, db_index=False, verbose_name=_("survey"))
    subscriber = models.ForeignKey(
        Subscriber, models.PROTECT, db_index=False, db_constraint=False, verbose_name=_("subscriber")
    )
    channel = models.CharField(_("channel"), max_length=4, choices=Channel)
    invited_at = models.DateTimeField(_("invited at"))
    reminded_at = models.DateTimeField(_("reminded at"), null=True, blank=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [models.UniqueConstraint(fields=["survey", "subscriber"], name="survey_invitation_once")]
        indexes = [
            # The reminder: who was asked long enough ago and has not been reminded.
            models.Index(
                fields=["survey", "invited_at"],
                condition=Q(reminded_at__isnull=True),
                name="survey_invitation_to_remind",
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Response(models.Model):
    """One member's way through one survey. started → completed | screened_out | full.

    Town, gender and age are as they were at the start, so that results do not move when people do. `path` are the codes
    of the questions answered, in their order; `asked` is the one that waits for an answer ("" when it is over) and
    `turn` grows with every step, so that a late or doubled key is known from the next one.
    """

    class State(models.TextChoices):
        """How far it came; started and the survey over is a drop-out."""

        STARTED = "started", _("begun")
        COMPLETED = "completed", _("completed")
        SCREENED_OUT = "screened_out", _("not eligible")
        FULL = "full", _("its group was full")

    survey = models.ForeignKey(
        Survey, models.PROTECT, related_name="responses", db_index=False, verbose_name=_("survey")
    )
    version = models.ForeignKey(Version, models.PROTECT, db_index=False, verbose_name=_("version"))
    subscriber = models.ForeignKey(
        Subscriber, models.PROTECT, related_name="responses", db_constraint=False, verbose_name=_("subscriber")
    )
    quota = models.ForeignKey(Quota, models.PROTECT, null=True, db_index=False, verbose_name=_("quota"))
    language = models.CharField(_("language"), max_length=2, choices=Language)
    channel = models.CharField(_("answered by"), max_length=4, choices=Channel)
    town = models.ForeignKey(
        Town, models.PROTECT, null=True, db_index=False, db_constraint=False, verbose_name=_("town")
    )
    gender = models.CharField(_("gender"), max_length=1, choices=Subscriber.Gender, blank=True)
    age = models.PositiveSmallIntegerField(_("age"), null=True)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.STARTED)
    asked = models.CharField(_("asked now"), max_length=20, blank=True)
    path = ArrayField(models.CharField(max_length=20), verbose_name=_("answered so far"), default=list)
    turn = models.PositiveIntegerField(_("turn"), default=0)
    started_at = models.DateTimeField(_("started at"))
    asked_at = models.DateTimeField(_("asked at"))
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)
    is_fast = models.BooleanField(_("suspiciously fast"), default=False)
    units = models.PositiveIntegerField(_("reward, units"), default=0)
    grant = models.BigIntegerField(_("grant"), null=True)  # its id: bonuses_grant is partitioned

    class Meta:
        verbose_name = _("response")
        verbose_name_plural = _("responses")
        constraints = [
            models.UniqueConstraint(fields=["survey", "subscriber"], name="response_once"),  # S2
            models.CheckConstraint(
                condition=(Q(state="started", ended_at__isnull=True) & ~Q(asked=""))
                | Q(state__in=["completed", "screened_out", "full"], ended_at__isnull=False, asked=""),
                name="response_state_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(state="started", units=0) | ~Q(state="started"), name="response_paid_at_end"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("started_at")),
                name="response_ends_after_it_began",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Answer(models.Model):
    """One question's answer. Once a response and question (S2).

    `value` is the key of a single choice or of yes or no, the number, or for several choices a bit each: choice n is
    1 << n. `took_ms` is the time since the question was shown.
    """

    response = models.ForeignKey(
        Response, models.CASCADE, related_name="answers", db_index=False, verbose_name=_("response")
    )
    question = models.ForeignKey(
        Question, models.PROTECT, related_name="answers", db_index=False, verbose_name=_("question")
    )
    value = models.BigIntegerField(_("value"), null=True)
    text = models.CharField(_("text"), max_length=200, blank=True)  # numbers masked
    answered_at = models.DateTimeField(_("answered at"))
    took_ms = models.PositiveIntegerField(_("took, ms"))

    class Meta:
        verbose_name = _("answer")
        verbose_name_plural = _("answers")
        constraints = [models.UniqueConstraint(fields=["response", "question"], name="answer_once")]
        indexes = [
            # Distributions, index alone: every answer of a question.
            models.Index(fields=["question", "value"], include=["response", "took_ms"], name="answer_by_question")
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
