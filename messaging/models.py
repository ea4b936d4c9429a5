"""What is said to members outside a USSD session: outbox, attempts, receipts, streams, and whether we may send."""

from datetime import time

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from enrollment.models import Channel, Language, Purpose, Subscriber
from messaging import kinds


class MessageClass(models.TextChoices):
    """What a message is to its reader; in this order they leave."""

    SERVICE = "service", pgettext_lazy("a message", "service")
    SURVEY = "survey", _("survey invitation")
    OFFER = "offer", _("offer")


class Stream(models.Model):
    """Messages that belong together: a campaign's, a survey's, one kind of service message. Paced and paused as one."""

    code = models.SlugField(_("code"), max_length=40, unique=True)
    message_class = models.CharField(_("class"), max_length=7, choices=MessageClass)
    rate_per_minute = models.PositiveIntegerField(
        _("messages a minute"), null=True, blank=True, help_text=_("Empty: as fast as the network takes them.")
    )
    is_carried = models.BooleanField(
        _("carried to tomorrow"), default=True, help_text=_("Off: what cannot leave before 21:00 expires.")
    )
    is_paused = models.BooleanField(_("paused"), default=False)
    tokens = models.FloatField(_("tokens"), default=0)
    tokens_at = models.DateTimeField(_("tokens counted at"), null=True, blank=True)

    class Meta:
        verbose_name = _("stream")
        verbose_name_plural = _("streams")
        constraints = [
            models.CheckConstraint(
                condition=Q(message_class__in=["service", "survey", "offer"]), name="stream_class_known"
            ),
            models.CheckConstraint(
                condition=Q(rate_per_minute__isnull=True) | Q(rate_per_minute__gt=0), name="stream_rate_positive"
            ),
        ]

    def __str__(self) -> str:
        return str(kinds.names().get(self.code, self.code))  # the programme's own are named by their kind


class Message(models.Model):
    """One message to one member: the outbox. Partitioned by the month it was made in.

    waiting → claimed (a sender has it, for its lease) → submitted (the network took it) → delivered | undelivered |
    unreported; claimed → waiting (surely not handed over) | unknown (nobody can say: M9) → as submitted, or unreported.
    refused, expired, cancelled, failed: never handed over, and `why` says why not. Final states never go back.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        CLAIMED = "claimed", _("being handed over")
        SUBMITTED = "submitted", _("taken by the network")
        UNKNOWN = "unknown", _("hand-over uncertain")
        DELIVERED = "delivered", _("delivered")
        UNDELIVERED = "undelivered", _("not delivered")
        UNREPORTED = "unreported", _("no receipt came")
        REFUSED = "refused", _("not sent: refused by a rule")
        EXPIRED = "expired", _("not sent: its time was over")
        CANCELLED = "cancelled", _("not sent: cancelled")
        FAILED = "failed", _("not sent: the network would not have it")

    FINAL = (
        State.DELIVERED, State.UNDELIVERED, State.UNREPORTED, State.REFUSED, State.EXPIRED, State.CANCELLED,
        State.FAILED,
    )  # fmt: skip

    month = models.DateField(_("month"))
    subscriber = models.ForeignKey(
        Subscriber,
        models.PROTECT,
        related_name="messages",
        db_constraint=False,
        db_index=False,  # message_once begins with it
        verbose_name=_("subscriber"),
    )
    stream = models.ForeignKey(Stream, models.PROTECT, db_constraint=False, db_index=False, verbose_name=_("stream"))
    message_class = models.CharField(_("class"), max_length=7, choices=MessageClass)
    kind = models.CharField(_("kind"), max_length=20)  # "welcome", "offer" …: messaging.kinds
    purpose = models.CharField(_("purpose"), max_length=8, choices=Purpose, blank=True)  # "" for service messages
    channel = models.CharField(_("channel"), max_length=4, choices=Channel)
    text = models.TextField(_("text"))
    language = models.CharField(_("language"), max_length=2, choices=Language)
    encoding = models.CharField(_("encoding"), max_length=4, choices=[("gsm7", "GSM-7"), ("ucs2", "UCS-2")])
    segments = models.PositiveSmallIntegerField(_("segments"))
    not_before = models.DateTimeField(_("not before"))
    not_after = models.DateTimeField(_("not after"))
    campaign = models.BigIntegerField(_("campaign"), null=True)  # an id of the room above
    reason = models.CharField(_("why this message"), max_length=200, blank=True)
    origin = models.CharField(_("origin"), max_length=60)  # "bonus_issued:2026-12": nobody gets it twice
    state = models.CharField(_("state"), max_length=11, choices=State, default=State.WAITING)
    why = models.CharField(_("reason of the state"), max_length=20, blank=True)  # messaging.kinds.WHY
    created_at = models.DateTimeField(_("made at"))
    transport = models.CharField(_("transport"), max_length=40, blank=True)
    fence = models.BigIntegerField(_("fencing number"), default=0)
    lease_until = models.DateTimeField(_("leased until"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    valid_until = models.DateTimeField(_("valid in the network until"), null=True, blank=True)
    submitted_at = models.DateTimeField(_("taken at"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        constraints = [
            models.UniqueConstraint(fields=["subscriber", "origin", "month"], name="message_once"),
            models.CheckConstraint(
                condition=Q(message_class="service", purpose="")
                | Q(message_class="offer", purpose="offers")
                | Q(message_class="survey", purpose="surveys"),
                name="message_purpose_fits_its_class",
            ),
            models.CheckConstraint(condition=Q(channel__in=["sms", "ussd", "ivr"]), name="message_channel_known"),
            models.CheckConstraint(condition=Q(not_after__gt=F("not_before")), name="message_window_not_empty"),
            models.CheckConstraint(condition=~Q(text="") & Q(segments__gt=0), name="message_says_something"),
            models.CheckConstraint(
                condition=Q(state="waiting", lease_until__isnull=True, ended_at__isnull=True)
                | Q(state="claimed", lease_until__isnull=False, fence__gt=0, ended_at__isnull=True)
                | Q(state="submitted", submitted_at__isnull=False, lease_until__isnull=True, ended_at__isnull=True)
                | Q(state="unknown", valid_until__isnull=False, lease_until__isnull=True, ended_at__isnull=True)
                | Q(
                    state__in=["delivered", "undelivered", "unreported"],
                    valid_until__isnull=False,
                    lease_until__isnull=True,
                    ended_at__isnull=False,
                )
                | (
                    Q(
                        state__in=["refused", "expired", "cancelled", "failed"],
                        lease_until__isnull=True,
                        ended_at__isnull=False,
                    )
                    & ~Q(why="")
                ),
                name="message_state_fits_its_instants",
            ),
        ]
        indexes = [
            # The claim: the next of a stream on a channel. Partial, so that what has left costs a claim nothing.
            models.Index(fields=["stream", "channel", "not_before"], condition=Q(state="waiting"), name="message_due"),
            # The sweeper, and what waits for a receipt.
            models.Index(
                fields=["state", "valid_until"],
                condition=Q(state__in=["claimed", "submitted", "unknown"]),
                name="message_open",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def why_in_words(self) -> str:
        """The reason of the state as people read it."""
        return str(kinds.WHY.get(self.why, self.why))

    @property
    def kind_in_words(self) -> str:
        """What it tells, as people read it."""
        return str(kinds.names().get(self.kind, self.kind))

    @property
    def reason_in_words(self) -> str:
        """Why it was made, as people read it."""
        return str(kinds.reasons().get(self.reason, self.reason))

    @property
    def is_final(self) -> bool:
        """True when nothing more can happen to it."""
        return self.state in self.FINAL


class Attempt(models.Model):
    """A hand-over about to happen: committed before the network hears of it. Partitioned by its message's month."""

    class Outcome(models.TextChoices):
        OPEN = "", _("under way, or nobody can say")
        ACCEPTED = "accepted", _("taken")
        REJECTED = "rejected", _("refused for good")
        RETRY = "retry", _("not taken, to be tried again")
        NOT_HANDED = "not_handed", _("not handed over after all")
        UNCERTAIN = "uncertain", _("nobody can say")

    month = models.DateField(_("month"))
    message = models.ForeignKey(
        Message, models.PROTECT, related_name="tries", db_constraint=False, db_index=False, verbose_name=_("message")
    )
    number = models.PositiveSmallIntegerField(_("number"))
    fence = models.BigIntegerField(_("fencing number"))
    transport = models.CharField(_("transport"), max_length=40)
    gated_at = models.DateTimeField(_("passed the gate at"))
    valid_until = models.DateTimeField(_("valid in the network until"))
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome, blank=True)
    error = models.CharField(_("error"), max_length=60, blank=True)
    answer = models.CharField(_("keyed in"), max_length=182, blank=True)
    ended_at = models.DateTimeField(_("answered at"), null=True, blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        constraints = [models.UniqueConstraint(fields=["message", "fence", "month"], name="attempt_once")]

    def __str__(self) -> str:
        return f"#{self.pk}"


class NetworkId(models.Model):
    """What the network calls a part of a message, to find it by a receipt. Partitioned by the message's month."""

    month = models.DateField()
    message = models.ForeignKey(Message, models.PROTECT, db_constraint=False, db_index=True)
    transport = models.CharField(max_length=40)
    network_id = models.CharField(max_length=80)
    status = models.CharField(max_length=11, blank=True)  # the receipt's

    class Meta:
        constraints = [models.UniqueConstraint(fields=["network_id", "transport", "month"], name="networkid_once")]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Receipt(models.Model):
    """What the network said of a message, as it came; stored before it is acknowledged. Partitioned by month."""

    class Status(models.TextChoices):
        DELIVERED = "delivered", _("delivered")
        UNDELIVERED = "undelivered", _("not delivered")
        UNDERWAY = "underway", _("under way")

    month = models.DateField(_("month"))  # it came in
    transport = models.CharField(_("transport"), max_length=40)
    network_id = models.CharField(_("network's id"), max_length=80, blank=True)
    status = models.CharField(_("status"), max_length=11, choices=Status)
    error = models.CharField(_("error"), max_length=60, blank=True)
    raw = models.TextField(_("as it came"), blank=True)  # numbers masked
    received_at = models.DateTimeField(_("received at"))
    message = models.ForeignKey(
        Message, models.PROTECT, null=True, db_constraint=False, db_index=False, verbose_name=_("message")
    )
    message_month = models.DateField(_("month of the message"), null=True)
    matched_at = models.DateTimeField(_("matched at"), null=True)

    class Meta:
        verbose_name = _("delivery receipt")
        verbose_name_plural = _("delivery receipts")
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["delivered", "undelivered", "underway"]), name="receipt_status_known"
            )
        ]
        indexes = [
            # What is not matched yet: few rows.
            models.Index(fields=["received_at"], condition=Q(matched_at__isnull=True), name="receipt_unmatched"),
            models.Index(fields=["message"], name="receipt_by_message"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class Contact(models.Model):
    """How often a member has been contacted: the frequency caps' counters (M4, M5), one row a subscriber."""

    subscriber = models.OneToOneField(Subscriber, models.PROTECT, primary_key=True, db_constraint=False)
    month = models.DateField()
    offers = models.PositiveSmallIntegerField(default=0)
    surveys = models.PositiveSmallIntegerField(default=0)
    day = models.DateField()
    offers_on_day = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"#{self.pk}"


class ServiceText(models.Model):
    """What the programme says of itself, by kind and language; `{placeholders}` are checked when it is saved."""

    kind = models.SlugField(_("kind"), max_length=20, unique=True)
    is_on = models.BooleanField(_("sent"), default=True)
    channel = models.CharField(_("channel"), max_length=4, choices=Channel, default=Channel.SMS)
    text_kk = models.TextField(_("text in Kazakh"))
    text_ru = models.TextField(_("text in Russian"))
    text_en = models.TextField(_("text in English"))

    class Meta:
        verbose_name = _("service message")
        verbose_name_plural = _("service messages")

    def __str__(self) -> str:
        return str(kinds.names().get(self.kind, self.kind))


class IvrPrompt(models.Model):
    """A text as it sounds on the telephone, recorded by staff or synthesized, by name and language."""

    name = models.SlugField(_("name"), max_length=40)
    language = models.CharField(_("language"), max_length=2, choices=Language)
    text = models.TextField(_("text"))
    sound = models.FileField(_("sound"), upload_to="prompts/")
    duration_ms = models.PositiveIntegerField(_("duration, ms"), default=0)
    is_synthesized = models.BooleanField(_("synthesized"), default=False)
    uploaded_by = models.CharField(_("by"), max_length=80, blank=True)
    uploaded_at = models.DateTimeField(_("uploaded at"))

    class Meta:
        verbose_name = _("prompt")
        verbose_name_plural = _("prompts")
        constraints = [models.UniqueConstraint(fields=["name", "language"], name="prompt_once_a_language")]

    def __str__(self) -> str:
        return f"{self.name} ({self.language})"


class SendingPolicy(models.Model):
    """When and how often we send; one row. The window may be narrowed, never widened beyond M1."""

    class Weekday(models.IntegerChoices):
        MONDAY = 1, _("Monday")
        TUESDAY = 2, _("Tuesday")
        WEDNESDAY = 3, _("Wednesday")
        THURSDAY = 4, _("Thursday")
        FRIDAY = 5, _("Friday")
        SATURDAY = 6, _("Saturday")
        SUNDAY = 7, _("Sunday")

    is_paused = models.BooleanField(_("everything paused"), default=False)
    opens = models.TimeField(_("opens"), default=time(10))
    closes = models.TimeField(_("closes"), default=time(21))
    weekdays = ArrayField(
        models.PositiveSmallIntegerField(choices=Weekday), verbose_name=_("days"), default=list, blank=True
    )  # none named: every day
    holidays = ArrayField(models.DateField(), verbose_name=_("holidays"), default=list, blank=True)
    offers_a_month = models.PositiveSmallIntegerField(_("offers a month"), default=10)
    offers_a_day = models.PositiveSmallIntegerField(_("offers a day"), default=1)
    surveys_a_month = models.PositiveSmallIntegerField(_("survey invitations a month"), default=2)

    class Meta:
        verbose_name = _("sending policy")
        verbose_name_plural = pgettext_lazy("several", "sending policy")
        constraints = [
            models.CheckConstraint(condition=Q(pk=1), name="policy_is_one"),
            models.CheckConstraint(
                condition=Q(opens__gte=time(10), closes__lte=time(21), opens__lt=F("closes")),
                name="policy_window_within_the_rule",  # M1
            ),
            models.CheckConstraint(
                condition=Q(offers_a_month__lte=10, offers_a_day__lte=10, surveys_a_month__lte=2),
                name="policy_caps_within_the_rule",  # M4, M5
            ),
        ]

    def __str__(self) -> str:
        return f"{self.opens:%H:%M}-{self.closes:%H:%M}"


class SendingEpoch(models.Model):
    """This very database may send: confirmed by a person. A restored or copied one has another fingerprint."""

    fingerprint = models.CharField(_("fingerprint"), max_length=120)
    confirmed_at = models.DateTimeField(_("confirmed at"))
    confirmed_by = models.CharField(_("confirmed by"), max_length=80)
    reason = models.CharField(_("reason"), max_length=300)

    class Meta:
        verbose_name = _("sending epoch")
        verbose_name_plural = _("sending epochs")

    def __str__(self) -> str:
        return f"#{self.pk}"


class TransportHealth(models.Model):
    """What a sender last said of its transport; over 10 s old means that it is away."""

    name = models.CharField(_("transport"), max_length=40, primary_key=True)
    kind = models.CharField(_("kind"), max_length=20)
    channels = ArrayField(models.CharField(max_length=4), verbose_name=_("channels"), default=list)
    weight = models.PositiveSmallIntegerField(_("weight"), default=1)
    is_up = models.BooleanField(_("bound"), default=False)
    in_flight = models.PositiveIntegerField(_("window in use"), default=0)
    window = models.PositiveIntegerField(_("window"), default=0)
    rate = models.FloatField(_("messages a second"), default=0)
    errors = models.BigIntegerField(_("errors"), default=0)
    last_error = models.CharField(_("last error"), max_length=60, blank=True)
    touched_at = models.DateTimeField(_("last heard of"))

    class Meta:
        verbose_name = _("transport")
        verbose_name_plural = _("transports")

    def __str__(self) -> str:
        return self.name
