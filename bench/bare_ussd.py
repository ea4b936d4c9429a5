"""The bare server that bench.ussd measures against: granian, a psycopg pool, one hand-written statement a request.

It reads the session and writes the step and the nonce exactly as the platform does, and knows nothing else: no
authentication, no menu, no languages, no retransmissions.
"""

import json
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool

STATEMENT = """
WITH quick AS (SELECT set_config('synchronous_commit', %(commit)s, true)),
seen AS (
    INSERT INTO access_nonce (key_id, nonce, seen_at) SELECT 'bare', %(nonce)s, clock_timestamp() FROM quick
    ON CONFLICT DO NOTHING RETURNING 1
)
UPDATE ussd_ussdsession
SET touched_at = %(now)s, language = 'ru', screen = 'language', context = '{}', sequence = %(sequence)s, taken = '',
    turn = turn + 1, steps = steps || %(step)s
WHERE client_id = %(client)s AND session_id = %(session)s AND EXISTS (SELECT FROM seen)
RETURNING msisdn_index, subscriber_id, language, touched_at, visited_plmn, screen, context, sequence, taken, turn, steps
"""
TEXT = "Неверно.\n1 Қазақша\n2 Русский\n3 English"
_client = int(os.environ.get("BARE_CLIENT", "0"))
_commit = os.environ.get("BARE_COMMIT", "off")
_pool = ConnectionPool(os.environ["BARE_DSN"], min_size=2, max_size=6, kwargs={"autocommit": True}, open=True)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Take one step."""
    body = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    now = datetime.now(UTC)
    parameters = {
        "commit": _commit,
        "nonce": environ["HTTP_X_SMART_NONCE"],
        "now": now,
        "sequence": body["sequence"],
        "step": Jsonb([[str(body["sequence"]), body["input"], "continue", TEXT, now.isoformat()]]),
        "client": _client,
        "session": environ["PATH_INFO"].rsplit("/", 2)[1],
    }
    with _pool.connection() as connection:
        row = connection.execute(STATEMENT, parameters, prepare=True).fetchone()
    if row is None:
        start_response("409 Conflict", [("Content-Type", "application/json")])
        return [b"{}"]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"action": "continue", "text": TEXT, "encoding": "ucs2"}).encode()]
