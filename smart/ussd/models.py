"""What was dialed and what was shown."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from core.access.models import ApiClient
from enrollment.models import Subscriber


class UssdSession(models.Model):
    """A USSD session as it goes: where in the menu, and every step with the reply it got.

    A step is [token, input, action, text, at]: the token is what a retransmission repeats. Mere steps are
    committed asynchronously, steps with an effect together with it, synchronously (ADR 0007). When the session
    is over its row is filed as a Dial.
    """

    client = models.ForeignKey(ApiClient, models.CASCADE, db_constraint=False, db_index=False)
    session_id = models.CharField(max_length=128)
    msisdn_index = models.BinaryField(max_length=16)
    subscriber = models.ForeignKey(Subscriber, models.PROTECT, null=True, db_constraint=False, db_index=True)
    language = models.CharField(max_length=2)
    opened_at = models.DateTimeField()
    touched_at = models.DateTimeField()
    dialed = models.CharField(max_length=182)
    visited_plmn = models.CharField(max_length=6, blank=True)
    screen = models.CharField(max_length=40)  # the screen that waits for a key; "" when the session is over
    page = models.PositiveSmallIntegerField(default=0)
    context = models.JSONField(default=dict)
    sequence = models.IntegerField(default=0)  # of the last step, where the gateway numbers them
    taken = models.TextField(blank=True)  # the cumulative text dealt with, where the gateway repeats it
    turn = models.IntegerField(default=0)  # moves on with each step: the guard of concurrent twins
    steps = models.JSONField(default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "session_id"], name="ussdsession_once")]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Dial(models.Model):
    """A finished USSD session with its screens, kept for the care desk. Partitioned by month; no number in it."""

    month = models.DateField(_("month"))
    client = models.ForeignKey(
        ApiClient, models.PROTECT, db_constraint=False, db_index=False, verbose_name=_("gateway")
    )
    session_id = models.CharField(_("session"), max_length=128)
    subscriber = models.ForeignKey(
        Subscriber,
        models.PROTECT,
        null=True,
        related_name="dials",
        db_constraint=False,
        db_index=False,  # dial_by_subscriber begins with it
        verbose_name=_("subscriber"),
    )
    dialed = models.CharField(_("dialed"), max_length=182)
    language = models.CharField(_("language"), max_length=2)
    opened_at = models.DateTimeField(_("opened at"))
    closed_at = models.DateTimeField(_("closed at"))
    steps = models.JSONField(_("steps"), default=list)

    class Meta:
        verbose_name = _("dial")
        verbose_name_plural = _("dials")
        indexes = [
            models.Index(fields=["subscriber", "opened_at"], name="dial_by_subscriber"),  # care page
            models.Index(fields=["client", "session_id"], name="dial_by_session"),  # what is sent again late
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
