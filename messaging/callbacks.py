"""The addresses that HTTP gateways report deliveries to: signed, for one message of one transport, for a time.

They carry our own message id and never a number (M6). Whoever holds one can report on that message alone.
"""

import hashlib
import hmac
import re
from datetime import date, datetime, timedelta

from django.conf import settings
from django.urls import reverse

# A network may report this long after a message's validity has ended.
REPORTED_WITHIN = timedelta(days=3)

_TOKEN = re.compile(r"([1-9]\d{0,18})-(\d{4})(\d\d)-(\d{1,12})-([0-9a-f]{64})", re.ASCII)


class Forged(Exception):
    """The address is not one that we gave out."""


class Expired(Exception):
    """The address was ours, and its time is over."""


def address(base: str, *, transport: str, message_id: int, month: date, valid_until: datetime) -> str:
    """Return the address for receipts of one message, without a query; `base` is where the gateway reaches us."""
    token = sign(transport=transport, message_id=message_id, month=month, valid_until=valid_until)
    return base.rstrip("/") + reverse("messaging-receipt", args=[transport, token])


def sign(*, transport: str, message_id: int, month: date, valid_until: datetime) -> str:
    """Return "message-yyyymm-expiry-signature"."""
    named = f"{message_id}-{month:%Y%m}-{int((valid_until + REPORTED_WITHIN).timestamp())}"
    return f"{named}-{_signature(transport, named)}"


def read(token: str, *, transport: str, now: datetime) -> tuple[int, date]:
    """Return the message's id and month. Raises Forged or Expired."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise Forged
    message_id, year, month, expiry, signature = match.groups()
    if not hmac.compare_digest(_signature(transport, token.rpartition("-")[0]), signature):
        raise Forged
    if now.timestamp() > int(expiry):
        raise Expired
    return int(message_id), date(int(year), int(month), 1)


def _signature(transport: str, named: str) -> str:
    message = "\n".join(("receipt", transport, named))
    return hmac.new(settings.CALLBACK_SECRET.encode(), message.encode(), hashlib.sha256).hexdigest()
