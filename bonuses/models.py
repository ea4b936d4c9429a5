"""Units of airtime: the terms they are issued under, the grants, the ledger, the debits."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from bonuses.words import MOVES, REFUSALS
from core.access.models import ApiClient
from core.lib import clock
from enrollment.models import Subscriber


class Kind(models.TextChoices):
    """What a grant is given for."""

    MONTHLY = "monthly", _("monthly bonus")
    SURVEY = "survey", _("survey reward")


class BonusTerms(models.Model):
    """What a bonus is worth and how long it lasts, from a month on; frozen once a grant was issued under it."""

    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    effective_from = models.DateField(_("effective from"), help_text=_("First day of a month."))
    units = models.PositiveIntegerField(_("units"))
    valid_hours = models.PositiveIntegerField(_("valid for, hours"))  # from activation: B5
    activate_within_days = models.PositiveIntegerField(_("to be activated within, days"))  # from issue: B6
    created_at = models.DateTimeField(_("created at"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("bonus terms")
        verbose_name_plural = _("bonus terms")
        constraints = [
            models.UniqueConstraint(fields=["kind", "effective_from"], name="terms_one_per_month"),
            models.CheckConstraint(condition=Q(effective_from__day=1), name="terms_start_on_the_first"),
            models.CheckConstraint(
                condition=Q(units__gt=0, valid_hours__gt=0, activate_within_days__gt=0), name="terms_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.effective_from:%Y-%m}"


class PayableService(models.Model):
    """Something units may pay for (B9). What is not listed is refused."""

    class Service(models.TextChoices):
        CALL = "call", _("call")
        SMS = "sms", _("SMS")
        DATA = "data", _("Internet")

    class Destination(models.TextChoices):
        ON_NET = "on_net", _("within activ and Kcell")
        INTERNET = "internet", _("Internet")

    terms = models.ForeignKey(BonusTerms, models.CASCADE, related_name="payable", verbose_name=_("terms"))
    service = models.CharField(_("service"), max_length=16, choices=Service)
    destination = models.CharField(_("destination class"), max_length=16, choices=Destination)

    class Meta:
        verbose_name = _("payable service")
        verbose_name_plural = _("payable services")
        constraints = [models.UniqueConstraint(fields=["terms", "service", "destination"], name="payable_listed_once")]

    def __str__(self) -> str:
        return said(self.service, self.destination)


def said(service: str, destination: str) -> str:
    """What is paid for, as people read it; what nobody lists stays as it was asked for."""
    where = dict(PayableService.Destination.choices).get(destination, destination)
    return f"{dict(PayableService.Service.choices).get(service, service)} → {where}"


class Grant(models.Model):
    """Units given to a subscriber for a month or a survey. Partitioned by `month`.

    waiting → active (activated) → expired (its time was over) | forfeited (left, line lost)
    waiting → cancelled (not activated in time, or a newer one came: B6) | forfeited
    A closed grant has nothing remaining; a grant spent to the last unit stays active until its lapse.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting to be activated")
        ACTIVE = "active", _("active")
        EXPIRED = "expired", _("lapsed")
        CANCELLED = "cancelled", _("cancelled, never activated")
        FORFEITED = "forfeited", _("forfeited")

    month = models.DateField(_("month"))  # Astana month it was issued for; the partition key
    subscriber = models.ForeignKey(
        Subscriber,
        models.PROTECT,
        related_name="grants",
        db_constraint=False,
        db_index=False,  # grant_once_a_month begins with it
        verbose_name=_("subscriber"),
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    source = models.CharField(_("source"), max_length=40, blank=True)  # what a reward is for; "" for the monthly one
    terms = models.ForeignKey(BonusTerms, models.PROTECT, db_constraint=False, db_index=False, verbose_name=_("terms"))
    units = models.PositiveIntegerField(_("units"))
    remaining = models.PositiveIntegerField(_("remaining"))
    state = models.CharField(_("state"), max_length=9, choices=State)
    issued_at = models.DateTimeField(_("issued at"))
    activate_by = models.DateTimeField(_("to be activated by"))
    activated_at = models.DateTimeField(_("activated at"), null=True, blank=True)
    expires_at = models.DateTimeField(_("lapses at"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        constraints = [
            # J6, B3: one monthly bonus a month; a reward once per source.
            models.UniqueConstraint(fields=["subscriber", "month", "kind", "source"], name="grant_once_a_month"),
            models.CheckConstraint(condition=Q(kind__in=["monthly", "survey"]), name="grant_kind_known"),
            models.CheckConstraint(
                condition=Q(units__gt=0, remaining__gte=0, remaining__lte=F("units")),
                name="grant_remaining_in_range",
            ),
            models.CheckConstraint(
                condition=Q(
                    state="waiting",
                    activated_at__isnull=True,
                    expires_at__isnull=True,
                    closed_at__isnull=True,
                    remaining=F("units"),
                )
                | Q(
                    state="active",
                    activated_at__isnull=False,
                    expires_at__isnull=False,
                    closed_at__isnull=True,
                )
                | Q(state="expired", activated_at__isnull=False, closed_at__gte=F("expires_at"), remaining=0)
                | Q(state="cancelled", activated_at__isnull=True, closed_at__isnull=False, remaining=0)
                | Q(state="forfeited", closed_at__isnull=False, remaining=0),
                name="grant_state_fits_its_instants",
            ),
            models.CheckConstraint(
                condition=Q(activated_at__isnull=True, expires_at__isnull=True)
                | Q(
                    activated_at__gte=F("issued_at"),
                    activated_at__lt=F("activate_by"),
                    expires_at__gt=F("activated_at"),
                ),
                name="grant_activated_in_time",
            ),
        ]
        # For the sweeps. Plain, not partial: neither column changes when a grant is closed, so that update stays HOT.
        indexes = [
            models.Index(fields=["expires_at"], name="grant_by_lapse"),
            models.Index(fields=["activate_by"], name="grant_by_deadline"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class LedgerEntry(models.Model):
    """One movement of units of one grant (B12). Append-only; partitioned by its grant's month.

    Kept in the grant's partition, so that (grant, key) is unique for good: a grant is issued once, expires
    once, and each debit takes from it once.
    """

    class Kind(models.TextChoices):
        ISSUE = "issue", _("issued")
        DEBIT = "debit", _("debited")
        REFUND = "refund", _("refunded")
        EXPIRE = "expire", _("lapsed")
        FORFEIT = "forfeit", _("forfeited")

    month = models.DateField(_("month"))
    grant = models.ForeignKey(
        Grant,
        models.PROTECT,
        related_name="entries",
        db_constraint=False,
        db_index=False,  # ledger_entry_once begins with it
        verbose_name=_("grant"),
    )
    subscriber = models.ForeignKey(
        Subscriber, models.PROTECT, db_constraint=False, db_index=False, verbose_name=_("subscriber")
    )
    kind = models.CharField(_("kind"), max_length=7, choices=Kind)
    units = models.PositiveIntegerField(_("units"))
    at = models.DateTimeField(_("at"))
    key = models.CharField(_("idempotency key"), max_length=40)  # "issue", "expire", "forfeit", "debit:42"
    reason = models.CharField(_("reason"), max_length=20, blank=True)  # lapsed, not_activated, superseded, opt_out…

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger")
        constraints = [
            models.UniqueConstraint(fields=["grant", "key", "month"], name="ledger_entry_once"),
            models.CheckConstraint(condition=Q(units__gt=0), name="ledger_units_positive"),
            models.CheckConstraint(
                condition=Q(kind__in=["issue", "debit", "refund", "expire", "forfeit"]),
                name="ledger_kind_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.units}"

    @property
    def reason_in_words(self) -> str:
        """Why the units moved, as people read it."""
        return str(MOVES.get(self.reason, self.reason))


class Debit(models.Model):
    """A charging request and the answer it got, kept to answer its repetition with the same bytes.

    Partitioned by the Astana month of the event, which the request itself names.
    """

    month = models.DateField(_("month"))
    client = models.ForeignKey(ApiClient, models.PROTECT, db_constraint=False, db_index=False, verbose_name=_("client"))
    request_id = models.CharField(_("request id"), max_length=64)
    body_digest = models.BinaryField(_("digest of the request"), max_length=32)
    subscriber = models.ForeignKey(
        Subscriber,
        models.PROTECT,
        null=True,
        db_constraint=False,
        db_index=False,
        verbose_name=_("subscriber"),
    )
    service = models.CharField(_("service"), max_length=16)
    destination = models.CharField(_("destination class"), max_length=16)
    visited_plmn = models.CharField(_("visited network"), max_length=6, blank=True)
    event_at = models.DateTimeField(_("event at"))
    decided_at = models.DateTimeField(_("decided at"))
    units_asked = models.PositiveIntegerField(_("units asked"))
    units_granted = models.PositiveIntegerField(_("units granted"))
    refusal = models.CharField(_("refusal"), max_length=40, blank=True)
    status = models.PositiveSmallIntegerField(_("HTTP status"))
    answer = models.BinaryField(_("answer"))

    class Meta:
        verbose_name = _("debit")
        verbose_name_plural = _("debits")
        constraints = [
            models.UniqueConstraint(fields=["request_id", "client", "month"], name="debit_request_once"),
            models.CheckConstraint(condition=Q(units_granted__lte=F("units_asked")), name="debit_never_above_asked"),
            models.CheckConstraint(
                condition=Q(units_granted__gt=0, refusal="") | (Q(units_granted=0) & ~Q(refusal="")),
                name="debit_grants_or_refuses",
            ),
        ]
        indexes = [models.Index(fields=["subscriber", "event_at"], name="debit_by_subscriber")]  # care page

    def __str__(self) -> str:
        return f"#{self.pk}"

    @property
    def service_in_words(self) -> str:
        """What was to be paid for, as people read it."""
        return said(self.service, self.destination)

    @property
    def refusal_in_words(self) -> str:
        """Why it was refused, as people read it."""
        return str(REFUSALS.get(self.refusal, self.refusal))
