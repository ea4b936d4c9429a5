"""The pool's connections: one that died is not handed out, and one that lives is handed out again."""

import copy
import select
import time
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from core.lib.postgres.base import DatabaseWrapper, has_ended

pytestmark = pytest.mark.django_db
SIZE = 4


@pytest.fixture
def pooled() -> Iterator[DatabaseWrapper]:
    """A connection of its own pool to the tests' database, which checks nothing else than what it is to check."""
    settings = copy.deepcopy(connection.settings_dict)
    settings["OPTIONS"]["pool"] = {"min_size": SIZE, "max_size": SIZE, "timeout": 5.0}
    wrapper = DatabaseWrapper(settings, alias=f"pooled-{id(settings)}")
    wrapper.pool.open()
    wrapper.pool.wait()
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


def server_of(wrapper: DatabaseWrapper) -> int:
    """Answer one request, as a view does: take a connection, ask, give it back; the server process that answered."""
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid: int = cursor.fetchone()[0]
    wrapper.close()
    return pid


def connect() -> psycopg.Connection:
    """A connection of one's own, in no transaction."""
    return psycopg.connect(**{**DatabaseWrapper(connection.settings_dict).get_connection_params(), "autocommit": True})


def end_all(pids: set[int]) -> None:
    """What a restart of the server does to each of them, and wait until they are gone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s::int[]) AS pid", [list(pids)])
        assert all(ended for (ended,) in cursor.fetchall())


def test_a_connection_that_died_in_the_pool_is_not_handed_out(pooled: DatabaseWrapper) -> None:
    before = {server_of(pooled) for _ in range(SIZE)}
    assert len(before) == SIZE
    end_all(before)

    began = time.monotonic()
    after = {server_of(pooled) for _ in range(2 * SIZE)}

    assert not before & after
    assert time.monotonic() - began < 5  # in none of them was the pool's whole time waited


def test_a_living_connection_is_used_again(pooled: DatabaseWrapper) -> None:
    assert len({server_of(pooled) for _ in range(3 * SIZE)}) == SIZE


def test_a_living_connection_that_was_told_something_meanwhile_has_not_ended() -> None:
    """A notification, or a parameter that changed, waits on the socket as the end of the server would."""
    with connect() as listening, connect() as telling:
        listening.execute("LISTEN something")
        telling.execute("NOTIFY something")
        assert select.select([listening.fileno()], [], [], 10)[0], "nothing was told"

        assert not has_ended(listening)


def test_a_closed_connection_has_ended() -> None:
    raw = connect()
    raw.close()

    assert has_ended(raw)
