"""The API clients of the operator simulator."""

from datetime import datetime
from typing import Any

from core.access import keys
from core.access.models import ApiClient, ApiKey
from smart.ussd import dialects
from smart.ussd.dialect import Dialect

LOOPBACK = ["127.0.0.0/8", "::1/128"]


def of_dialect(dialect: Dialect[Any]) -> str:
    """The name of the simulated gateway's client for a dialect."""
    return f"simulator-{dialect.name}"


def _all() -> dict[str, tuple[str, str]]:
    """Every client by name, with its kind and proof."""
    gateways = {of_dialect(dialect): (ApiClient.Kind.USSD, dialect.proof) for dialect in dialects.DIALECTS.values()}
    return {**gateways, "simulator-charging": (ApiClient.Kind.CHARGING, ApiClient.Proof.SIGNATURE)}


def ensure(*, now: datetime) -> dict[str, tuple[str, str]]:
    """Make the simulator's clients and keys unless they are there; return name → (key id, secret)."""
    found = {}
    for name, (kind, proof) in _all().items():
        client, _made = ApiClient.objects.get_or_create(
            name=name, defaults={"kind": kind, "proof": proof, "networks": LOOPBACK}
        )
        key = ApiKey.objects.filter(client=client, revoked_at=None).order_by("slot").first()
        if key is None:
            key, _secret = keys.issue(client=client, by="local", now=now)
        found[name] = (key.key_id, keys.secret_of(key.key_id))
    return found
