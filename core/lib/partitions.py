"""Tables partitioned by month: made ahead, a default as net, dropped when their time is over (ADR 0004).

A partitioned table has a `month` DATE (first day) and, in the database, the key (month, id); its Django
model keeps `id` as primary key. Row triggers of the parent reach every partition by themselves; a TRUNCATE
trigger does not, so tables named in NEVER_TRUNCATED get one on each partition made here.
"""

from collections.abc import Sequence
from datetime import date

from django.db import connection, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from core.lib import astana

# Tables whose partitions refuse TRUNCATE as well (their parents' row triggers refuse DELETE, and UPDATE or most of it).
NEVER_TRUNCATED = frozenset({"bonuses_ledgerentry", "bonuses_debit", "bonuses_grant", "ussd_dial"})


def partition_by_month(editor: BaseDatabaseSchemaEditor, table: str, *, fillfactor: int = 100) -> None:
    """Turn the empty table that Django just made into one partitioned by `month`, constraints and indexes kept.

    So the model stays the only place where columns, constraints and indexes are written. The key becomes
    (month, id), the ids come from one sequence, and a default partition takes what no month was made for.
    """
    uniques = _rows(editor, _UNIQUES, table)
    indexes = _rows(editor, _INDEXES, table)
    plain = f"{table}_plain"
    editor.execute(f"ALTER TABLE {table} RENAME TO {plain}")
    editor.execute(f"CREATE TABLE {table} (LIKE {plain} INCLUDING CONSTRAINTS) PARTITION BY RANGE (month)")
    editor.execute(f"DROP TABLE {plain} CASCADE")
    editor.execute(f"CREATE SEQUENCE {table}_id_seq AS bigint CACHE 1 OWNED BY {table}.id")
    editor.execute(f"ALTER TABLE {table} ALTER id SET DEFAULT nextval('{table}_id_seq')")
    editor.execute(f"ALTER TABLE {table} ADD PRIMARY KEY (month, id)")
    for name, definition in uniques:
        editor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")
    for _name, definition in indexes:
        editor.execute(definition)
    editor.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT WITH (fillfactor = {fillfactor})")


_UNIQUES = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = %s::regclass AND contype = 'u' ORDER BY conname
"""
_INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = %s::regclass AND NOT indisprimary
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid) ORDER BY 1
"""


def _rows(editor: BaseDatabaseSchemaEditor, sql: str, table: str) -> list[tuple[str, str]]:
    """Read the catalogue; what Django deferred to the migration's end (indexes) must exist first."""
    while editor.deferred_sql:
        editor.execute(editor.deferred_sql.pop(0), None)
    with editor.connection.cursor() as cursor:
        cursor.execute(sql, [table])
        return cursor.fetchall()


def name_of(table: str, month: date) -> str:
    """Return the partition's name: `bonuses_grant_2026_11`."""
    return f"{table}_{month:%Y_%m}"


def ensure_month(table: str, month: date) -> bool:
    """Make the month's partition unless it is there; rows that fell into the default move in. True if made."""
    name = name_of(table, month)
    if _exists(name):
        return False
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [table])
        if _exists(name):
            return False
        cursor.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)")
        cursor.execute(f"SELECT reloptions FROM pg_class WHERE oid = '{table}_default'::regclass")
        options = cursor.fetchone()[0]
        if options:
            cursor.execute(f"ALTER TABLE {name} SET ({', '.join(options)})")
        _move_out_of_default(table, name, month)
        first, after = month.isoformat(), astana.next_month(month).isoformat()
        cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{after}')")
        if table in NEVER_TRUNCATED:
            cursor.execute(refuse_truncate_sql(name))
    return True


def ensure_ahead(table: str, month: date, months: int = 3) -> int:
    """Make the partitions of the month and of those after it; return how many were missing."""
    made = 0
    for _ in range(months + 1):
        made += ensure_month(table, month)
        month = astana.next_month(month)
    return made


def months_before(table: str, month: date) -> list[date]:
    """The months before this one that the table has a partition of, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT substring(inhrelid::regclass::text FROM '\\d{4}_\\d\\d$') FROM pg_inherits"
            " WHERE inhparent = %s::regclass",
            [table],
        )
        found = [name for (name,) in cursor.fetchall() if name]
    months = sorted(date(int(name[:4]), int(name[5:]), 1) for name in found)
    return [one for one in months if one < month]


def drop_month(tables: Sequence[str], month: date) -> None:
    """Drop the month's partition of each of these tables, all or none; no other row is touched.

    Raises OperationalError when statements under way did not let it in within two seconds: try again.
    """
    names = [(table, name_of(table, month)) for table in tables if _exists(name_of(table, month))]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        for table, name in names:
            cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {name}")
            cursor.execute(f"DROP TABLE {name}")


def _exists(name: str) -> bool:
    """Ask the catalogue itself: to_regclass may answer from a cache that has not heard of a twin's commit yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_class WHERE relname = %s AND relnamespace = current_schema()::regnamespace)",
            [name],
        )
        return bool(cursor.fetchone()[0])


def _move_out_of_default(table: str, name: str, month: date) -> None:
    """Carry the month's rows over with the default detached: so it loses the row triggers, and may overlap nothing."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM {table}_default WHERE month = %s)", [month])
        if not cursor.fetchone()[0]:
            return
        cursor.execute(f"ALTER TABLE {table} DETACH PARTITION {table}_default")
        cursor.execute(f"INSERT INTO {name} SELECT * FROM {table}_default WHERE month = %s", [month])
        cursor.execute(f"DELETE FROM {table}_default WHERE month = %s", [month])
        cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {table}_default DEFAULT")


def refuse_truncate_sql(name: str) -> str:
    """Return the statement that makes a table refuse TRUNCATE."""
    return (
        f"CREATE TRIGGER {name}_no_truncate BEFORE TRUNCATE ON {name} "
        "FOR EACH STATEMENT EXECUTE FUNCTION smart_refuse_change()"
    )
