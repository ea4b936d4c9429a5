"""Delivery receipts: stored before they are acknowledged, matched afterwards, however early or often they come."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import connection, transaction

from core.lib import astana
from messaging import sql


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


# One statement for all of them, in one value: a tenth of the time that the ORM's rows take (bench.smpp).
_STORE = """
INSERT INTO messaging_receipt (month, transport, network_id, status, error, raw, received_at, message_id, message_month)
SELECT %(month)s, transport, network_id, status, error, raw, %(now)s, message_id, message_month
FROM json_to_recordset(%(reports)s) AS r (transport text, network_id text, status text, error text, raw text,
    message_id bigint, message_month date)
"""


def store(reports: Sequence[Report], *, now: datetime) -> int:
    """Store reports; when this returns they are on disk and may be acknowledged. Returns how many."""
    rows = [
        {
            "transport": report.transport,
            "network_id": _clean(report.network_id, 80),
            "status": report.status,
            "error": _clean(report.error, 60),
            "raw": _clean(report.raw, 2000),
            "message_id": report.message_id,
            "message_month": report.message_month and report.message_month.isoformat(),
        }
        for report in reports
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_STORE, {"month": astana.month_of(now), "now": now, "reports": json.dumps(rows)})
    return len(rows)


def _clean(text: str, most: int) -> str:
    """What the database can keep: no NUL, no half of a character."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:most]


AT_ONCE = 2000
LOOKED_AT = timedelta(days=3)
_RECENT = timedelta(minutes=10)


@transaction.atomic
def match(*, now: datetime, limit: int = AT_ONCE, is_thorough: bool = False) -> int:
    """Apply stored receipts to their messages, oldest first; return how many found theirs.

    One that comes before its message's id is known stays for the next call: for ten minutes with every call, for three
    days with a thorough one. After that its message is not looked for any more; it is kept.
    """
    since = now - (LOOKED_AT if is_thorough else _RECENT)
    return sql.match_receipts(now=now, since=since, limit=limit)
