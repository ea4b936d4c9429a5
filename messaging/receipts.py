"""Delivery receipts: stored before they are acknowledged, matched afterwards, however early or often they come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from messaging import sql
from messaging.models import Receipt
from smart.lib import astana


@dataclass(frozen=True, slots=True)
class Report:
    """What the network said, translated; `status` is of Receipt.Status.

    The message is named by the network's id, or by our own where the network gives it back. `raw` is what came, with
    every number left out.
    """

    transport: str
    status: str  # delivered | undelivered | underway
    network_id: str = ""
    error: str = ""
    raw: str = ""
    message_id: int | None = None
    message_month: date | None = None


def store(reports: Sequence[Report], *, now: datetime) -> int:
    """Store reports; when this returns they are on disk and may be acknowledged. Returns how many."""
    month = astana.month_of(now)
    rows = [
        Receipt(
            month=month,
            transport=report.transport,
            network_id=_clean(report.network_id, 80),
            status=report.status,
            error=_clean(report.error, 60),
            raw=_clean(report.raw, 2000),
            received_at=now,
            message_id=report.message_id,
            message_month=report.message_month,
        )
        for report in reports
    ]
    Receipt.objects.bulk_create(rows)
    return len(rows)


def _clean(text: str, most: int) -> str:
    """What the database can keep: no NUL, no half of a character."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:most]


@transaction.atomic
def match(*, now: datetime, limit: int = 2000) -> int:
    """Apply stored receipts to their messages, oldest first; return how many found theirs.

    One that comes before its message's id is known stays for the next call; one whose message is never found is left
    after three days, visible as unmatched no more but kept.
    """
    return sql.match_receipts(now=now, limit=limit)
