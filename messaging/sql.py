"""Statements of the outbox that the ORM cannot say: claim, gate, mark, sweep, match. Each is set-based."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from enrollment import operations as enrollment
from messaging import kinds
from smart.lib import astana

# What tells this very database from a restored or copied one. A restore of files or a promotion begins another
# timeline, a dump goes into another database or cluster; the site's name tells apart what the database itself cannot.
_FINGERPRINT = """
(SELECT system_identifier FROM pg_control_system()) || '/' || (SELECT timeline_id FROM pg_control_checkpoint()) || '/'
|| (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || %(site)s::text
"""
_MAY_SEND = f"""
COALESCE((SELECT fingerprint FROM messaging_sendingepoch ORDER BY id DESC LIMIT 1) = {_FINGERPRINT}, false)
"""
_GATE_LOCK_SPACE = 5553
OLDEST_MONTHS = 3  # a message lives shorter than that: what is older is not looked at


def _rows(statement: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return cursor.fetchall() if cursor.description else []


def _array(values: Iterable[object]) -> str:
    """An array's literal, of values that need no escape (ids, dates, our words), in a tenth of the adapter's time."""
    return '{"' + '","'.join(map(str, values)) + '"}'


def oldest_month(now: datetime) -> date:
    """The oldest month whose messages may still move."""
    month = astana.month_of(now)
    for _ in range(OLDEST_MONTHS - 1):
        month = astana.previous_month(month)
    return month


def clock() -> datetime:
    """The database's own time, this very instant."""
    return _rows("SELECT clock_timestamp()", {})[0][0]


def fingerprint(*, site: str) -> str:
    """What this database is, for the epoch that a person confirms."""
    return str(_rows(f"SELECT {_FINGERPRINT}", {"site": site})[0][0])


def may_send(*, site: str) -> bool:
    """True when the latest confirmed epoch is this database's."""
    return bool(_rows(f"SELECT {_MAY_SEND}", {"site": site})[0][0])


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
    return _rows(_DUE_STREAMS, {"channel": channel, "now": now, "oldest": oldest_month(now)})


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
    return int(_rows("SELECT nextval('messaging_fence')", {})[0][0])


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
    return _rows(
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


_GATE = f"""
WITH clock AS MATERIALIZED (
    SELECT clock_timestamp() + %(ahead)s AS now, {_MAY_SEND} AS may_send,
           (SELECT is_paused FROM messaging_sendingpolicy) AS is_paused
), asked AS (
    SELECT m.month, m.id, m.subscriber_id, m.message_class, m.kind, m.channel, m.not_after, m.not_before, m.attempts,
           m.text, m.language, m.encoding, m.segments, st.is_carried OR m.message_class = 'service' AS is_carried,
           clock.now, (clock.now AT TIME ZONE 'Asia/Almaty')::date AS today, s.msisdn,
           clock.now >= %(opens)s AND clock.now < %(until)s AS in_window,
           m.kind = ANY(%(answers)s) AND clock.now < m.created_at + %(answer_for)s AS is_answer,
           CASE
               WHEN NOT clock.may_send THEN 'epoch'
               WHEN COALESCE(clock.is_paused, true) OR st.is_paused THEN 'paused'
               WHEN clock.now >= m.not_after THEN 'time_over'
               WHEN s.ended_at IS NOT NULL OR s.brand <> 'activ' OR s.line_status IN ('terminated', 'gone')
                   THEN 'line_lost'
               WHEN m.kind = %(farewell)s AND (mem.joined_at > m.created_at
                   OR clock.now >= m.created_at + %(farewell_for)s) THEN 'left'
               WHEN m.kind <> %(farewell)s AND (mem.id IS NULL OR mem.joined_at > m.created_at) THEN 'left'
               WHEN m.message_class <> 'service' AND mem.consents & (
                   CASE m.channel WHEN 'sms' THEN 1 WHEN 'ussd' THEN 2 ELSE 4 END
                   * CASE m.purpose WHEN 'offers' THEN 1 ELSE 8 END) = 0 THEN 'no_consent'
               WHEN m.message_class = 'offer' AND (%(offers_a_month)s = 0 OR %(offers_a_day)s = 0) THEN 'cap_month'
               WHEN m.message_class = 'survey' AND %(surveys_a_month)s = 0 THEN 'cap_month'
               ELSE '' END AS barred
    FROM unnest(%(months)s::date[], %(ids)s::bigint[]) AS a (month, id)
    JOIN messaging_message m ON m.month = a.month AND m.id = a.id
    JOIN enrollment_subscriber s ON s.id = m.subscriber_id
    JOIN messaging_stream st ON st.id = m.stream_id
    LEFT JOIN enrollment_membership mem ON mem.subscriber_id = m.subscriber_id AND mem.left_at IS NULL
    CROSS JOIN clock
    WHERE m.fence = %(fence)s AND m.state || '' = 'claimed'  -- by key: the index of open messages is full of dead rows
), judged AS (
    SELECT *,
           CASE WHEN in_window THEN LEAST(not_after, %(closes)s)
                ELSE LEAST(not_after, now + %(answer_for)s) END AS valid_until,
           CASE WHEN barred <> '' THEN barred
                WHEN NOT in_window AND NOT is_answer THEN 'window'
                WHEN channel = 'sms' AND NOT is_answer AND not_after < now + %(least)s THEN 'late'
                WHEN message_class <> 'service' AND row_number() OVER (
                    PARTITION BY subscriber_id, message_class <> 'service', barred ORDER BY message_class DESC, id) > 1
                    THEN 'busy'
                ELSE '' END AS why
    FROM asked
), counted AS (
    INSERT INTO messaging_contact AS c (subscriber_id, month, offers, surveys, day, offers_on_day)
    SELECT subscriber_id, date_trunc('month', today)::date, (message_class = 'offer')::int,
           (message_class = 'survey')::int, today, (message_class = 'offer')::int
    FROM judged WHERE why = '' AND message_class <> 'service' ORDER BY subscriber_id
    ON CONFLICT (subscriber_id) DO UPDATE SET
        offers = CASE WHEN c.month = EXCLUDED.month THEN c.offers ELSE 0 END + EXCLUDED.offers,
        surveys = CASE WHEN c.month = EXCLUDED.month THEN c.surveys ELSE 0 END + EXCLUDED.surveys,
        offers_on_day = CASE WHEN c.day = EXCLUDED.day THEN c.offers_on_day ELSE 0 END + EXCLUDED.offers_on_day,
        month = EXCLUDED.month, day = EXCLUDED.day
    WHERE (EXCLUDED.offers = 1 AND (c.month <> EXCLUDED.month OR c.offers < %(offers_a_month)s)
                               AND (c.day <> EXCLUDED.day OR c.offers_on_day < %(offers_a_day)s))
       OR (EXCLUDED.surveys = 1 AND (c.month <> EXCLUDED.month OR c.surveys < %(surveys_a_month)s))
    RETURNING c.subscriber_id
), ruled AS (
    SELECT j.*, CASE
        WHEN j.why <> '' OR j.message_class = 'service' OR j.subscriber_id IN (SELECT subscriber_id FROM counted)
            THEN j.why
        WHEN j.message_class = 'survey' THEN 'cap_month'
        WHEN c.month = date_trunc('month', j.today)::date AND c.offers >= %(offers_a_month)s THEN 'cap_month'
        ELSE 'cap_day' END AS verdict
    FROM judged j LEFT JOIN messaging_contact c USING (subscriber_id)
), tries AS (
    INSERT INTO messaging_attempt
        (month, message_id, number, fence, transport, gated_at, valid_until, outcome, error, answer)
    SELECT month, id, attempts + 1, %(fence)s, %(transport)s, now, valid_until, '', '', ''
    FROM ruled WHERE verdict = ''
), put_off AS (
    UPDATE messaging_message m
    SET lease_until = NULL, why = r.verdict, state = r.state,
        not_before = CASE WHEN r.state = 'waiting' THEN r.again ELSE m.not_before END,
        ended_at = CASE WHEN r.state = 'waiting' THEN NULL ELSE r.now END
    FROM (
        SELECT month, id, now, verdict, again, CASE
            WHEN verdict IN ('epoch', 'paused', 'busy') THEN 'waiting'
            WHEN verdict IN ('time_over', 'late') THEN 'expired'
            WHEN verdict NOT IN ('window', 'cap_day') THEN 'refused'
            WHEN not_after > again + %(least)s AND (is_carried OR now < %(opens)s) THEN 'waiting'
            ELSE 'expired' END AS state
        FROM (
            SELECT *, CASE verdict WHEN 'cap_day' THEN %(tomorrow)s::timestamptz
                WHEN 'window' THEN CASE WHEN now < %(opens)s THEN %(opens)s ELSE %(tomorrow)s::timestamptz END
                ELSE not_before END AS again
            FROM ruled WHERE verdict <> ''
        ) v
    ) r
    WHERE m.month = r.month AND m.id = r.id
)
SELECT month, id, verdict, attempts + 1, subscriber_id, msisdn, text, language, encoding, segments, channel,
       message_class, kind, extract(epoch FROM now)::float8, extract(epoch FROM valid_until)::float8
FROM ruled
"""


def gate(
    *,
    messages: Sequence[tuple[date, int, int]],
    fence: int,
    transport: str,
    ahead: timedelta,
    opens: datetime,
    until: datetime,
    closes: datetime,
    tomorrow: datetime,
    caps: tuple[int, int, int],
    site: str,
) -> list[tuple[Any, ...]]:
    """Judge claimed messages at the database's own instant; see messaging.gate, the only caller.

    Those that pass (verdict "") have their attempt written when this returns; the others are put off or ended.
    """
    given = {
        "months": _array(month for month, _id, _subscriber in messages),
        "ids": _array(number for _month, number, _subscriber in messages),
        "fence": fence,
        "transport": transport,
        "ahead": ahead,
        "opens": opens,
        "until": until,
        "closes": closes,
        "tomorrow": tomorrow,
        "offers_a_month": caps[0],
        "offers_a_day": caps[1],
        "surveys_a_month": caps[2],
        "answers": list(kinds.ANSWERS),
        "answer_for": kinds.ANSWER_FOR,
        "farewell": kinds.FAREWELL,
        "farewell_for": kinds.FAREWELL_FOR,
        "least": kinds.LEAST_VALIDITY,
        "site": site,
    }
    _rows("SELECT pg_advisory_xact_lock_shared(%(space)s, 0)", {"space": _GATE_LOCK_SPACE})  # the sweep waits for us
    # A member who leaves meanwhile waits for the gate, or the gate for him: consent holds as the attempt is written.
    enrollment.hold_consents(sorted({subscriber // enrollment.RANGE for _month, _id, subscriber in messages}))
    return _rows(_GATE, given)


# What a hand-over came to. A sender that was swept meanwhile changes nothing, but for what clears up an unknown.
_MARK = """
WITH told AS (
    SELECT * FROM unnest(%(months)s::date[], %(ids)s::bigint[], %(verdicts)s::text[], %(errors)s::text[],
        %(answers)s::text[], %(retries)s::float8[], %(finals)s::bool[], %(valid)s::timestamptz[])
        AS t (month, id, verdict, error, answer, retry_after, is_final, valid_until)
), moved AS (
    UPDATE messaging_message m SET
        state = CASE t.verdict
            WHEN 'accepted' THEN CASE WHEN t.is_final THEN 'delivered' ELSE 'submitted' END
            WHEN 'rejected' THEN 'failed'
            WHEN 'uncertain' THEN CASE WHEN m.message_class = 'service' AND m.attempts = 0 THEN 'waiting'
                                       ELSE 'unknown' END
            ELSE 'waiting' END,
        why = CASE t.verdict
            WHEN 'accepted' THEN ''
            WHEN 'uncertain' THEN CASE WHEN m.message_class = 'service' AND m.attempts = 0 THEN 'repeat'
                                       ELSE 'uncertain' END
            ELSE t.verdict END,
        attempts = m.attempts + (t.verdict IN ('accepted', 'uncertain') AND m.state = 'claimed')::int,
        not_before = CASE WHEN t.verdict = 'retry' THEN
            LEAST(GREATEST(m.not_before, %(now)s + t.retry_after * interval '1 second'),
                  m.not_after - interval '1 second') ELSE m.not_before END,
        lease_until = NULL,
        valid_until = CASE WHEN t.verdict IN ('accepted', 'uncertain') THEN t.valid_until ELSE m.valid_until END,
        submitted_at = CASE WHEN t.verdict = 'accepted' THEN %(now)s ELSE m.submitted_at END,
        ended_at = CASE WHEN t.verdict = 'rejected' OR (t.verdict = 'accepted' AND t.is_final)
                        THEN %(now)s::timestamptz END
    FROM told t
    WHERE m.month = t.month AND m.id = t.id AND m.fence = %(fence)s
      AND (m.state || '' = 'claimed' OR (m.state || '' = 'unknown' AND t.verdict = 'accepted'))
    RETURNING m.subscriber_id, m.message_class, t.verdict
), tried AS (
    UPDATE messaging_attempt a SET outcome = t.verdict, error = t.error, answer = t.answer, ended_at = %(now)s
    FROM told t WHERE a.month = t.month AND a.message_id = t.id AND a.fence = %(fence)s
), returned AS (
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
    given: dict[str, Any] = {name: _array(column) for name, column in zip(names, columns, strict=True)}
    given |= {
        name: list(columns[names.index(name)]) for name in ("errors", "answers") if any(columns[names.index(name)])
    }
    given |= {"fence": fence, "now": now, "today": astana.day_of(now), "this_month": astana.month_of(now)}
    return int(_rows(_MARK, given)[0][0])


def name(*, transport: str, ids: dict[str, tuple[date, int]]) -> None:
    """Keep what the network calls our messages; a name it uses again in the month is the newest message's."""
    _rows(
        _NAME,
        {
            "transport": transport,
            "names": list(ids),
            "months": [month for month, _id in ids.values()],
            "ids": [number for _month, number in ids.values()],
        },
    )


# A sender died or hangs: its lease is over. Without an attempt nothing was handed over; with one nobody can say.
_SWEEP = """
WITH over AS MATERIALIZED (
    SELECT m.month, m.id, m.fence, m.message_class, m.attempts, m.not_after FROM messaging_message m
    WHERE m.state = 'claimed' AND m.lease_until <= %(now)s AND m.month >= %(oldest)s
    LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), known AS (
    SELECT over.*, a.id IS NOT NULL AS was_tried, a.valid_until,
           a.id IS NULL OR (over.message_class = 'service' AND over.attempts = 0) AS may_go
    FROM over LEFT JOIN messaging_attempt a ON a.month = over.month AND a.message_id = over.id AND a.fence = over.fence
), tried AS (
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
    _rows("SELECT pg_advisory_xact_lock(%(space)s, 0)", {"space": _GATE_LOCK_SPACE})
    rows = _rows(_SWEEP, {"now": now, "oldest": oldest_month(now), "limit": limit})
    again = sum(state == "waiting" for (state,) in rows)
    return again, len(rows) - again


def close_unreported(*, now: datetime, grace: timedelta, limit: int) -> int:
    """End what has been without a receipt since its validity ended, and the grace after it; return how many."""
    return _count(_CLOSE, {"now": now, "before": now - grace, "oldest": oldest_month(now), "limit": limit})


def end_waiting(*, now: datetime, closes: datetime, limit: int) -> int:
    """End what can never leave any more; return how many."""
    return _count(
        _END_WAITING,
        {"now": now, "closes": closes, "oldest": oldest_month(now), "limit": limit, "farewell": kinds.FAREWELL},
    )


def _count(statement: str, given: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return cursor.rowcount


# Receipts that name a message we know, by the network's id or by our own.
_MATCH = """
WITH fresh AS MATERIALIZED (
    SELECT r.month, r.id, r.status, r.transport, r.network_id, COALESCE(r.message_month, n.month) AS message_month,
           COALESCE(r.message_id, n.message_id) AS message_id, r.message_id IS NULL AS is_part
    FROM messaging_receipt r
    LEFT JOIN messaging_networkid n ON r.message_id IS NULL AND r.network_id <> '' AND n.network_id = r.network_id
        AND n.transport = r.transport AND n.month >= %(oldest)s
    -- One that came before its message was marked waits for that: it would find nothing to end.
    JOIN messaging_message m ON m.month = COALESCE(r.message_month, n.month)
        AND m.id = COALESCE(r.message_id, n.message_id) AND m.state NOT IN ('waiting', 'claimed')
    WHERE r.matched_at IS NULL AND r.received_at <= %(now)s
    ORDER BY r.received_at LIMIT %(limit)s FOR UPDATE OF r SKIP LOCKED
), noted AS (
    UPDATE messaging_receipt r SET matched_at = %(now)s, message_id = f.message_id, message_month = f.message_month
    FROM fresh f WHERE r.month = f.month AND r.id = f.id
), parts AS (
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
    SELECT told.month, told.id, CASE WHEN told.status <> '' THEN told.status
        WHEN n.undelivered THEN 'undelivered' WHEN n.delivered THEN 'delivered' ELSE '' END AS status
    FROM told LEFT JOIN LATERAL (
        SELECT bool_or(status = 'undelivered') AS undelivered, bool_and(status = 'delivered') AS delivered
        FROM messaging_networkid n WHERE n.month = told.month AND n.message_id = told.id
    ) n ON true
)
UPDATE messaging_message m SET state = k.status, why = '', lease_until = NULL, ended_at = %(now)s,
    submitted_at = COALESCE(m.submitted_at, %(now)s)
FROM known k
WHERE m.month = k.month AND m.id = k.id AND k.status <> '' AND m.state IN ('submitted', 'unknown')
"""


def match_receipts(*, now: datetime, limit: int) -> int:
    """Find the messages of stored receipts and end them accordingly; return how many receipts found theirs."""
    rows = _rows(_MATCH, {"now": now, "oldest": oldest_month(now), "limit": limit})
    if rows:
        months, ids, statuses = (list(column) for column in zip(*rows, strict=True))
        _rows(_APPLY, {"months": months, "ids": ids, "statuses": statuses, "now": now})
    return len(rows)


_UNRESOLVED = """
SELECT n.network_id FROM messaging_message m JOIN messaging_networkid n ON n.month = m.month AND n.message_id = m.id
WHERE m.state IN ('submitted', 'unknown') AND m.valid_until <= %(now)s AND m.month >= %(oldest)s
  AND n.transport = %(transport)s AND n.status = '' LIMIT %(limit)s
"""


def unresolved(*, transport: str, now: datetime, limit: int) -> list[str]:
    """The network's ids of parts that no receipt has come for though their validity is over: to be asked about."""
    given = {"transport": transport, "now": now, "oldest": oldest_month(now), "limit": limit}
    return [network_id for (network_id,) in _rows(_UNRESOLVED, given)]


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
    return _count(
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
    return _count(_CANCEL, {**given, "oldest": oldest_month(now)})


def last_contact(*, subscriber: int, now: datetime) -> datetime | None:
    """When the gate last let an offer or an invitation through to this subscriber."""
    return _rows(_LAST_CONTACT, {"subscriber": subscriber, "oldest": oldest_month(now)})[0][0]
