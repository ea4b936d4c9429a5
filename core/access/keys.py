"""Keys of API clients: two live ones for rotation, secrets derived and never stored (ADR 0008)."""

import base64
import hashlib
import hmac
from datetime import datetime
from functools import lru_cache
from secrets import token_hex

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from core.access import audit
from core.access.models import ApiClient, ApiKey
from core.lib.errors import Refusal


class NoFreeSlot(Refusal):
    """The client has two live keys already."""

    code = "two_live_keys"
    sentence = _("This client has two live keys. Revoke one first.")


@lru_cache(maxsize=1024)
def secret_of(key_id: str) -> str:
    """Derive a key's secret from API_MASTER_KEY: the database alone never yields it."""
    raw = hmac.digest(settings.API_MASTER_KEY.encode(), b"api-key:" + key_id.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@transaction.atomic
def issue(*, client: ApiClient, by: str, now: datetime) -> tuple[ApiKey, str]:
    """Give the client another key; return it with its secret, which is shown this once.

    Raises NoFreeSlot: when two are live.
    """
    taken = set(
        ApiKey.objects.select_for_update().filter(client=client, revoked_at=None).values_list("slot", flat=True)
    )
    slot = next((slot for slot in (1, 2) if slot not in taken), None)
    if slot is None:
        raise NoFreeSlot
    key_id = token_hex(8)
    secret = secret_of(key_id)
    key = ApiKey.objects.create(
        client=client, key_id=key_id, slot=slot, digest=hashlib.sha256(secret.encode()).digest(), created_at=now
    )
    audit.record(by=by, action="issue_key", subject=f"client:{client.name}", details={"key_id": key_id}, now=now)
    return key, secret


@transaction.atomic
def revoke(*, key: ApiKey, by: str, now: datetime) -> ApiKey:
    """End a key's life; a revoked one stays so."""
    if key.revoked_at is None:
        key.revoked_at = now
        key.save(update_fields=["revoked_at"])
        audit.record(
            by=by,
            action="revoke_key",
            subject=f"client:{key.client.name}",
            details={"key_id": key.key_id},
            now=now,
        )
    return key
