"""The gate's one statement."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from enrollment import locks
from enrollment.sql import LINE_IS_LOST, consent_bit
from messaging import kinds
from messaging.sql.epoch import MAY_SEND
from messaging.sql.statements import GATE_LOCK_SPACE, array, rows

_GATE = f"""
WITH clock AS MATERIALIZED (
    -- One instant for all: now() would be the transaction's start, minutes old behind a lock.
    SELECT clock_timestamp() + %(ahead)s AS now, {MAY_SEND} AS may_send,
           (SELECT is_paused FROM messaging_sendingpolicy) AS is_paused
), asked AS (
    -- What bars each message by itself; the first reason counts. No answer of the policy is a pause.
    SELECT m.month, m.id, m.subscriber_id, m.message_class, m.kind, m.channel, m.not_after, m.not_before, m.attempts,
           m.text, m.language, m.encoding, m.segments, st.is_carried OR m.message_class = 'service' AS is_carried,
           clock.now, (clock.now AT TIME ZONE 'Asia/Almaty')::date AS today, s.msisdn,
           clock.now >= %(opens)s AND clock.now < %(until)s AS in_window,
           m.kind = ANY(%(answers)s) AND clock.now < m.created_at + %(answer_for)s AS is_answer,
           CASE
               WHEN NOT clock.may_send THEN 'epoch'
               WHEN COALESCE(clock.is_paused, true) OR st.is_paused THEN 'paused'
               WHEN clock.now >= m.not_after THEN 'time_over'
               WHEN {LINE_IS_LOST} THEN 'line_lost'
               WHEN m.kind = %(farewell)s AND (mem.joined_at > m.created_at
                   OR clock.now >= m.created_at + %(farewell_for)s) THEN 'left'
               WHEN m.kind <> %(farewell)s AND (mem.id IS NULL OR mem.joined_at > m.created_at) THEN 'left'
               WHEN m.message_class <> 'service' AND mem.consents & {consent_bit("m")} = 0 THEN 'no_consent'
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
    -- The hour (M1), and one message of each kind a member at a time: the contact's row cannot be raised twice here.
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
    -- Caps (M4, M5): a row is raised only below its limit, and its lock makes two senders take turns. In order of
    -- members, else two gates would wait for each other.
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
    -- Whoever was not counted had reached a cap: which one.
    SELECT j.*, CASE
        WHEN j.why <> '' OR j.message_class = 'service' OR j.subscriber_id IN (SELECT subscriber_id FROM counted)
            THEN j.why
        WHEN j.message_class = 'survey' THEN 'cap_month'
        WHEN c.month = date_trunc('month', j.today)::date AND c.offers >= %(offers_a_month)s THEN 'cap_month'
        ELSE 'cap_day' END AS verdict
    FROM judged j LEFT JOIN messaging_contact c USING (subscriber_id)
), tries AS (
    -- The attempt is written before the network hears of it: what a crash leaves uncertain has one.
    INSERT INTO messaging_attempt
        (month, message_id, number, fence, transport, gated_at, valid_until, outcome, error, answer)
    SELECT month, id, attempts + 1, %(fence)s, %(transport)s, now, valid_until, '', '', ''
    FROM ruled WHERE verdict = ''
), put_off AS (
    -- The others wait for the day or hour that suits them, or end.
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
    """Judge claimed messages at the database's own instant; see messaging.sending.gate, the only caller.

    Those that pass (verdict "") have their attempt written when this returns; the others are put off or ended.
    """
    given = {
        "months": array(month for month, _id, _subscriber in messages),
        "ids": array(number for _month, number, _subscriber in messages),
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
        "answers": list(kinds.answers()),
        "answer_for": kinds.ANSWER_FOR,
        "farewell": kinds.FAREWELL,
        "farewell_for": kinds.FAREWELL_FOR,
        "least": kinds.LEAST_VALIDITY,
        "site": site,
    }
    rows("SELECT pg_advisory_xact_lock_shared(%(space)s, 0)", {"space": GATE_LOCK_SPACE})  # the sweep waits for us
    # A member who leaves meanwhile waits for the gate, or the gate for him: consent holds as the attempt is written.
    locks.hold_consents(sorted({subscriber // locks.RANGE for _month, _id, subscriber in messages}))
    return rows(_GATE, given)
