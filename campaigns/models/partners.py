"""Shops and services whose offers members get, and the people who act for them."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from core.access.models import ApiClient


class Partner(models.Model):
    """A firm whose offers we send. It sees totals, never a member (M6, P2)."""

    name = models.CharField(_("name"), max_length=120, unique=True)
    slug = models.SlugField(_("short name"), max_length=40, unique=True)
    is_active = models.BooleanField(_("active"), default=True)
    hosts = ArrayField(
        models.CharField(max_length=253),
        verbose_name=_("allowed addresses"),
        default=list,
        blank=True,
        help_text=_("Hosts that links in its offers may lead to, such as shop.example."),
    )
    price = models.PositiveIntegerField(
        _("price of a delivered message, tiyn"), default=0, help_text=_("100 tiyn are a tenge.")
    )
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("partner")
        verbose_name_plural = _("partners")

    def __str__(self) -> str:
        return self.name


class PartnerMember(models.Model):
    """A person who acts for a partner, with an account of their own."""

    class Role(models.TextChoices):
        """What the person may do."""

        OWNER = "owner", _("owner")  # everything, and who else may
        EDITOR = "editor", _("editor")  # offers, codes
        VIEWER = "viewer", _("viewer")  # looks, and redeems codes

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="partner_member", verbose_name=_("account")
    )
    partner = models.ForeignKey(Partner, models.PROTECT, related_name="members", verbose_name=_("partner"))
    role = models.CharField(_("role"), max_length=6, choices=Role)
    joined_at = models.DateTimeField(_("since"))

    class Meta:
        verbose_name = _("partner's person")
        verbose_name_plural = _("partners' people")
        constraints = [
            models.CheckConstraint(condition=Q(role__in=["owner", "editor", "viewer"]), name="partnermember_role_known")
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()})"


class Invitation(models.Model):
    """A person asked by e-mail to act for a partner; only the token's digest is kept."""

    partner = models.ForeignKey(Partner, models.CASCADE, related_name="invitations", verbose_name=_("partner"))
    email = models.EmailField(_("e-mail"))
    role = models.CharField(_("role"), max_length=6, choices=PartnerMember.Role)
    digest = models.BinaryField(max_length=32, unique=True)  # SHA-256 of the token
    invited_by = models.CharField(_("by"), max_length=80)
    created_at = models.DateTimeField(_("sent at"))
    expires_at = models.DateTimeField(_("valid until"))
    accepted_at = models.DateTimeField(_("accepted at"), null=True, blank=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.CheckConstraint(condition=Q(role__in=["owner", "editor", "viewer"]), name="invitation_role_known"),
            models.UniqueConstraint(
                fields=["partner", "email"], condition=Q(accepted_at__isnull=True), name="invitation_once"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class PartnerClient(models.Model):
    """A partner's own software, and what its keys may do."""

    class Scope(models.TextChoices):
        """What a key may be used for."""

        OFFERS = "offers", _("create and read offers")
        RESULTS = "results", _("read results")
        REDEEM = "redeem", _("redeem codes")

    client = models.OneToOneField(
        ApiClient, models.CASCADE, related_name="partner_client", verbose_name=_("API client")
    )
    partner = models.ForeignKey(Partner, models.PROTECT, related_name="clients", verbose_name=_("partner"))
    scopes = ArrayField(models.CharField(max_length=7, choices=Scope), verbose_name=_("scopes"), default=list)
    made_by = models.CharField(_("made by"), max_length=80)

    class Meta:
        verbose_name = _("partner's API client")
        verbose_name_plural = _("partners' API clients")

    def __str__(self) -> str:
        return str(self.client)
