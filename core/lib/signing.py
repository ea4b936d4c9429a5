"""Request signing: HMAC-SHA256 over method, path, timestamp, nonce and the body's digest."""

import hashlib
import hmac

TOLERANCE_SECONDS = 300


def sign(secret: str, method: str, path: str, timestamp: str, nonce: str, body: bytes) -> str:
    """Return the signature in hex; `path` as sent, with the query string; `timestamp` in Unix seconds."""
    message = "\n".join((method.upper(), path, timestamp, nonce, hashlib.sha256(body).hexdigest()))
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def is_fresh(timestamp: str, now: float) -> bool:
    """True when the timestamp is a number within 300 s of now."""
    return timestamp.isdecimal() and len(timestamp) <= 12 and abs(int(timestamp) - now) <= TOLERANCE_SECONDS
