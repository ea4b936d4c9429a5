"""Starting many things at the same instant, in real threads with connections of their own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connection, connections

from core.lib.errors import Refusal


def race(*runners: Callable[[], Any]) -> list[Any]:
    """Start every runner at the same instant, each in a thread with a connection of its own; return what came."""
    start = Barrier(len(runners))

    def run(runner: Callable[[], Any]) -> Any:
        try:
            connection.ensure_connection()
            start.wait(timeout=30)
            return runner()
        except Refusal as refusal:
            return refusal.code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(runners)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, runner) for runner in runners]]
