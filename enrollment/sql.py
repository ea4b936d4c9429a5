"""Statements of enrollment that the ORM cannot say."""

from datetime import datetime

from django.db import connection

from enrollment.models import Channel, Consents, Purpose

# True of a subscriber s whose line is no longer that person's activ line (J7).
LINE_IS_LOST = "(s.ended_at IS NOT NULL OR s.brand <> 'activ' OR s.line_status IN ('terminated', 'gone'))"
_BITS = [(Consents.of(purpose, channel), purpose.value, channel.value) for purpose in Purpose for channel in Channel]
_ROWS = ", ".join(f"({bit:d}, '{purpose}', '{channel}')" for bit, purpose, channel in _BITS)
# Which consents Membership.consents can hold: a row (bit, purpose, channel) each.
CONSENT_BITS = f"(VALUES {_ROWS})"


def consent_bit(of: str) -> str:
    """The bit that row `of`, with its purpose and channel, needs (M2); 0, which nobody holds, where there is none."""
    cases = (
        f"WHEN {of}.purpose = '{purpose}' AND {of}.channel = '{channel}' THEN {bit:d}"
        for bit, purpose, channel in _BITS
    )
    return f"(CASE {' '.join(cases)} ELSE 0 END)"


_END_LOST = f"""
WITH lost AS (
    -- Open memberships of lines that are lost, and why: the first reason that is true.
    SELECT m.id, m.subscriber_id, m.consents,
           CASE WHEN s.ended_at IS NOT NULL THEN 'recycled'
                WHEN s.line_status = 'terminated' THEN 'terminated'
                WHEN s.line_status = 'gone' THEN 'gone'
                ELSE 'brand' END AS reason
    FROM enrollment_membership m JOIN enrollment_subscriber s ON s.id = m.subscriber_id
    WHERE m.left_at IS NULL AND m.subscriber_id >= %(first)s AND m.subscriber_id < %(after)s AND {LINE_IS_LOST}
), ended AS (
    -- A clock that is behind must not let anybody leave before joining.
    UPDATE enrollment_membership m
    SET left_at = GREATEST(%(now)s, m.joined_at), left_by = %(by)s, left_reason = lost.reason, consents = 0
    FROM lost WHERE m.id = lost.id
    RETURNING m.id
), withdrawn AS (
    -- Each consent that was held is withdrawn by a record of its own (J3).
    INSERT INTO enrollment_consentevent
        (subscriber_id, membership_id, purpose, channel, action, at, by, session, key, language, digest)
    SELECT lost.subscriber_id, lost.id, p.purpose, p.channel, 'withdrawn', %(now)s, %(by)s, '', '', '', ''
    FROM lost JOIN {CONSENT_BITS} AS p (bit, purpose, channel) ON lost.consents & p.bit <> 0
)
SELECT array_agg(lost.subscriber_id) FROM lost JOIN ended USING (id)
"""


def end_lost_memberships(*, first: int, after: int, by: str, now: datetime) -> list[int]:
    """End the memberships in [first, after) whose line is no longer the member's activ line; return whose (J7)."""
    with connection.cursor() as cursor:
        cursor.execute(_END_LOST, {"first": first, "after": after, "by": by, "now": now})
        return cursor.fetchone()[0] or []
