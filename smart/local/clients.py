"""The API clients of the operator simulator."""

from datetime import datetime

from core.access import keys
from core.access.models import ApiClient, ApiKey

LOOPBACK = ["127.0.0.0/8", "::1/128"]
CLIENTS = {
    "simulator-native": (ApiClient.Kind.USSD, ApiClient.Proof.SIGNATURE),
    "simulator-africastalking": (ApiClient.Kind.USSD, ApiClient.Proof.KEY),
    "simulator-comviva": (ApiClient.Kind.USSD, ApiClient.Proof.KEY),
    "simulator-charging": (ApiClient.Kind.CHARGING, ApiClient.Proof.SIGNATURE),
}


def ensure(*, now: datetime) -> dict[str, tuple[str, str]]:
    """Make the simulator's clients and keys unless they are there; return name → (key id, secret)."""
    found = {}
    for name, (kind, proof) in CLIENTS.items():
        client, _made = ApiClient.objects.get_or_create(
            name=name, defaults={"kind": kind, "proof": proof, "networks": LOOPBACK}
        )
        key = ApiKey.objects.filter(client=client, revoked_at=None).order_by("slot").first()
        if key is None:
            key, _secret = keys.issue(client=client, by="local", now=now)
        found[name] = (key.key_id, keys.secret_of(key.key_id))
    return found
