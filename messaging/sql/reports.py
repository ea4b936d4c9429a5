"""Receipts and the messages they are about."""

from datetime import datetime

from messaging.sql.statements import oldest_month, rows

# Receipts that name a message we know, by the network's id or by our own.
_MATCH = """
WITH fresh AS MATERIALIZED (
    SELECT r.month, r.id, r.status, r.transport, r.network_id, COALESCE(r.message_month, n.month) AS message_month,
           COALESCE(r.message_id, n.message_id) AS message_id, r.message_id IS NULL AS is_part
    FROM messaging_receipt r
    LEFT JOIN LATERAL (  -- by its index, one by one: a join would read the month's names for a receipt of nobody
        SELECT month, message_id FROM messaging_networkid
        WHERE r.message_id IS NULL AND r.network_id <> '' AND network_id = r.network_id AND transport = r.transport
          AND month >= %(oldest)s ORDER BY month DESC LIMIT 1) n ON true
    -- One that came before its message was marked waits for that: it would find nothing to end.
    JOIN messaging_message m ON m.month = COALESCE(r.message_month, n.month)
        AND m.id = COALESCE(r.message_id, n.message_id) AND m.state NOT IN ('waiting', 'claimed')
    WHERE r.matched_at IS NULL AND r.received_at > %(since)s AND r.received_at <= %(now)s
    ORDER BY r.received_at LIMIT %(limit)s FOR UPDATE OF r SKIP LOCKED
), noted AS (
    -- A receipt is matched once.
    UPDATE messaging_receipt r SET matched_at = %(now)s, message_id = f.message_id, message_month = f.message_month
    FROM fresh f WHERE r.month = f.month AND r.id = f.id
), parts AS (
    -- Of a text in several parts each has its name; the whole is judged by all of them below.
    UPDATE messaging_networkid n SET status = f.status
    FROM (SELECT DISTINCT ON (message_month, network_id, transport) * FROM fresh
          WHERE is_part AND status <> 'underway' ORDER BY message_month, network_id, transport, id) f
    WHERE n.month = f.message_month AND n.network_id = f.network_id AND n.transport = f.transport
      AND n.status NOT IN ('delivered', 'undelivered')
)
SELECT DISTINCT message_month, message_id, CASE WHEN is_part OR status = 'underway' THEN '' ELSE status END FROM fresh
"""
_APPLY = """
WITH told AS (
    SELECT month, id, max(status) AS status  -- "undelivered" wins
    FROM unnest(%(months)s::date[], %(ids)s::bigint[], %(statuses)s::text[]) AS t (month, id, status)
    GROUP BY 1, 2
), known AS (
    -- A receipt of a part says nothing yet: delivered when all parts are, undelivered when one is.
    SELECT told.month, told.id, CASE WHEN told.status <> '' THEN told.status
        WHEN n.undelivered THEN 'undelivered' WHEN n.delivered THEN 'delivered' ELSE '' END AS status
    FROM told LEFT JOIN LATERAL (
        SELECT bool_or(status = 'undelivered') AS undelivered, bool_and(status = 'delivered') AS delivered
        FROM messaging_networkid n WHERE n.message_id = told.id
          -- Not "=": while a partition has no statistics yet, the whole month's key would be read beside the index.
          AND n.month IS NOT DISTINCT FROM told.month
    ) n ON true
)
UPDATE messaging_message m SET state = k.status, why = '', lease_until = NULL, ended_at = %(now)s,
    submitted_at = COALESCE(m.submitted_at, %(now)s)
FROM known k
WHERE m.month = k.month AND m.id = k.id AND k.status <> '' AND m.state IN ('submitted', 'unknown')
"""


def match_receipts(*, now: datetime, since: datetime, limit: int) -> int:
    """Find the messages of receipts stored since then and end them accordingly; return how many found theirs."""
    found = rows(_MATCH, {"now": now, "since": since, "oldest": oldest_month(now), "limit": limit})
    if found:
        months, ids, statuses = (list(column) for column in zip(*found, strict=True))
        rows(_APPLY, {"months": months, "ids": ids, "statuses": statuses, "now": now})
    return len(found)


_UNRESOLVED = """
SELECT n.network_id FROM messaging_message m JOIN messaging_networkid n ON n.month = m.month AND n.message_id = m.id
WHERE m.state IN ('submitted', 'unknown') AND m.valid_until <= %(now)s AND m.month >= %(oldest)s
  AND n.transport = %(transport)s AND n.status = '' LIMIT %(limit)s
"""


def unresolved(*, transport: str, now: datetime, limit: int) -> list[str]:
    """The network's ids of parts that no receipt has come for though their validity is over: to be asked about."""
    given = {"transport": transport, "now": now, "oldest": oldest_month(now), "limit": limit}
    return [network_id for (network_id,) in rows(_UNRESOLVED, given)]
