"""What nobody else ends: dead senders' claims, silent networks, times that are over."""

from datetime import datetime, timedelta

from messaging import kinds
from messaging.sql.statements import GATE_LOCK_SPACE, count, oldest_month, rows

# A sender died or hangs: its lease is over. Without an attempt nothing was handed over; with one nobody can say.
_SWEEP = """
WITH over AS MATERIALIZED (
    -- Claims whose lease is over; locked ones are being marked just now.
    SELECT m.month, m.id, m.fence, m.message_class, m.attempts, m.not_after FROM messaging_message m
    WHERE m.state = 'claimed' AND m.lease_until <= %(now)s AND m.month >= %(oldest)s
    LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), known AS (
    -- An attempt under the claim's fence means that a network may have it (M9).
    SELECT over.*, a.id IS NOT NULL AS was_tried, a.valid_until,
           a.id IS NULL OR (over.message_class = 'service' AND over.attempts = 0) AS may_go
    FROM over LEFT JOIN messaging_attempt a ON a.month = over.month AND a.message_id = over.id AND a.fence = over.fence
), tried AS (
    -- Nobody will say how it ended.
    UPDATE messaging_attempt a SET outcome = 'uncertain', ended_at = %(now)s
    FROM known k WHERE k.was_tried AND a.month = k.month AND a.message_id = k.id AND a.fence = k.fence
)
UPDATE messaging_message m SET
    state = CASE WHEN k.may_go THEN 'waiting' ELSE 'unknown' END,
    why = CASE WHEN NOT k.was_tried THEN 'not_handed' WHEN k.may_go THEN 'repeat' ELSE 'uncertain' END,
    attempts = m.attempts + k.was_tried::int, lease_until = NULL,
    valid_until = COALESCE(k.valid_until, m.valid_until)
FROM known k WHERE m.month = k.month AND m.id = k.id
RETURNING m.state
"""
_CLOSE = """
WITH over AS MATERIALIZED (
    SELECT month, id FROM messaging_message
    WHERE state IN ('submitted', 'unknown') AND valid_until <= %(before)s AND month >= %(oldest)s
    LIMIT %(limit)s FOR UPDATE SKIP LOCKED
)
UPDATE messaging_message m SET state = 'unreported', ended_at = %(now)s,
    why = CASE m.state WHEN 'unknown' THEN 'uncertain' ELSE 'no_receipt' END
FROM over WHERE m.month = over.month AND m.id = over.id
"""
# `late`: streams that carry nothing over, once the day's window has closed. What a sender held while its reader left
# could not be cancelled then.
_END_WAITING = """
WITH over AS MATERIALIZED (
    -- What waits beyond its time, its day or its reader's membership.
    SELECT m.month, m.id, m.not_after <= %(now)s AS is_over, mem.id IS NULL AND m.why <> '' AS has_left
    FROM messaging_message m
    JOIN messaging_stream s ON s.id = m.stream_id
    LEFT JOIN enrollment_membership mem ON mem.subscriber_id = m.subscriber_id AND mem.left_at IS NULL
    WHERE m.state = 'waiting' AND m.month >= %(oldest)s AND (m.not_after <= %(now)s OR (
        NOT s.is_carried AND m.message_class <> 'service' AND m.not_before < %(closes)s AND %(now)s >= %(closes)s
    ) OR (mem.id IS NULL AND m.why <> '' AND m.kind <> %(farewell)s))
    LIMIT %(limit)s FOR UPDATE OF m SKIP LOCKED
)
UPDATE messaging_message m SET ended_at = %(now)s,
    state = CASE WHEN NOT over.is_over AND over.has_left THEN 'cancelled' ELSE 'expired' END,
    why = CASE WHEN over.is_over THEN COALESCE(NULLIF(m.why, ''), 'time_over')
               WHEN over.has_left THEN 'left' ELSE 'late' END
FROM over WHERE m.month = over.month AND m.id = over.id
"""


def sweep(*, now: datetime, limit: int) -> tuple[int, int]:
    """Take back what dead senders hold; return (waiting again, unknown). Needs a transaction.

    Waits for gates under way: what one has let through must not look as if it had never reached the gate (M9).
    """
    rows("SELECT pg_advisory_xact_lock(%(space)s, 0)", {"space": GATE_LOCK_SPACE})
    held = rows(_SWEEP, {"now": now, "oldest": oldest_month(now), "limit": limit})
    again = sum(state == "waiting" for (state,) in held)
    return again, len(held) - again


def close_unreported(*, now: datetime, grace: timedelta, limit: int) -> int:
    """End what has been without a receipt since its validity ended, and the grace after it; return how many."""
    return count(_CLOSE, {"now": now, "before": now - grace, "oldest": oldest_month(now), "limit": limit})


def end_waiting(*, now: datetime, closes: datetime, limit: int) -> int:
    """End what can never leave any more; return how many."""
    return count(
        _END_WAITING,
        {"now": now, "closes": closes, "oldest": oldest_month(now), "limit": limit, "farewell": kinds.FAREWELL},
    )
