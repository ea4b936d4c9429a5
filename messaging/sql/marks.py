"""What hand-overs came to."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from core.lib import astana
from messaging.sql.statements import array, rows

MOST_RINGS = 3  # of one message: whoever is busy or does not answer so often is left in peace
RUNG = ("busy", "no_answer")

# What a hand-over came to. A sender that was swept meanwhile changes nothing, but for what clears up an unknown.
_MARK = """
WITH told AS (
    -- What the network said of each message; one that rang often enough is given up (M9).
    SELECT t.*, t.verdict = 'retry' AND t.error = ANY(%(rung)s) AND %(most_rings)s <= 1 + (
        SELECT count(*) FROM messaging_attempt a
        WHERE a.month = t.month AND a.message_id = t.id AND a.outcome = 'retry' AND a.error = ANY(%(rung)s)
    ) AS is_given_up
    FROM unnest(%(months)s::date[], %(ids)s::bigint[], %(verdicts)s::text[], %(errors)s::text[],
        %(answers)s::text[], %(retries)s::float8[], %(finals)s::bool[], %(valid)s::timestamptz[])
        AS t (month, id, verdict, error, answer, retry_after, is_final, valid_until)
), moved AS (
    -- The message goes on. Only under our fence: who was swept meanwhile may still clear up an unknown, nothing else.
    UPDATE messaging_message m SET
        state = CASE t.verdict
            WHEN 'accepted' THEN CASE WHEN t.is_final THEN 'delivered' ELSE 'submitted' END
            WHEN 'rejected' THEN 'failed'
            WHEN 'uncertain' THEN CASE WHEN m.message_class = 'service' AND m.attempts = 0 THEN 'waiting'
                                       ELSE 'unknown' END
            ELSE CASE WHEN t.is_given_up THEN 'failed' ELSE 'waiting' END END,
        why = CASE t.verdict
            WHEN 'accepted' THEN ''
            WHEN 'uncertain' THEN CASE WHEN m.message_class = 'service' AND m.attempts = 0 THEN 'repeat'
                                       ELSE 'uncertain' END
            ELSE CASE WHEN t.is_given_up THEN 'not_reached' ELSE t.verdict END END,
        attempts = m.attempts + (t.verdict IN ('accepted', 'uncertain') AND m.state = 'claimed')::int,
        not_before = CASE WHEN t.verdict = 'retry' THEN
            LEAST(GREATEST(m.not_before, %(now)s + t.retry_after * interval '1 second'),
                  m.not_after - interval '1 second') ELSE m.not_before END,
        lease_until = NULL,
        valid_until = CASE WHEN t.verdict IN ('accepted', 'uncertain') THEN t.valid_until ELSE m.valid_until END,
        submitted_at = CASE WHEN t.verdict = 'accepted' THEN %(now)s ELSE m.submitted_at END,
        ended_at = CASE WHEN t.verdict = 'rejected' OR t.is_given_up OR (t.verdict = 'accepted' AND t.is_final)
                        THEN %(now)s::timestamptz END
    FROM told t
    WHERE m.month = t.month AND m.id = t.id AND m.fence = %(fence)s
      AND (m.state || '' = 'claimed' OR (m.state || '' = 'unknown' AND t.verdict = 'accepted'))
    RETURNING m.subscriber_id, m.message_class, t.verdict
), tried AS (
    -- The attempt says how it ended, whoever holds the message now.
    UPDATE messaging_attempt a SET outcome = t.verdict, error = t.error, answer = t.answer, ended_at = %(now)s
    FROM told t WHERE a.month = t.month AND a.message_id = t.id AND a.fence = %(fence)s
), returned AS (
    -- What the network surely did not take counts against no cap (M4, M5).
    UPDATE messaging_contact c SET
        offers = c.offers - (message_class = 'offer')::int, surveys = c.surveys - (message_class = 'survey')::int,
        offers_on_day = c.offers_on_day - (message_class = 'offer' AND c.day = %(today)s AND c.offers_on_day > 0)::int
    FROM moved WHERE c.subscriber_id = moved.subscriber_id AND verdict IN ('retry', 'not_handed')
      AND message_class <> 'service' AND c.month = %(this_month)s
      AND CASE message_class WHEN 'offer' THEN c.offers ELSE c.surveys END > 0
)
SELECT count(*) FROM moved
"""
_NAME = """
INSERT INTO messaging_networkid (month, message_id, transport, network_id, status)
SELECT month, id, %(transport)s, network_id, ''
FROM unnest(%(months)s::date[], %(ids)s::bigint[], %(names)s::text[]) AS n (month, id, network_id)
ON CONFLICT (network_id, transport, month) DO UPDATE SET message_id = EXCLUDED.message_id, status = ''
"""


def mark(*, fence: int, told: Sequence[tuple[Any, ...]], now: datetime) -> int:
    """Record outcomes (month, id, verdict, error, answer, retry after, is final, valid until); return how many held."""
    columns = list(zip(*told, strict=True)) if told else []
    if not columns:
        return 0
    names = ("months", "ids", "verdicts", "errors", "answers", "retries", "finals", "valid")
    given: dict[str, Any] = {name: array(column) for name, column in zip(names, columns, strict=True)}
    given |= {
        name: list(columns[names.index(name)]) for name in ("errors", "answers") if any(columns[names.index(name)])
    }
    given |= {"rung": list(RUNG), "most_rings": MOST_RINGS}
    given |= {"fence": fence, "now": now, "today": astana.day_of(now), "this_month": astana.month_of(now)}
    return int(rows(_MARK, given)[0][0])


def name(*, transport: str, ids: dict[str, tuple[date, int]]) -> None:
    """Keep what the network calls our messages; a name it uses again in the month is the newest message's."""
    rows(
        _NAME,
        {
            "transport": transport,
            "names": list(ids),
            "months": [month for month, _id in ids.values()],
            "ids": [number for _month, number in ids.values()],
        },
    )
