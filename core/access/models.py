"""Who may call our machines' interfaces, and who did what to whom."""

from ipaddress import ip_network

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from core.access import actions
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
