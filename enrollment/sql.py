"""Statements of enrollment that the ORM cannot say."""

from datetime import datetime

from django.db import connection

# Why a membership of a line that is no longer this person's activ line ends (J7).
_LOST = """
WITH lost AS (
    SELECT m.id, m.subscriber_id, m.consents,
           CASE WHEN s.ended_at IS NOT NULL THEN 'recycled'
                WHEN s.line_status = 'terminated' THEN 'terminated'
                WHEN s.line_status = 'gone' THEN 'gone'
                ELSE 'brand' END AS reason
    FROM enrollment_membership m JOIN enrollment_subscriber s ON s.id = m.subscriber_id
    WHERE m.left_at IS NULL AND m.subscriber_id >= %(first)s AND m.subscriber_id < %(after)s
      AND (s.ended_at IS NOT NULL OR s.brand <> 'activ' OR s.line_status IN ('terminated', 'gone'))
), ended AS (
    UPDATE enrollment_membership m
    SET left_at = GREATEST(%(now)s, m.joined_at), left_by = %(by)s, left_reason = lost.reason, consents = 0
    FROM lost WHERE m.id = lost.id
    RETURNING m.id
), withdrawn AS (
    INSERT INTO enrollment_consentevent
        (subscriber_id, membership_id, purpose, channel, action, at, by, session, key, language, digest)
    SELECT lost.subscriber_id, lost.id, p.purpose, p.channel, 'withdrawn', %(now)s, %(by)s, '', '', '', ''
    FROM lost JOIN (VALUES (1, 'offers', 'sms'), (2, 'offers', 'ussd'), (4, 'offers', 'ivr'),
                           (8, 'surveys', 'sms'), (16, 'surveys', 'ussd'), (32, 'surveys', 'ivr')
                   ) AS p (bit, purpose, channel) ON lost.consents & p.bit <> 0
)
SELECT array_agg(lost.subscriber_id) FROM lost JOIN ended USING (id)
"""


def end_lost_memberships(*, first: int, after: int, by: str, now: datetime) -> list[int]:
    """End the memberships in [first, after) whose line is no longer the member's activ line; return whose (J7)."""
    with connection.cursor() as cursor:
        cursor.execute(_LOST, {"first": first, "after": after, "by": by, "now": now})
        return cursor.fetchone()[0] or []
