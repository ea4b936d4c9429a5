"""Into the outbox, and out of it again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from messaging import kinds
from messaging.sql.statements import count, oldest_month, rows

# Messages of one kind to many, each text by its reader's language. Nobody gets one origin twice in a month.
_ENQUEUE = """
INSERT INTO messaging_message (month, subscriber_id, stream_id, message_class, kind, purpose, channel, text, language,
    encoding, segments, not_before, not_after, campaign, reason, origin, state, why, created_at, transport, fence,
    attempts)
SELECT %(month)s, s.id, %(stream)s, %(message_class)s, %(kind)s, %(purpose)s, %(channel)s, t.text, s.language,
       t.encoding, t.segments, %(not_before)s, %(not_after)s, %(campaign)s, %(reason)s, %(origin)s, 'waiting', %(why)s,
       %(now)s, '', 0, 0
FROM enrollment_subscriber s
JOIN unnest(%(languages)s::text[], %(texts)s::text[], %(encodings)s::text[], %(segments)s::int[])
    AS t (language, text, encoding, segments) ON t.language = s.language
WHERE s.id = ANY(%(subscribers)s)
ON CONFLICT (subscriber_id, origin, month) DO NOTHING
"""


def enqueue(*, subscribers: list[int], texts: Sequence[tuple[str, str, str, int]], given: dict[str, Any]) -> int:
    """Put a message into the outbox for each subscriber; `texts` are (language, text, encoding, segments)."""
    languages, bodies, encodings, segments = (list(column) for column in zip(*texts, strict=True))
    return count(
        _ENQUEUE,
        {
            **given,
            "subscribers": subscribers,
            "languages": languages,
            "texts": bodies,
            "encodings": encodings,
            "segments": segments,
        },
    )


# The same for members whom a statement of a room above has chosen, each with a text and a reason of its own.
_ENQUEUE_CHOSEN = """
WITH {chosen}
INSERT INTO messaging_message (month, subscriber_id, stream_id, message_class, kind, purpose, channel, text, language,
    encoding, segments, not_before, not_after, campaign, reason, origin, state, why, created_at, transport, fence,
    attempts)
SELECT %(month)s, c.subscriber_id, %(stream)s, %(message_class)s, %(message_class)s, %(purpose)s, c.channel, c.text,
       c.language, c.encoding, c.segments, %(not_before)s, c.not_after, %(campaign)s, c.reason, %(origin)s, 'waiting',
       '', %(now)s, '', 0, 0
FROM {source} c
ON CONFLICT (subscriber_id, origin, month) DO NOTHING
"""


def enqueue_chosen(*, chosen: str, source: str, given: dict[str, Any]) -> int:
    """Put a message into the outbox for each row of `source`, one of the WITH queries in `chosen`; return how many.

    A row is (subscriber_id, channel, text, language, encoding, segments, not_after, reason).
    """
    return count(_ENQUEUE_CHOSEN.format(chosen=chosen, source=source), given)


_CANCEL_CAMPAIGN = """
UPDATE messaging_message SET state = 'cancelled', why = 'cancelled', ended_at = %(now)s
WHERE campaign = %(campaign)s AND stream_id = %(stream)s AND state = 'waiting' AND month >= %(oldest)s
  AND (%(subscribers)s::bigint[] IS NULL OR subscriber_id = ANY(%(subscribers)s))
"""


def cancel_campaign(*, campaign: int, stream: int, now: datetime, subscribers: list[int] | None = None) -> int:
    """Cancel what waits of a campaign, to everybody or to these; return how many."""
    given = {"campaign": campaign, "stream": stream, "now": now, "subscribers": subscribers}
    return count(_CANCEL_CAMPAIGN, {**given, "oldest": oldest_month(now)})


_CANCEL = """
UPDATE messaging_message SET state = 'cancelled', why = %(why)s, ended_at = %(now)s
WHERE subscriber_id = ANY(%(subscribers)s) AND state = 'waiting' AND kind <> %(farewell)s AND month >= %(oldest)s
"""
_LAST_CONTACT = """
SELECT max(a.gated_at) FROM messaging_message m JOIN messaging_attempt a ON a.month = m.month AND a.message_id = m.id
WHERE m.subscriber_id = %(subscriber)s AND m.message_class <> 'service' AND m.month >= %(oldest)s
"""


def cancel(*, subscribers: list[int], why: str, now: datetime) -> int:
    """Cancel every message to these subscribers that no sender has; return how many (J5, M3)."""
    given = {"subscribers": subscribers, "why": why, "now": now, "farewell": kinds.FAREWELL}
    return count(_CANCEL, {**given, "oldest": oldest_month(now)})


def last_contact(*, subscriber: int, now: datetime) -> datetime | None:
    """When the gate last let an offer or an invitation through to this subscriber."""
    return rows(_LAST_CONTACT, {"subscriber": subscriber, "oldest": oldest_month(now)})[0][0]
