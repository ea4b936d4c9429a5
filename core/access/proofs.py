"""How a caller proves who it is, from the caller's side: the headers that core.access.auth reads."""

import base64
from secrets import token_hex

from core.access.models import ApiClient
from core.lib import clock, signing


def headers(proof: str, key_id: str, secret: str, *, method: str, path: str, body: bytes) -> dict[str, str]:
    """Headers for one request: a signature with a new nonce, or a bare key; `path` with its query, as it is sent."""
    if proof == ApiClient.Proof.SIGNATURE:
        return signature(key_id, secret, method=method, path=path, body=body)
    return basic(key_id, secret)


def signature(key_id: str, secret: str, *, method: str, path: str, body: bytes) -> dict[str, str]:
    """Sign a request by the machine's clock."""
    stamp, nonce = str(int(clock.machine().timestamp())), token_hex(16)
    return {
        "X-Smart-Key": key_id,
        "X-Smart-Timestamp": stamp,
        "X-Smart-Nonce": nonce,
        "X-Smart-Signature": signing.sign(secret, method, path, stamp, nonce, body),
    }


def basic(key_id: str, secret: str) -> dict[str, str]:
    """A bare key by HTTP Basic."""
    return {"Authorization": "Basic " + base64.b64encode(f"{key_id}:{secret}".encode()).decode()}
