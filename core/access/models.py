"""Who may call our machines' interfaces, who did what to whom, and what waits for a second person."""

from ipaddress import ip_network

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from core.access import actions
from core.access.change_kinds import ChangeKind, Fields, kinds
from core.lib import clock


class ApiClient(models.Model):
    """A machine that calls our REST API: a USSD gateway, the charging system, a partner's software."""

    class Kind(models.TextChoices):
        USSD = "ussd", _("USSD gateway")
        CHARGING = "charging", _("Charging system")
        PARTNER = "partner", _("Partner's software")

    class Proof(models.TextChoices):
        """How the client proves who it is."""

        SIGNATURE = "signature", _("HMAC signature of each request")
        KEY = "key", _("Key and address list, where the protocol cannot sign")

    name = models.SlugField(_("name"), max_length=40, unique=True)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    proof = models.CharField(_("proof"), max_length=16, choices=Proof)
    networks = ArrayField(
        models.CharField(max_length=43),
        verbose_name=_("addresses"),
        default=list,
        blank=True,
        help_text=_(
            "Networks in CIDR notation the client may call from."
            " Empty: from anywhere if it signs or is a partner's, else from nowhere."
        ),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created at"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("API client")
        verbose_name_plural = pgettext_lazy("in a sentence", "API clients")
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["ussd", "charging", "partner"]), name="apiclient_kind_known"),
            models.CheckConstraint(condition=Q(proof__in=["signature", "key"]), name="apiclient_proof_known"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse addresses that cannot be read: the client would be locked out by them."""
        for text in self.networks:
            try:
                ip_network(text.strip(), strict=False)
            except ValueError:
                message = _("%(text)s is no address or network, such as 10.0.0.0/24.")
                raise ValidationError({"networks": message % {"text": text}}) from None


class ApiKey(models.Model):
    """One of a client's two live keys; the secret is derived from API_MASTER_KEY, only its digest is stored."""

    client = models.ForeignKey(ApiClient, models.CASCADE, related_name="keys", verbose_name=_("client"))
    key_id = models.CharField(_("key id"), max_length=32, unique=True)
    slot = models.PositiveSmallIntegerField(_("slot"), choices=[(1, "1"), (2, "2")])
    digest = models.BinaryField(_("digest"), max_length=32)  # SHA-256 of the secret
    created_at = models.DateTimeField(_("created at"), default=clock.now, editable=False)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        constraints = [
            models.CheckConstraint(condition=Q(slot__in=[1, 2]), name="apikey_two_slots"),
            models.UniqueConstraint(
                fields=["client", "slot"],
                condition=Q(revoked_at__isnull=True),
                name="apikey_one_live_per_slot",
            ),
        ]

    def __str__(self) -> str:
        return self.key_id


class Nonce(models.Model):
    """A signed request seen within its 300 seconds; the second one with the same nonce is a replay.

    UNLOGGED: a crash of the database forgets nonces, and a replay then meets the session's or the debit's own
    idempotency instead.
    """

    pk = models.CompositePrimaryKey("key_id", "nonce")
    key_id = models.CharField(max_length=32)
    nonce = models.CharField(max_length=64)
    seen_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.nonce


class AuditEvent(models.Model):
    """Somebody did or looked at something, when and why. Append-only."""

    at = models.DateTimeField(_("at"))
    by = models.CharField(_("by"), max_length=80)
    action = models.CharField(_("action"), max_length=40)
    subject = models.CharField(_("subject"), max_length=80, blank=True)  # "subscriber:42"
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    details = models.JSONField(_("details"), default=dict)

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit trail")
        indexes = [
            models.Index(fields=["subject", "-at"], name="audit_by_subject"),  # the care page's history
            models.Index(fields=["-at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"

    @property
    def action_in_words(self) -> str:
        """What was done, as people read it."""
        return actions.in_words(self.action)


# Said besides each comparison: one with NULL is neither true nor false, and a CHECK lets that pass.
_DECIDED = Q(decided_by__isnull=False, decided_at__isnull=False)


class Proposal(models.Model):
    """A change that waits for another person's yes (ADR 0027).

    waiting → confirmed (by another person: it is in force) | refused (by another person)
    waiting → withdrawn (by who proposed it) | lapsed (nobody decided in time)

    A trigger lets nothing else change: what was confirmed is what was proposed and shown.
    """

    class State(models.TextChoices):
        WAITING = "waiting", pgettext_lazy("a proposal", "waiting")
        CONFIRMED = "confirmed", pgettext_lazy("a proposal", "confirmed")
        REFUSED = "refused", pgettext_lazy("a proposal", "refused")
        WITHDRAWN = "withdrawn", pgettext_lazy("a proposal", "withdrawn")
        LAPSED = "lapsed", pgettext_lazy("a proposal", "lapsed")

    kind = models.CharField(_("kind"), max_length=40)  # core.access.change_kinds
    subject = models.CharField(_("subject"), max_length=80)  # what the kind calls what is changed
    # The fields that change, as they stood and as they shall be; {} where nothing stood, or nothing shall.
    before = models.JSONField(_("before"))
    after = models.JSONField(_("after"))
    forecast = models.JSONField(_("forecast"))  # the kind's figures, as they were when it was proposed
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    # Persons are accounts, not names: an account that has proposed or decided is switched off, never deleted.
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("proposed by")
    )
    proposed_at = models.DateTimeField(_("proposed at"))
    lapses_at = models.DateTimeField(_("lapses at"))
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.WAITING)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", null=True, verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True)
    answer = models.CharField(_("answer"), max_length=300, blank=True)  # why it was refused

    class Meta:
        verbose_name = _("proposal")
        verbose_name_plural = _("proposals")
        constraints = [
            models.CheckConstraint(
                condition=Q(state="waiting", decided_by=None, decided_at=None)
                | Q(_DECIDED, state="confirmed", decided_at__lt=F("lapses_at"))
                | Q(_DECIDED, state="refused")
                | Q(_DECIDED, state="withdrawn", decided_by=F("proposed_by"))
                | Q(state="lapsed", decided_by=None, decided_at__isnull=False, decided_at=F("lapses_at")),
                name="proposal_state_tells_its_end",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["confirmed", "refused"]) | ~Q(decided_by=F("proposed_by")),
                name="proposal_decided_by_another",
            ),
            models.CheckConstraint(condition=Q(lapses_at__gt=F("proposed_at")), name="proposal_lapses_later"),
            models.CheckConstraint(condition=~Q(before=F("after")), name="proposal_changes_something"),
            # Two clicks, two tabs or two people make one proposal.
            models.UniqueConstraint(
                fields=["kind", "subject"], condition=Q(state="waiting"), name="proposal_one_waits"
            ),
        ]
        indexes = [
            models.Index(fields=["lapses_at"], condition=Q(state="waiting"), name="proposal_lapsing"),  # the job's
        ]

    def __str__(self) -> str:
        return self.change.subject_in_words(self.subject)

    @property
    def change(self) -> ChangeKind:
        """The kind's declaration."""
        return kinds()[self.kind]

    @property
    def lines(self) -> list[tuple[str, str, str]]:
        """Each field that changes, what stands and what shall, in words."""

        def words(fields: Fields, name: str) -> str:
            return self.change.value_in_words(name, fields[name]) if name in fields else "—"

        return [
            (str(label), words(self.before, name), words(self.after, name))
            for name, label in self.change.labels.items()
            if name in self.before or name in self.after
        ]

    @property
    def summary(self) -> str:
        """The change in one line."""
        if not self.after:
            return gettext("is removed")
        return "; ".join(f"{label}: {before} → {after}" for label, before, after in self.lines)
