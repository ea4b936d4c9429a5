"""What we ask of the operator's own systems: the main balance (B10) by TM Forum TMF654. It is never debited (J4)."""

import json
import logging
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from decimal import Decimal
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import BoundedSemaphore
from urllib.parse import urlsplit

from django.conf import settings

from enrollment.models import Subscriber
from smart.lib import crypto

logger = logging.getLogger(__name__)

BALANCE_SECONDS = 0.9  # of the second that a whole request may take
_AT_ONCE = 16
_MAX_BYTES = 64 * 1024
_executor = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="balance")
_slots = BoundedSemaphore(_AT_ONCE)


def main_balance(subscriber: Subscriber) -> Decimal | None:
    """Ask for the main balance in KZT, within the second a request may take; None when it cannot be had.

    The number travels in a header, for no URL may hold one.
    """
    if not settings.OPERATOR_BALANCE_URL or not _slots.acquire(blocking=False):
        return None
    future: Future[Decimal | None] = _executor.submit(_fetch, crypto.decrypt_msisdn(subscriber.msisdn))
    future.add_done_callback(lambda _future: _slots.release())
    try:
        return future.result(timeout=BALANCE_SECONDS)
    except FutureTimeout:
        logger.warning("The operator's balance took over %s s.", BALANCE_SECONDS)
    except (OSError, HTTPException, ValueError, ArithmeticError, LookupError, TypeError) as error:
        logger.warning("The operator's balance failed: %s", type(error).__name__)
    return None


def _fetch(msisdn: str) -> Decimal | None:
    where = urlsplit(settings.OPERATOR_BALANCE_URL)
    kind = HTTPSConnection if where.scheme == "https" else HTTPConnection
    connection = kind(where.hostname or "", where.port, timeout=BALANCE_SECONDS)
    headers = {"X-Subscriber-MSISDN": msisdn, "Authorization": f"Bearer {settings.OPERATOR_BALANCE_TOKEN}"}
    try:
        connection.request("GET", f"{where.path}/bucket", headers=headers)
        answer = connection.getresponse()
        body = answer.read(_MAX_BYTES)
        buckets = json.loads(body) if answer.status == 200 else None
        answer.close()
    finally:
        connection.close()
    if not isinstance(buckets, list):
        raise HTTPException
    for bucket in buckets:
        if isinstance(bucket, dict) and bucket.get("usageType") == "monetary":
            amount = Decimal(str(bucket["remainingValue"]["amount"]))
            return amount if amount.is_finite() else None
    return None
