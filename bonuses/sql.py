"""Statements of the bonus ledger that the ORM cannot say: set-based, each movement with its entry."""

from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from core.lib import astana

# Whether subscriber s activated the monthly bonus of {month}: in that month or never (grant_activated_in_its_month).
ACTIVATED = """
EXISTS (SELECT FROM bonuses_grant g WHERE g.month = {month} AND g.subscriber_id = s.id AND g.kind = 'monthly'
        AND g.activated_at IS NOT NULL)
"""

# Issue a month's bonus to the members of an id range that have none, and cancel what still waits from before (B6).
# Both bear the instant the bonus was due, not the instant of the run: a late beat changes nothing.
_ISSUE = """
WITH due AS (
    -- Members now; who joined within the month is due from then on.
    SELECT m.subscriber_id, GREATEST(m.joined_at, %(start)s) AS at
    FROM enrollment_membership m
    WHERE m.left_at IS NULL AND m.joined_at <= %(now)s
      AND m.subscriber_id >= %(first)s AND m.subscriber_id < %(after)s
), issued AS (
    -- The unique index refuses a second one a month, whoever issued the first (B3).
    INSERT INTO bonuses_grant
        (month, subscriber_id, kind, source, terms_id, units, remaining, state, issued_at, activate_by)
    SELECT %(month)s, subscriber_id, 'monthly', '', %(terms)s, %(units)s, %(units)s, 'waiting', at,
           at + %(days)s * interval '24 hours'
    FROM due
    ON CONFLICT (subscriber_id, month, kind, source) DO NOTHING
    RETURNING id, subscriber_id, issued_at
), superseded AS (
    -- What waits from before is cancelled when the month begins (B6).
    UPDATE bonuses_grant g SET state = 'cancelled', remaining = 0, closed_at = GREATEST(%(start)s, g.issued_at)
    WHERE g.subscriber_id >= %(first)s AND g.subscriber_id < %(after)s
      AND g.month >= %(oldest)s AND g.month < %(month)s AND g.kind = 'monthly' AND g.state = 'waiting'
    RETURNING g.id, g.month, g.subscriber_id, g.units, g.closed_at
), entries AS (
    -- Every movement of units is a line of the ledger.
    INSERT INTO bonuses_ledgerentry (month, grant_id, subscriber_id, kind, units, at, key, reason)
    SELECT %(month)s, id, subscriber_id, 'issue', %(units)s, issued_at, 'issue', '' FROM issued
    UNION ALL
    SELECT month, id, subscriber_id, 'forfeit', units, closed_at, 'forfeit', 'superseded' FROM superseded
)
SELECT count(*) FROM issued
"""


def issue_month(*, month: date, terms_id: int, units: int, days: int, first: int, after: int, now: datetime) -> int:
    """Issue the month's bonus to members with subscriber ids in [first, after); return how many (B1, B6)."""
    with connection.cursor() as cursor:
        cursor.execute(
            _ISSUE,
            {
                "month": month,
                "start": astana.start_of(month),
                "oldest": astana.previous_month(astana.previous_month(month)),
                "terms": terms_id,
                "units": units,
                "days": days,
                "first": first,
                "after": after,
                "now": now,
            },
        )
        return cursor.fetchone()[0]


# Close what has lapsed (B5) or was not activated in time (B6), with the instant it happened at.
# SKIP LOCKED: a grant under debit or forfeiture is looked at again by the next sweep.
_EXPIRE = """
WITH over AS (
    -- By the index of lapses, in its order.
    SELECT id, month, subscriber_id, remaining, expires_at AS at FROM bonuses_grant
    WHERE month >= %(oldest)s AND expires_at > %(since)s AND expires_at <= %(now)s AND state = 'active'
    ORDER BY expires_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), closed AS (
    UPDATE bonuses_grant g SET state = 'expired', remaining = 0, closed_at = over.at
    FROM over WHERE g.month = over.month AND g.id = over.id
), entries AS (
    INSERT INTO bonuses_ledgerentry (month, grant_id, subscriber_id, kind, units, at, key, reason)
    SELECT month, id, subscriber_id, 'expire', remaining, at, 'expire', 'lapsed' FROM over WHERE remaining > 0
)
SELECT count(*) FROM over
"""
_CANCEL = """
WITH over AS (
    SELECT id, month, subscriber_id, remaining, activate_by AS at FROM bonuses_grant
    WHERE month >= %(oldest)s AND activate_by > %(since)s AND activate_by <= %(now)s AND state = 'waiting'
    ORDER BY activate_by LIMIT %(limit)s FOR UPDATE SKIP LOCKED
), closed AS (
    UPDATE bonuses_grant g SET state = 'cancelled', remaining = 0, closed_at = over.at
    FROM over WHERE g.month = over.month AND g.id = over.id
), entries AS (
    INSERT INTO bonuses_ledgerentry (month, grant_id, subscriber_id, kind, units, at, key, reason)
    SELECT month, id, subscriber_id, 'expire', remaining, at, 'expire', 'not_activated' FROM over
)
SELECT count(*) FROM over
"""


def expire(*, since: datetime, now: datetime, limit: int) -> int:
    """Close up to `limit` active grants that lapsed in (since, now]; return how many (B5)."""
    return _sweep(_EXPIRE, since=since, now=now, limit=limit)


def cancel_overdue(*, since: datetime, now: datetime, limit: int) -> int:
    """Close up to `limit` waiting grants whose days ran out in (since, now]; return how many (B6)."""
    return _sweep(_CANCEL, since=since, now=now, limit=limit)


# Take what is left of people's grants. What time has taken already (lapsed, not swept yet) is expired, not forfeited.
_FORFEIT = """
WITH open AS (
    -- In order of ids, as everybody locks grants: two who did it otherwise would wait for each other.
    SELECT id, month, subscriber_id, state, remaining, COALESCE(expires_at, activate_by) AS over_at,
           COALESCE(expires_at, activate_by) <= %(now)s AS is_over
    FROM bonuses_grant
    WHERE subscriber_id = ANY(%(subscribers)s) AND state IN ('waiting', 'active')
    ORDER BY id FOR UPDATE
), closed AS (
    -- What time has taken keeps time's instant and reason.
    UPDATE bonuses_grant g
    SET remaining = 0, closed_at = CASE WHEN is_over THEN over_at ELSE GREATEST(%(now)s, g.issued_at) END,
        state = CASE WHEN NOT is_over THEN 'forfeited' WHEN open.state = 'active' THEN 'expired' ELSE 'cancelled' END
    FROM open WHERE g.month = open.month AND g.id = open.id
), entries AS (
    -- A grant of which nothing is left moves no units.
    INSERT INTO bonuses_ledgerentry (month, grant_id, subscriber_id, kind, units, at, key, reason)
    SELECT month, id, subscriber_id,
           CASE WHEN is_over THEN 'expire' ELSE 'forfeit' END, remaining,
           CASE WHEN is_over THEN over_at ELSE %(now)s END,
           CASE WHEN is_over THEN 'expire' ELSE 'forfeit' END,
           CASE WHEN NOT is_over THEN %(reason)s WHEN state = 'active' THEN 'lapsed' ELSE 'not_activated' END
    FROM open WHERE remaining > 0
)
SELECT COALESCE(sum(remaining) FILTER (WHERE NOT is_over), 0) FROM open
"""


def forfeit(*, subscribers: list[int], reason: str, now: datetime) -> int:
    """Take every unit these subscribers still have, waiting or active; return the units (B7, J5, J7)."""
    return _count(_FORFEIT, subscribers=subscribers, reason=reason, now=now)


# One statement, so that of 64 simultaneous dials one wins and the others find nothing waiting (B2, B3).
# GREATEST: the clock of the server that issued it may be a moment ahead of this one's.
_ACTIVATE = """
UPDATE bonuses_grant g
SET state = 'active', activated_at = GREATEST(%(now)s, g.issued_at),
    expires_at = GREATEST(%(now)s, g.issued_at) + t.valid_hours * interval '1 hour'
FROM bonuses_bonusterms t
WHERE t.id = g.terms_id AND g.subscriber_id = %(subscriber)s AND g.month = %(month)s AND g.kind = 'monthly'
  AND g.state = 'waiting' AND g.activate_by > %(now)s
RETURNING g.id
"""


def activate(*, subscriber_id: int, month: date, now: datetime) -> int | None:
    """Activate the month's waiting bonus; return its id, None when none waits (B2, B3, B5)."""
    with connection.cursor() as cursor:
        cursor.execute(_ACTIVATE, {"subscriber": subscriber_id, "month": month, "now": now})
        row = cursor.fetchone()
        return row[0] if row else None


def lock_request(client_id: int, request_id: str) -> None:
    """Let the twins of one charging request wait for each other until the transaction's end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [request_id, client_id])


# A grant lapses or is overdue within its terms' days; older partitions need not be searched.
_LONGEST_LIFE = timedelta(days=100)


def _sweep(sql: str, *, since: datetime, now: datetime, limit: int) -> int:
    """Run a sweep by index: with a large partition the planner would rather hash all of it for each chunk."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
    oldest = astana.month_of(since - _LONGEST_LIFE)
    return _count(sql, since=since, now=now, limit=limit, oldest=oldest)


def _count(sql: str, **parameters: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.fetchone()[0])


_WAITING_SINCE = """
SELECT subscriber_id FROM bonuses_grant
WHERE month = %(month)s AND subscriber_id >= %(first)s AND subscriber_id < %(after)s
  AND kind = 'monthly' AND state = 'waiting' AND issued_at = %(start)s
"""
_LAPSING = """
SELECT id, subscriber_id, remaining, expires_at FROM bonuses_grant
WHERE expires_at > %(now)s AND expires_at <= %(until)s AND state = 'active' AND remaining > 0 AND kind = 'monthly'
  AND id > %(after)s AND month >= %(oldest)s
ORDER BY id LIMIT %(limit)s
"""


def waiting_since(*, month: date, first: int, after: int) -> list[int]:
    """The subscribers with ids in [first, after) whose monthly bonus waits since the month began."""
    given: dict[str, Any] = {"month": month, "first": first, "after": after, "start": astana.start_of(month)}
    with connection.cursor() as cursor:
        cursor.execute(_WAITING_SINCE, given)
        return [subscriber for (subscriber,) in cursor.fetchall()]


def lapsing(*, now: datetime, until: datetime, after: int, limit: int) -> list[tuple[int, int, int, datetime]]:
    """(id, subscriber, units left, lapse) of monthly grants that lapse in (now, until], by id, beyond `after`."""
    oldest = astana.previous_month(astana.previous_month(astana.month_of(now)))
    given: dict[str, Any] = {"now": now, "until": until, "after": after, "limit": limit, "oldest": oldest}
    with connection.cursor() as cursor:
        cursor.execute(_LAPSING, given)
        return cursor.fetchall()
