"""What gateways tell us over HTTP: how a delivery ended."""

import re

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from core.lib import clock
from messaging import callbacks, receipts
from messaging.counters import RECEIPTS
from messaging.models import Receipt
from messaging.receipts import Report

MOST_BYTES = 4096

# Kannel's %d. It may be buffered and accepted on its way; 1, 2 and 16 are the end of it.
STATUSES = {
    1: Receipt.Status.DELIVERED,
    2: Receipt.Status.UNDELIVERED,
    4: Receipt.Status.UNDERWAY,
    8: Receipt.Status.UNDERWAY,
    16: Receipt.Status.UNDELIVERED,
}
_DIGITS = re.compile(r"\d{9,}")
_ERROR = re.compile(r"\berr:(\w{1,20})|^(NACK/.{1,60})", re.IGNORECASE)


class MalformedReceipt(Exception):
    """The receipt says nothing that we understand."""


@csrf_exempt
@require_http_methods(["GET", "POST"])
def receive_receipt(request: HttpRequest, transport: str, token: str) -> HttpResponse:
    """Store a receipt, then say 200; 403 unless the address is one that we gave out, 413 above 4 KB, 400 for nonsense.

    Gateways read 200 as "done": when the receipt could not be stored they get a 500 and, if set up to, ask again.
    """
    if _is_huge(request):
        return _refuse("huge", 413)
    try:
        message_id, month = callbacks.read(token, transport=transport, now=clock.now())
        report = _report(request, transport)
    except callbacks.Forged:
        return _refuse("forged", 403)
    except callbacks.Expired:
        return _refuse("expired", 403)
    except MalformedReceipt:
        return _refuse("malformed", 400)
    status, network_id, text = report
    receipts.store(
        [
            Report(
                transport=transport,
                status=status,
                network_id=network_id,
                error=_error(text),
                raw=text,
                message_id=message_id,
                message_month=month,
            )
        ],
        now=clock.now(),
    )
    RECEIPTS.labels(transport, "stored").inc()
    return HttpResponse("OK", content_type="text/plain")


def _is_huge(request: HttpRequest) -> bool:
    """True above 4 KB of query or body; a body is read as far as its announced length, without one not at all."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return len(request.META.get("QUERY_STRING", "")) > MOST_BYTES or not length.isdecimal() or int(length) > MOST_BYTES


def _report(request: HttpRequest, transport: str) -> tuple[str, str, str]:
    """Return status, network's id and text, from the query or a form. Raises MalformedReceipt."""
    fields = {**request.POST.dict(), **request.GET.dict()}
    number = str(fields.get("status", ""))
    if not (number.isascii() and number.isdecimal() and len(number) <= 3 and int(number) in STATUSES):
        raise MalformedReceipt
    return STATUSES[int(number)], _printable(str(fields.get("smsc-id", ""))), _masked(str(fields.get("text", "")))


def _masked(text: str) -> str:
    """What may be kept of a text: no run of digits that could be a number (M6)."""
    return _DIGITS.sub("[number]", _printable(text))


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _error(text: str) -> str:
    match = _ERROR.search(text)
    word = (match[1] or match[2]) if match else ""
    return "" if not word.strip("0") else word[:60]


def _refuse(result: str, status: int) -> HttpResponse:
    RECEIPTS.labels("", result).inc()
    return HttpResponse(status=status)
