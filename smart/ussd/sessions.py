"""USSD sessions in the database: one read and one write a key press, filed as dials when over."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from psycopg.types.json import Jsonb

from core.access.auth import NotAuthenticated
from core.lib import astana, partitions, statements
from core.lib.logs import mask_numbers
from smart.ussd.request import GatewayRequest, Reply

_DIALED_LIMIT = 182
_COLUMNS = (
    "id, msisdn_index, subscriber_id, language, touched_at, visited_plmn, screen, context, sequence, taken, turn, steps"
)


@dataclass(slots=True)
class Session:
    """A session as read; `turn` guards its next write."""

    id: int
    msisdn_index: bytes
    subscriber_id: int | None
    language: str
    touched_at: datetime
    visited_plmn: str
    screen: str
    context: dict[str, Any]
    sequence: int
    taken: str
    turn: int
    steps: list[list[str]]

    def answered(self, token: str) -> Reply | None:
        """The reply this token got before, if it did: [token, input, action, text, at]."""
        for step in reversed(self.steps):
            if step[0] == token:
                return Reply(step[3], step[2] == "end")
        return None

    def is_expired(self, now: datetime) -> bool:
        """True when the network has long given this session up."""
        return now - self.touched_at > timedelta(seconds=settings.USSD_SESSION_SECONDS)


# Sessions as this process last wrote them: a hint that saves reading what is about to be overwritten. Nothing but
# the guarded write decides; a hint that is stale makes it fail, and the session is read.
_hints: dict[tuple[int, str], Session] = {}
_MOST_HINTS = 20_000


def recall(client_id: int, session_id: str) -> Session | None:
    """Take the hint for a session, if there is one; it is the caller's alone from then on."""
    return _hints.pop((client_id, session_id), None)


def remember(client_id: int, session_id: str, session: Session) -> None:
    """Leave a hint for the session's next key."""
    if len(_hints) >= _MOST_HINTS:
        with suppress(StopIteration, KeyError, RuntimeError):
            del _hints[next(iter(_hints))]
    _hints[client_id, session_id] = session


class Raced(Exception):
    """Another request moved the session on in between: read it again; its own nonce may be remembered by now."""

    def __init__(self, *, nonce_is_kept: bool = False) -> None:
        super().__init__()
        self.nonce_is_kept = nonce_is_kept


def load(client_id: int, session_id: str) -> Session | None:
    """Read a session."""
    sql = f"SELECT {_COLUMNS} FROM ussd_ussdsession WHERE client_id = %s AND session_id = %s"
    row = statements.fetch_one(sql, [client_id, session_id])
    return _read(row) if row is not None else None


def lock(session: Session) -> None:
    """Hold the session's row until the transaction under way ends. Raises Raced when it has moved on."""
    row = statements.fetch_one("SELECT turn FROM ussd_ussdsession WHERE id = %s FOR UPDATE", [session.id])
    if row is None or row[0] != session.turn:
        raise Raced


def _read(row: tuple[Any, ...]) -> Session:
    session = Session(*row)
    session.msisdn_index = bytes(session.msisdn_index)
    session.context, session.steps = _decoded(session.context), _decoded(session.steps)
    return session


def _decoded(value: Any) -> Any:
    """Django makes psycopg return JSON as text, for its own field to decode."""
    return json.loads(value) if isinstance(value, str) else value


# A step without an effect need not wait for the disk: a crash of the database loses the last half second of
# such steps, and the subscriber presses again. set_config is local to this statement's own transaction.
_STEP = """
WITH quick AS (SELECT set_config('synchronous_commit', %(commit)s::text, true)),
seen AS (
    INSERT INTO access_nonce (key_id, nonce, seen_at)
    SELECT %(key_id)s::text, %(nonce)s::text, clock_timestamp() FROM quick
    WHERE %(nonce)s::text <> '' ON CONFLICT DO NOTHING RETURNING 1
), moved AS (
    UPDATE ussd_ussdsession
    SET touched_at = %(now)s, language = %(language)s, screen = %(screen)s, context = %(context)s,
        sequence = %(sequence)s, taken = %(taken)s, turn = turn + 1, steps = steps || %(step)s
    WHERE id = %(id)s AND turn = %(turn)s AND (%(nonce)s::text = '' OR EXISTS (SELECT FROM seen))
    RETURNING 1
)
SELECT %(nonce)s::text = '' OR EXISTS (SELECT FROM seen), EXISTS (SELECT FROM moved)
"""
# Without a nonce nothing else would ask for what is said of the commit, and it would not be said.
_STEP_UNSIGNED = _STEP + ", (SELECT set_config FROM quick)"


def record(
    session: Session,
    request: GatewayRequest,
    *,
    typed: str,
    reply: Reply,
    now: datetime,
    durable: bool = False,
    remembers_nonce: bool = False,
) -> None:
    """Write a step and what the session waits for; with `remembers_nonce` the request's nonce in the same statement.

    Raises NotAuthenticated for a replayed request, Raced when a twin was quicker.
    """
    step = _step(request, typed, reply, now)
    session.sequence = request.sequence if request.sequence is not None else session.sequence
    session.taken = request.cumulative if request.cumulative is not None else session.taken
    nonce = request.caller.nonce if remembers_nonce else ""
    parameters = {
        "commit": "on" if durable else "off",
        "key_id": request.caller.key_id,
        "nonce": nonce,
        "now": now,
        "language": session.language,
        "screen": session.screen,
        "context": Jsonb(session.context),
        "sequence": session.sequence,
        "taken": session.taken,
        "step": Jsonb([step]),
        "id": session.id,
        "turn": session.turn,
    }
    is_new, is_moved, *_ = statements.fetch_one(_STEP if nonce else _STEP_UNSIGNED, parameters) or (False, False)
    if not is_new:
        raise NotAuthenticated
    if not is_moved:
        raise Raced(nonce_is_kept=remembers_nonce)
    session.turn += 1
    session.touched_at = now
    session.steps.append(step)


def _step(request: GatewayRequest, typed: str, reply: Reply, now: datetime) -> list[str]:
    """A step as it is kept: [token, input, action, text, at]."""
    return [request.token, mask_numbers(typed), reply.action, reply.text, now.isoformat(timespec="milliseconds")]


_OPEN = f"""
INSERT INTO ussd_ussdsession
    (client_id, session_id, msisdn_index, subscriber_id, language, opened_at, touched_at, dialed, visited_plmn,
     screen, page, context, sequence, taken, turn, steps)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, '', 0, '{{}}', 0, '', 0, '[]')
ON CONFLICT (client_id, session_id) DO NOTHING
RETURNING {_COLUMNS}
"""


def open_session(
    request: GatewayRequest, *, msisdn_index: bytes, subscriber_id: int | None, language: str, now: datetime
) -> Session:
    """Make the session's row in the transaction under way. Raises Raced when it is there already."""
    values = [
        request.caller.client_id,
        request.session_id,
        msisdn_index,
        subscriber_id,
        language,
        now,
        now,
        request.typed[:_DIALED_LIMIT],
        request.visited_plmn,
    ]
    row = statements.fetch_one(_OPEN, values)
    if row is None:
        raise Raced
    return _read(row)


_FILE = """
WITH over AS (
    DELETE FROM ussd_ussdsession
    WHERE id IN (SELECT id FROM ussd_ussdsession WHERE touched_at < %(before)s ORDER BY id LIMIT 5000
                 FOR UPDATE SKIP LOCKED)
    RETURNING *
)
INSERT INTO ussd_dial (month, client_id, session_id, subscriber_id, dialed, language, opened_at, closed_at, steps)
SELECT date_trunc('month', opened_at AT TIME ZONE 'Asia/Almaty')::date, client_id, session_id, subscriber_id,
       dialed, language, opened_at, touched_at, steps
FROM over
"""
# A session answers its retransmissions for this long before it is filed; then its dial does, for a day.
KEPT = timedelta(minutes=10)
_REMEMBERED = timedelta(days=1)
_FILED = """
SELECT subscriber_id, steps FROM ussd_dial
WHERE client_id = %(client)s AND session_id = %(session)s AND opened_at > %(since)s AND month >= %(month)s
"""
_FILE_TURNED_AWAY = """
INSERT INTO ussd_dial (month, client_id, session_id, subscriber_id, dialed, language, opened_at, closed_at, steps)
SELECT %(month)s, %(client)s, %(session)s, %(subscriber)s, %(dialed)s, %(language)s, %(now)s, %(now)s, %(steps)s
WHERE NOT EXISTS (
    SELECT FROM ussd_dial WHERE month = %(month)s AND client_id = %(client)s AND session_id = %(session)s
      AND steps -> 0 ->> 0 = %(token)s AND jsonb_array_length(steps) = 1)
"""


def filed_steps(*, client_id: int, session_id: str, subscriber_id: int | None, now: datetime) -> list[list[str]] | None:
    """Return this subscriber's steps under a session's name filed within a day; None when there is no such name."""
    since = now - _REMEMBERED
    parameters: dict[str, Any] = {
        "client": client_id,
        "session": session_id,
        "since": since,
        "month": astana.month_of(since),
    }
    with connection.cursor() as cursor:
        cursor.execute(_FILED, parameters)
        rows = cursor.fetchall()
    if not rows:
        return None
    return [step for owner, steps in rows if owner is not None and owner == subscriber_id for step in _decoded(steps)]


def file_turned_away(
    request: GatewayRequest, *, subscriber_id: int | None, language: str, reply: Reply, now: datetime
) -> None:
    """Keep a dial that was ended without a session, or a step that did not fit its session; once if sent again."""
    parameters: dict[str, Any] = {
        "month": astana.month_of(now),
        "client": request.caller.client_id,
        "session": request.session_id,
        "subscriber": subscriber_id,
        "dialed": request.typed[:_DIALED_LIMIT],
        "language": language,
        "now": now,
        "steps": Jsonb([_step(request, request.typed, reply, now)]),
        "token": request.token,
    }
    with connection.cursor() as cursor:
        cursor.execute(_FILE_TURNED_AWAY, parameters)


def file_finished(*, now: datetime) -> int:
    """Move sessions nobody touched for ten minutes to the dials; return how many."""
    partitions.ensure_month("ussd_dial", astana.month_of(now))
    filed = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_FILE, {"before": now - KEPT})
            filed += cursor.rowcount
            if cursor.rowcount < 5000:
                return filed
