"""The two mails the portal sends. An invitation speaks three languages: its reader has not chosen one yet."""

import logging
import smtplib
from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from campaigns.models import Invitation
from core.lib import astana

logger = logging.getLogger(__name__)


def send_invitation(request: HttpRequest, *, of: Invitation, token: str) -> bool:
    """Mail an invitation with its link; False when the mail server would not have it (inviting again is the cure)."""
    address = request.build_absolute_uri(reverse("partners:join", args=[token]))
    try:
        invitation(of=of, address=address).send()
    except (OSError, smtplib.SMTPException):
        logger.warning("The invitation %s could not be mailed.", of.pk, exc_info=True)
        return False
    return True


def invitation(*, of: Invitation, address: str) -> EmailMessage:
    """Write the mail that asks a person to join; `address` is where its token is."""
    parts = []
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            text = _(
                "%(partner)s invites you to the portal of SMART's partners (role: %(role)s).\n"
                "Open this address until %(day)s and choose a password:"
            )
            day = astana.day_of(of.expires_at).isoformat()
            parts.append(text % {"partner": of.partner, "role": of.get_role_display(), "day": day})
    body = "\n\n".join([*parts, address])
    return _mail(to=[of.email], subject=f"SMART: {of.partner}", body=body)


def password_reset(*, to: str | Sequence[str], address: str) -> EmailMessage:
    """Write the mail with the link to a new password."""
    body = _(
        "Somebody asked for a new password of your account in the portal of SMART's partners. If it was you, open:\n\n"
        "%(address)s\n\nIf not, do nothing: the old password stays."
    )
    subject = _("A new password for the partner portal")
    return _mail(to=[to] if isinstance(to, str) else list(to), subject=subject, body=body % {"address": address})


def _mail(*, to: list[str], subject: str, body: str) -> EmailMessage:
    return EmailMessage(" ".join(subject.split()), body, settings.DEFAULT_FROM_EMAIL, to)
