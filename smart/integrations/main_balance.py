"""What we ask of the operator's own systems: the main balance (B10) by TM Forum TMF654. It is never debited (J4)."""

import atexit
import functools
import json
import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from decimal import Decimal
from threading import BoundedSemaphore
from typing import Any

from django.conf import settings

from core.lib import crypto
from core.lib.http.breaker import CircuitBreaker
from core.lib.http.client import HttpClient, RequestFailed
from enrollment.models import Subscriber

logger = logging.getLogger(__name__)

BALANCE_SECONDS = 0.9  # of the second that a whole request may take
_AT_ONCE = 16
_MAX_BYTES = 64 * 1024
_executor = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="balance")
_slots = BoundedSemaphore(_AT_ONCE)


@dataclass(frozen=True, slots=True)
class _Source:
    """The operator's balances at one address, and whether it is worth asking for them."""

    client: HttpClient
    breaker: CircuitBreaker


@functools.cache
def _source(url: str) -> _Source:
    """Return the one of an address. After three failures in a row nobody waits for it for a few seconds."""
    client = HttpClient(url, most_bytes=_MAX_BYTES)
    atexit.register(client.close)
    return _Source(client, CircuitBreaker(most_doubts=3, seconds=5, longest=60, trial_seconds=BALANCE_SECONDS))


def main_balance(subscriber: Subscriber) -> Decimal | None:
    """Ask for the main balance in KZT, within the second a request may take; None when it cannot be had.

    The number travels in a header, for no URL may hold one.
    """
    if not settings.OPERATOR_BALANCE_URL:
        return None
    source = _source(settings.OPERATOR_BALANCE_URL)
    if not _slots.acquire(blocking=False):
        return None
    if not source.breaker.may_try():
        _slots.release()
        return None
    end = time.monotonic() + BALANCE_SECONDS
    # In a thread, because looking up a name has no deadline.
    future: Future[Decimal | None] = _executor.submit(_fetch, source, crypto.decrypt_msisdn(subscriber.msisdn), end)
    future.add_done_callback(lambda _future: _slots.release())
    try:
        return future.result(timeout=BALANCE_SECONDS)
    except FutureTimeout:
        logger.warning("The operator's balance took over %s s.", BALANCE_SECONDS)
        return None


def _fetch(source: _Source, msisdn: str, end: float) -> Decimal | None:
    headers = {"X-Subscriber-MSISDN": msisdn, "Authorization": f"Bearer {settings.OPERATOR_BALANCE_TOKEN}"}
    try:
        answer = source.client.exchange("GET", "/bucket", headers=headers, seconds=end - time.monotonic())
        amount = _amount(json.loads(answer.body)) if answer.status == 200 else None
    except (RequestFailed, ValueError, ArithmeticError, LookupError, TypeError) as error:
        logger.warning("The operator's balance failed: %s", type(error).__name__)
        source.breaker.doubted(type(error).__name__)
        return None
    if answer.status in (401, 403, 429) or answer.status >= 500:
        logger.warning("The operator's balance failed: status %s", answer.status)
        source.breaker.doubted(f"http_{answer.status}")
    else:
        source.breaker.worked()
    return amount


def _amount(buckets: Any) -> Decimal | None:
    """The first bucket of money's; None when there is none. Raises ValueError, and what reading rubbish raises."""
    if not isinstance(buckets, list):
        raise ValueError
    for bucket in buckets:
        if isinstance(bucket, dict) and bucket.get("usageType") == "monetary":
            amount = Decimal(str(bucket["remainingValue"]["amount"]))
            return amount if amount.is_finite() else None
    return None
