"""PostgreSQL as Django has it, whose pool hands out no connection that has died.

CONN_HEALTH_CHECKS would ask the server each time one is taken: a round trip a request. But a server that ends, or a
proxy that drops an idle connection, says so on the socket, where nothing else is to be read between two requests: one
look at it is enough (ADR 0007).
"""

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to PostgreSQL, from the pool where there is one."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Take a living connection. Raises OperationalError when there is none in the pool's time."""
        connection = super().get_new_connection(conn_params)
        while self.pool and has_ended(connection):
            connection.close()  # so that the pool makes another in its place
            self.pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection


def has_ended(connection: psycopg.Connection[Any]) -> bool:
    """True when the other side of an idle connection is gone."""
    poll = select.poll()
    try:
        poll.register(connection.fileno(), select.POLLIN)
        if not poll.poll(0):
            return False
        connection.execute("")  # it says something: perhaps that a parameter of the server's has changed
    except (psycopg.Error, OSError):
        return True
    return False
