"""The invariants of docs/invariants.sql: read, run, told."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

FILE = Path(settings.BASE_DIR) / "docs" / "invariants.sql"
_QUERY = re.compile(r"^-- (?P<name>[a-z_]+): (?P<meaning>.+?)\n(?P<sql>.*?);\n", re.DOTALL | re.MULTILINE)
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Invariant:
    """A query that must return no row."""

    name: str
    meaning: str
    sql: str


@dataclass(frozen=True, slots=True)
class InvariantCheck:
    """What a query returned: how many rows, and the first few (ids, never numbers)."""

    invariant: Invariant
    violations: int
    first: list[tuple[object, ...]]


def read() -> list[Invariant]:
    """Return the queries of the file, in its order."""
    return [Invariant(m["name"], m["meaning"], m["sql"]) for m in _QUERY.finditer(FILE.read_text(encoding="utf-8"))]


def verify(*, now: datetime) -> Iterator[InvariantCheck]:
    """Run each query and yield its verdict."""
    for invariant in read():
        with connection.cursor() as cursor:
            cursor.execute(invariant.sql, {"now": now})
            first = cursor.fetchmany(_SHOWN)
            yield InvariantCheck(invariant, max(cursor.rowcount, len(first)), first)
