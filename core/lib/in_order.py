"""A count over everybody: tables that lie by the subscriber's id are walked side by side."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def in_order() -> Iterator[None]:
    """Let the statements inside merge by id: half the time of hashing a million rows, and no worker processes' memory.

    Measured by bench.audience. The session's own settings come back with the commit.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_hashjoin = off")
        cursor.execute("SET LOCAL jit = off")
        yield
