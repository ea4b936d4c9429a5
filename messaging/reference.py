"""The sending policy and the programme's own messages, as they are shipped; changed in the back office."""

from typing import Any

from django.db import transaction

from messaging import kinds
from messaging.models import SendingPolicy, ServiceText


@transaction.atomic
def load(**_: Any) -> None:
    """Create the policy and the texts that are not there; what staff has changed stays."""
    SendingPolicy.objects.get_or_create(pk=1)
    for kind, message in kinds.SERVICE.items():
        shipped = {name: getattr(message, name) for name in ("is_on", "text_kk", "text_ru", "text_en")}
        ServiceText.objects.get_or_create(kind=kind, defaults=shipped)
