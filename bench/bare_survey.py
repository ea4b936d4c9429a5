"""The bare server that bench.surveys measures against: granian, a psycopg pool, one hand-written statement an answer.

It writes the nonce, the answer, the response's step and the session's step as the platform does, on disk before it
replies, and knows nothing else: no authentication, no questionnaire, no groups, no rewards.
"""

import json
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

STATEMENT = """
WITH seen AS (
    INSERT INTO access_nonce (key_id, nonce, seen_at) VALUES ('bare', %(nonce)s, clock_timestamp())
    ON CONFLICT DO NOTHING RETURNING 1
), moved AS (
    UPDATE ussd_ussdsession
    SET touched_at = %(now)s, language = 'ru', screen = 'survey', context = context || %(turn)s,
        sequence = %(sequence)s, taken = '', turn = turn + 1, steps = steps || %(step)s
    WHERE client_id = %(client)s AND session_id = %(session)s AND EXISTS (SELECT FROM seen)
    RETURNING (context ->> 'response')::bigint AS response
), stepped AS (
    UPDATE surveys_response
    SET asked = %(asked)s, asked_at = %(now)s, turn = turn + 1, path = path || %(path)s::varchar[]
    WHERE id = (SELECT response FROM moved) RETURNING id
)
INSERT INTO surveys_answer (response_id, question_id, value, text, answered_at, took_ms)
SELECT id, %(question)s, %(value)s, '', %(now)s, 9000 FROM stepped RETURNING id
"""
TEXT = "Сколько раз в неделю?\n0-50\n00 Назад"
_client = int(os.environ.get("BARE_CLIENT", "0"))
_questions = [int(number) for number in os.environ.get("BARE_QUESTIONS", "").split()]
_pool = ConnectionPool(os.environ["BARE_DSN"], min_size=2, max_size=6, kwargs={"autocommit": True}, open=True)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Take one answer; what is dialed is only greeted."""
    body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    is_kept = "dialed" in body or _keep(environ, body)
    start_response("200 OK" if is_kept else "409 Conflict", [("Content-Type", "application/json")])
    return [json.dumps({"action": "continue", "text": TEXT, "encoding": "ucs2"}).encode()]


def _keep(environ: dict[str, Any], body: dict[str, Any]) -> bool:
    now, sequence = datetime.now(UTC), body["sequence"]
    parameters = {
        "nonce": environ["HTTP_X_SMART_NONCE"],
        "now": now,
        "sequence": sequence,
        "turn": Jsonb({"turn": sequence}),
        "step": Jsonb([[str(sequence), body["input"], "continue", TEXT, now.isoformat()]]),
        "client": _client,
        "session": environ["PATH_INFO"].rsplit("/", 2)[1],
        "asked": f"q{sequence}",
        "path": [f"q{sequence - 1}"],
        "question": _questions[sequence - 2],
        "value": 1,
    }
    with _pool.connection() as connection:
        return connection.execute(STATEMENT, parameters, prepare=True).fetchone() is not None
