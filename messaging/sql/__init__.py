"""Statements of the outbox that the ORM cannot say, set-based each, by what they are about."""

from messaging.sql.claims import claim, due_streams, next_fence
from messaging.sql.epoch import clock, fingerprint, may_send
from messaging.sql.marks import mark, name
from messaging.sql.passage import gate
from messaging.sql.putting import cancel, cancel_campaign, enqueue, enqueue_chosen, last_contact
from messaging.sql.reports import match_receipts, unresolved
from messaging.sql.statements import oldest_month
from messaging.sql.sweeping import close_unreported, end_waiting, sweep

__all__ = [
    "cancel",
    "cancel_campaign",
    "claim",
    "clock",
    "close_unreported",
    "due_streams",
    "end_waiting",
    "enqueue",
    "enqueue_chosen",
    "fingerprint",
    "gate",
    "last_contact",
    "mark",
    "match_receipts",
    "may_send",
    "name",
    "next_fence",
    "oldest_month",
    "sweep",
    "unresolved",
]
