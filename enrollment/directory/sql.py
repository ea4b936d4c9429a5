"""Statements of the directory import: staging, what would change, and applying it range by range of the blind index."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import connection

CHUNKS = 16  # ranges of the blind index; each is one transaction and arrives in the order of the unique index


def staging_table(import_id: int) -> str:
    """The import's own table: unlogged, dropped when done. A crash of the database empties it, unasked."""
    return f"enrollment_staged_{int(import_id)}"


def create_staging(import_id: int) -> None:
    """Make the import's staging table anew."""
    table = staging_table(import_id)
    _run(f"DROP TABLE IF EXISTS {table}")
    _run(
        f"CREATE UNLOGGED TABLE {table} (line int, msisdn_index bytea, msisdn bytea, is_rejected bool, brand text,"
        " line_status text, tariff text, language text, town_id bigint, birth_date date, gender text,"
        " line_activated_on date)"
    )


def drop_staging(import_id: int) -> None:
    _run(f"DROP TABLE IF EXISTS {staging_table(import_id)}")


def staged_imports() -> set[int]:
    """The ids of the imports that have a staging table."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT split_part(relname, '_', 3)::bigint FROM pg_class WHERE relkind = 'r' AND pg_table_is_visible(oid)"
            " AND relname ~ '^enrollment_staged_[0-9]{1,18}$'"
        )
        return {import_id for (import_id,) in cursor.fetchall()}


def count_staged(import_id: int) -> int:
    """How many lines are staged; 0 too where the table is gone, or was emptied by a crash of the database."""
    table = staging_table(import_id)
    return int(_value(f"SELECT count(*) FROM {table}", [])) if _value("SELECT to_regclass(%s)", [table]) else 0


def copy_lines(import_id: int, blocks: Iterable[str]) -> None:
    """COPY blocks of prepared lines into staging."""
    with connection.cursor() as cursor, cursor.copy(f"COPY {staging_table(import_id)} FROM STDIN") as copy:
        for block in blocks:
            copy.write(block)


def drop_superseded(import_id: int) -> list[tuple[int, int, bool]]:
    """Keep the last good line of each number; return (line, superseded by line, whether both said the same).

    A line that was rejected supersedes none, and has been told already.
    """
    table = staging_table(import_id)
    columns = "brand, line_status, tariff, language, town_id, birth_date, gender, line_activated_on, is_rejected"
    sql = f"""
    WITH last AS (
        SELECT msisdn_index, COALESCE(max(line) FILTER (WHERE NOT is_rejected), max(line)) AS line
        FROM {table} GROUP BY msisdn_index HAVING count(*) > 1
    ), gone AS (
        DELETE FROM {table} t USING last WHERE t.msisdn_index = last.msisdn_index AND t.line <> last.line
        RETURNING t.*, last.line AS by_line
    )
    SELECT gone.line, gone.by_line, (gone.{columns.replace(", ", ", gone.")}) IS NOT DISTINCT FROM
           (kept.{columns.replace(", ", ", kept.")})
    FROM gone JOIN {table} kept ON kept.msisdn_index = gone.msisdn_index AND kept.line = gone.by_line
    WHERE NOT gone.is_rejected ORDER BY 1
    """
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def index_staging(import_id: int) -> None:
    """Index the staged lines."""
    table = staging_table(import_id)
    _run(f"CREATE UNIQUE INDEX {table}_by_index ON {table} (msisdn_index)")
    _run(f"ANALYZE {table}")


# What a line would make of a subscription: an empty field keeps what is known, a chosen language stays (J8).
_WANTED = """
    l.brand, l.line_status, COALESCE(NULLIF(l.tariff, ''), s.tariff),
    CASE WHEN s.language_is_chosen OR l.language = '' THEN s.language ELSE l.language END,
    COALESCE(l.town_id, s.town_id), COALESCE(l.birth_date, s.birth_date),
    COALESCE(NULLIF(l.gender, ''), s.gender), COALESCE(l.line_activated_on, s.line_activated_on)
"""
_HELD = """
    s.brand, s.line_status, s.tariff, s.language, s.town_id, s.birth_date, s.gender, s.line_activated_on
"""
_FIELDS = ("brand", "line_status", "tariff", "language", "town_id", "birth_date", "gender", "line_activated_on")


def preview(import_id: int) -> dict[str, int]:
    """Count what applying would do: new, recycled, changed (and by field), unchanged, rejected."""
    table = staging_table(import_id)
    by_field = ", ".join(
        f"count(*) FILTER (WHERE is_same_owner AND held_{name} IS DISTINCT FROM wanted_{name})" for name in _FIELDS
    )
    held = ", ".join(f"held_{name}" for name in _FIELDS)
    wanted = ", ".join(f"wanted_{name}" for name in _FIELDS)
    sql = f"""
    WITH compared AS (
        SELECT s.id, ROW({_HELD}) IS DISTINCT FROM ROW({_WANTED}) AS is_changed,
               NOT COALESCE(l.line_activated_on > s.line_activated_on, false) AS is_same_owner, v.*
        FROM {table} l LEFT JOIN enrollment_subscriber s ON s.msisdn_index = l.msisdn_index AND s.ended_at IS NULL,
        LATERAL (SELECT {_HELD}, {_WANTED}) AS v ({held}, {wanted})
        WHERE NOT l.is_rejected
    )
    SELECT count(*) FILTER (WHERE id IS NULL), count(*) FILTER (WHERE NOT is_same_owner),
           count(*) FILTER (WHERE id IS NOT NULL AND is_same_owner AND is_changed),
           count(*) FILTER (WHERE id IS NOT NULL AND is_same_owner AND NOT is_changed), {by_field}
    FROM compared WHERE id IS NOT NULL OR id IS NULL
    """
    with connection.cursor() as cursor:
        cursor.execute(sql.replace("WHERE is_same_owner AND held", "WHERE id IS NOT NULL AND is_same_owner AND held"))
        row = cursor.fetchone()
    names = ("new", "recycled", "changed", "unchanged", *(f"changed_{name}" for name in _FIELDS))
    return dict(zip(names, row, strict=True))


_IS_LIVE = "s.ended_at IS NULL AND s.line_status NOT IN ('gone', 'terminated')"


def count_vanishing(import_id: int) -> tuple[int, int]:
    """Return (live lines that the export no longer has, live lines)."""
    sql = f"""
    SELECT count(*) FILTER (WHERE l.msisdn_index IS NULL), count(*)
    FROM enrollment_subscriber s LEFT JOIN {staging_table(import_id)} l USING (msisdn_index) WHERE {_IS_LIVE}
    """
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


def count_ending(import_id: int, *, is_full: bool) -> tuple[int, ...]:
    """Return how many memberships there are, and how many would end, each for its first reason (J7).

    The reasons are operations.REASONS: vanished, terminated, another brand, another owner.
    """
    sql = f"""
    SELECT count(*), count(*) FILTER (WHERE reason = 1), count(*) FILTER (WHERE reason = 2),
           count(*) FILTER (WHERE reason = 3), count(*) FILTER (WHERE reason = 4)
    FROM enrollment_membership m JOIN enrollment_subscriber s ON s.id = m.subscriber_id
    LEFT JOIN {staging_table(import_id)} l ON l.msisdn_index = s.msisdn_index,
    LATERAL (SELECT CASE WHEN l.line IS NULL THEN CASE WHEN %s THEN 1 END WHEN l.is_rejected THEN NULL
        WHEN l.line_status = 'terminated' THEN 2 WHEN l.brand <> 'activ' THEN 3
        WHEN l.line_activated_on > s.line_activated_on THEN 4 END AS reason) AS why
    WHERE m.left_at IS NULL AND s.ended_at IS NULL
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, [is_full])
        return cursor.fetchone()


_BEYOND = b"\xff" * 17  # greater than any index of 16 bytes


def _bounds(chunk: int) -> tuple[bytes, bytes]:
    width = 256 // CHUNKS
    after = (chunk + 1) * width
    return bytes([chunk * width]), bytes([after]) if after < 256 else _BEYOND


def apply_chunk(import_id: int, chunk: int, now: datetime) -> None:
    """Apply one range of numbers: end recycled subscriptions, change what differs, add what is new.

    Lines and subscriptions are both limited to the range, so that a chunk reads no more than its own share.
    """
    lowest, after = _bounds(chunk)
    parameters = {"lowest": lowest, "after": after, "now": now}
    lines = f"""
    (SELECT * FROM {staging_table(import_id)}
     WHERE NOT is_rejected AND msisdn_index >= %(lowest)s AND msisdn_index < %(after)s) l
    """
    same = """
    s.msisdn_index = l.msisdn_index AND s.ended_at IS NULL
    AND s.msisdn_index >= %(lowest)s AND s.msisdn_index < %(after)s
    """
    _run(
        f"""UPDATE enrollment_subscriber s SET ended_at = %(now)s, changed_at = %(now)s
        FROM {lines} WHERE {same} AND l.line_activated_on > s.line_activated_on""",
        parameters,
    )
    _run(
        f"""UPDATE enrollment_subscriber s SET ({", ".join(_FIELDS)}) = ROW({_WANTED}), changed_at = %(now)s
        FROM {lines} WHERE {same} AND ROW({_HELD}) IS DISTINCT FROM ROW({_WANTED})""",
        parameters,
    )
    _run(
        f"""INSERT INTO enrollment_subscriber (msisdn, msisdn_index, language_is_chosen, created_at,
            changed_at, {", ".join(_FIELDS)})
        SELECT msisdn, msisdn_index, false, %(now)s, %(now)s, brand, line_status, tariff,
               COALESCE(NULLIF(language, ''), 'ru'), town_id, birth_date, gender, line_activated_on
        FROM {lines} WHERE NOT EXISTS (SELECT FROM enrollment_subscriber s WHERE {same})
        ORDER BY msisdn_index ON CONFLICT (msisdn_index) WHERE ended_at IS NULL DO NOTHING""",
        parameters,
    )


def mark_gone(import_id: int, now: datetime) -> int:
    """Mark the live lines that a full export no longer has; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE enrollment_subscriber s SET line_status = 'gone', changed_at = %s
            WHERE {_IS_LIVE} AND NOT EXISTS
                (SELECT FROM {staging_table(import_id)} l WHERE l.msisdn_index = s.msisdn_index)""",
            [now],
        )
        return cursor.rowcount


def _run(sql: str, parameters: Mapping[str, Any] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def _value(sql: str, parameters: list[Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]
