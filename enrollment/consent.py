"""Consent texts: which is shown, and which was (J3)."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from core.access import audit
from enrollment.models import ConsentText


@dataclass(frozen=True, slots=True)
class ShownConsent:
    """The consent text that was on the screen before the key was pressed (J3)."""

    text: ConsentText
    language: str


def current_consent_text() -> ConsentText:
    """The newest published consent text."""
    return ConsentText.objects.filter(published_at__isnull=False).order_by("-version")[:1].get()


@transaction.atomic
def publish_consent_text(*, text: ConsentText, by: str, now: datetime) -> bool:
    """Show this text from now on, for good; False when it was published already."""
    if not ConsentText.objects.filter(pk=text.pk, published_at=None).update(published_at=now):
        return False
    audit.record(by=by, action="publish_consent_text", subject=f"consent_text:{text.version}", now=now)
    return True
