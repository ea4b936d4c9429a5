"""Prepared statements for the hot path: bound and planned by the server, once a connection.

Django's own cursor binds on the client, which is right for everything else: a statement of a key press spends more
time being planned than being run.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from django.db import connection

Parameters = Sequence[Any] | Mapping[str, Any]


def fetch_one(sql: str, parameters: Parameters) -> tuple[Any, ...] | None:
    """Run a statement on this thread's connection, in its transaction if one is open; return its first row.

    Raises Django's database errors. Parameters need casts (`%s::text`) where the server cannot tell their type.
    """
    connection.ensure_connection()
    raw = connection.connection
    assert raw is not None
    with connection.wrap_database_errors, psycopg.Cursor(raw) as cursor:
        return cursor.execute(sql, parameters, prepare=True).fetchone()
