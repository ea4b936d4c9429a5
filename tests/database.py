"""The test session's database: a copy of one that was migrated before, and emptied after each test that commits.

Migrating takes longer than most test files. So it is done once, and again when a migration, what is shipped, a lock or
the month changes; the stopped cluster is kept in var/tests. A session starts a server of its own (fsync off) on a copy.
"""

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import environ
import psycopg
from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.test import TransactionTestCase

import bonuses.reference
import campaigns.reference
import enrollment.reference
import messaging.reference
from core.lib import astana, clock
from smart.local import embedded, processes
from smart.local.embedded import PROJECT
from surveys.questionnaire import scripts

KEPT_CLUSTER = PROJECT / "var" / "tests"
MIGRATED = "migrated"
_TEMPLATE = "SMART_TEST_TEMPLATE"  # tells xdist's workers which database to copy
# What decides what a migrated database holds.
_DECIDES = ("*/migrations/*.py", "*/reference.py", "*/data/*", "core/lib/append_only.py", "core/lib/partitions.py")

# Shipped with the schema and changed by no test: kept. Terms and consent texts are shipped too, but tests add some.
KEPT = [
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_content_type",
    "django_migrations",
    "enrollment_region",
    "enrollment_town",
]
_MUCH = 4_000_000  # bytes: rather a new file than rows to step over

_server: embedded.Postgres | None = None
_shipped: dict[str, str] = {}  # what the reference data look like, by table


def start_server() -> None:
    """Start the session's own server unless DATABASE_URL names one, and let Django know of it."""
    global _server
    if "DATABASE_URL" not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="smart-test-"))
        folder.chmod(0o755)  # as root the server runs as another user
        _server = _server_on(folder)
        with _alone():
            if not _is_made():
                _make(folder)
            _copy(KEPT_CLUSTER / "pg", _server.data)
        _server.start()
        _server.wait()
        os.environ["DATABASE_URL"] = _server.url()
        os.environ[_TEMPLATE] = MIGRATED
        named = environ.Env.db_url_config(_server.url())
        mine = settings.DATABASES["default"]  # read before any conftest is
        mine.update({**named, "OPTIONS": {**mine["OPTIONS"], **named["OPTIONS"]}})
    if template := os.environ.get(_TEMPLATE):
        settings.DATABASES["default"].setdefault("TEST", {})["TEMPLATE"] = template


def stop_server() -> None:
    """End it, at once: nobody wants its data."""
    if _server is None:
        return
    if _server.process is not None:
        processes.stop(_server.process, stop_signal=signal.SIGQUIT)
    shutil.rmtree(_server.folder, ignore_errors=True)


def _server_on(folder: Path) -> embedded.Postgres:
    return embedded.Postgres(folder, log=folder / "postgres.log", durable=False)


@contextmanager
def _alone() -> Iterator[None]:
    """One session at a time makes the cluster or copies it."""
    KEPT_CLUSTER.mkdir(parents=True, exist_ok=True)
    with (KEPT_CLUSTER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_made() -> bool:
    """True when the kept cluster is what a new one would be; a clock that was set back makes it one of the future."""
    with suppress(OSError, ValueError):
        digest, made_at = (KEPT_CLUSTER / "made").read_text().split()
        return digest == _digest() and datetime.fromisoformat(made_at) <= clock.machine()
    return False


def _digest() -> str:
    """A name for all that decides what a migrated database holds; partitions are made by the month."""
    digest = hashlib.sha256(f"{sys.version} {astana.month_of(clock.machine())}".encode())
    digest.update((PROJECT / "requirements.txt").read_bytes())
    rooms = [room for room in sorted(PROJECT.iterdir()) if (room / "__init__.py").exists() and room.name != "tests"]
    for path in sorted({path for room in rooms for pattern in _DECIDES for path in room.rglob(pattern.split("/", 1)[1])
                        if path.match(pattern) and path.is_file()}):  # fmt: skip
        digest.update(bytes(path.relative_to(PROJECT)) + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _make(folder: Path) -> None:
    """Migrate a database in a cluster of its own, and keep it."""
    print("Making the tests' database; this is done when a migration or the month changes.", flush=True)
    (KEPT_CLUSTER / "made").unlink(missing_ok=True)
    shutil.rmtree(KEPT_CLUSTER / "pg", ignore_errors=True)
    digest, made_at = _digest(), clock.machine()
    server = _server_on(folder)
    server.start()
    try:
        server.wait()
        with psycopg.connect(server.url("postgres"), autocommit=True) as postgres:
            postgres.execute(f"CREATE DATABASE {MIGRATED}")
        environment = {**os.environ, "DATABASE_URL": server.url(MIGRATED), "SMART_LOCAL": "on"}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=PROJECT, env=environment, check=True)
    finally:
        server.stop()
    _copy(server.data, KEPT_CLUSTER / "pg")
    (KEPT_CLUSTER / "made").write_text(f"{digest} {made_at.isoformat()}")
    shutil.rmtree(server.data)


def _copy(source: Path, target: Path) -> None:
    """Copy a cluster with its owner, whom the server insists on."""
    subprocess.run(["cp", "-a", source, target], check=True)


def forget() -> None:
    """Undo what a committing test did. Append-only tables refuse that, except to a replica's session."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica; SET lock_timeout = '10s'")
        try:
            is_as_shipped = bool(_shipped) and _look_of(cursor, [*_shipped]) == _shipped
            kept = [*KEPT, *_shipped] if is_as_shipped else KEPT
            if _size_of(cursor, filled := _filled(cursor, kept)) > _MUCH:
                is_as_shipped, kept = False, KEPT
                # Whatever refers to them, too: all but what is kept.
                cursor.execute(f"TRUNCATE {', '.join(_tables(cursor, kept))} CASCADE")
            elif filled:
                # TRUNCATE of everything takes a third of a second, for its many files.
                cursor.execute(";".join(f"DELETE FROM ONLY {table}" for table in filled))
            _restart_ids(cursor, kept)
        finally:
            cursor.execute("SET session_replication_role = DEFAULT; RESET lock_timeout")
    if not is_as_shipped:
        _load()
    scripts.forget()  # ids begin anew


def _load() -> None:
    """Load what is shipped, and remember what it looks like."""
    enrollment.reference.load()
    bonuses.reference.load()
    messaging.reference.load()
    campaigns.reference.load()
    with connection.cursor() as cursor:
        _shipped.clear()
        _shipped.update(_look_of(cursor, _filled(cursor, KEPT)))


def _size_of(cursor: CursorWrapper, tables: list[str]) -> int:
    """The bytes of the largest."""
    cursor.execute(
        "SELECT coalesce(max(pg_relation_size(name::regclass)), 0) FROM unnest(%s::text[]) AS name", [tables]
    )
    return int(cursor.fetchone()[0])


def _tables(cursor: CursorWrapper, kept: list[str]) -> list[str]:
    """The tables that hold rows, of a partitioned one its partitions; those that nobody ever wrote to are left out."""
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
        " AND relname <> ALL(%s) AND pg_relation_size(oid) > 0 ORDER BY 1",
        [kept],
    )
    return [name for (name,) in cursor.fetchall()]


def _filled(cursor: CursorWrapper, kept: list[str]) -> list[str]:
    """The tables that have any row."""
    looks = (f"CASE WHEN EXISTS (SELECT FROM ONLY {table}) THEN '{table}' END" for table in _tables(cursor, kept))
    cursor.execute(f"SELECT array_remove(ARRAY[{', '.join(looks)}], NULL)")
    return list(cursor.fetchone()[0])


def _look_of(cursor: CursorWrapper, tables: list[str]) -> dict[str, str]:
    """A digest of each table's rows."""
    looks = (f"(SELECT md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} t)" for table in tables)
    cursor.execute(f"SELECT ARRAY[{', '.join(looks)}]")
    return dict(zip(tables, cursor.fetchone()[0], strict=True))


def _restart_ids(cursor: CursorWrapper, kept: list[str]) -> None:
    """Let the ids of emptied tables begin at one again."""
    cursor.execute(
        "SELECT setval(d.objid::regclass, s.seqstart, false)"
        " FROM pg_depend d JOIN pg_sequence s ON s.seqrelid = d.objid"
        " WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')"
        " AND d.refobjid::regclass::text <> ALL(%s) AND pg_sequence_last_value(s.seqrelid) IS NOT NULL",
        [kept],
    )


TransactionTestCase._fixture_teardown = lambda _: forget()
