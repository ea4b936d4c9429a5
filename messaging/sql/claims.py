"""What is due, and taking it for a sender."""

from datetime import date, datetime

from messaging.sql.statements import oldest_month, rows

# Streams with something due on a channel, first come first.
_DUE_STREAMS = """
SELECT s.id, s.code, s.message_class, s.rate_per_minute FROM messaging_stream s
CROSS JOIN LATERAL (  -- the first of each by the index of due messages; EXISTS would read them all
    SELECT FROM messaging_message m WHERE m.stream_id = s.id AND m.channel = %(channel)s AND m.state = 'waiting'
      AND m.not_before <= %(now)s AND m.month >= %(oldest)s
    ORDER BY m.not_before LIMIT 1) first
WHERE NOT s.is_paused
"""


def due_streams(*, channel: str, now: datetime) -> list[tuple[int, str, str, int | None]]:
    """(id, code, class, rate a minute) of the streams that have something due on the channel."""
    return rows(_DUE_STREAMS, {"channel": channel, "now": now, "oldest": oldest_month(now)})


_CLAIM = """
WITH wanted AS MATERIALIZED (
    SELECT due.month, due.id FROM unnest(%(streams)s::bigint[], %(quotas)s::int[]) AS q (stream_id, quota)
    CROSS JOIN LATERAL (
        SELECT m.month, m.id FROM messaging_message m
        WHERE m.stream_id = q.stream_id AND m.channel = %(channel)s AND m.state = 'waiting'
          AND m.not_before <= %(now)s AND m.month >= %(oldest)s AND m.id %% 100 >= %(low)s AND m.id %% 100 < %(high)s
        ORDER BY m.not_before LIMIT q.quota FOR UPDATE SKIP LOCKED
    ) due
)
UPDATE messaging_message m
SET state = 'claimed', fence = %(fence)s, lease_until = %(lease)s, transport = %(transport)s
FROM wanted WHERE m.month = wanted.month AND m.id = wanted.id
RETURNING m.month, m.id, m.subscriber_id, m.stream_id
"""


def next_fence() -> int:
    """A number greater than every one before it."""
    return int(rows("SELECT nextval('messaging_fence')", {})[0][0])


def claim(
    *,
    channel: str,
    quotas: dict[int, int],
    share: tuple[int, int],
    fence: int,
    lease: datetime,
    transport: str,
    now: datetime,
) -> list[tuple[date, int, int, int]]:
    """Take up to quotas[stream] due messages of each stream; return (month, id, subscriber, stream) of each.

    `share` is the part [low, high) of a hundred that this transport serves; what another is just taking is skipped.
    """
    return rows(
        _CLAIM,
        {
            "channel": channel,
            "streams": list(quotas),
            "quotas": list(quotas.values()),
            "low": share[0],
            "high": share[1],
            "fence": fence,
            "lease": lease,
            "transport": transport,
            "now": now,
            "oldest": oldest_month(now),
        },
    )
