"""Tables partitioned by month: made ahead, the default as net, rules and rows kept (ADR 0004)."""

from datetime import date, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from bonuses import lifecycle as bonuses
from core.lib import append_only, partitions
from smart import tasks

pytestmark = pytest.mark.django_db
NOVEMBER = date(2031, 11, 1)
REAL = ["bonuses_grant", "bonuses_ledgerentry", "bonuses_debit", "ussd_dial"]


def run(sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        return cursor.fetchall() if cursor.description else []


def months_of(table: str) -> set[str]:
    """What the table's partitions are called behind its own name."""
    found = run("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", table)
    return {name.removeprefix(f"{table}_") for (name,) in found}


def refused(sql: str) -> bool:
    """True when the database refuses because the rows are history."""
    run("SET CONSTRAINTS ALL IMMEDIATE")
    try:
        with transaction.atomic():
            run(sql)
    except IntegrityError as error:
        return "its rows are history" in str(error)
    return False


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> str:
    """A table as Django would make one, partitioned and append-only: month, a unique name, positive units."""
    run(
        "CREATE TABLE note (id bigint PRIMARY KEY, month date NOT NULL, name text NOT NULL, units int,"
        " CONSTRAINT note_once UNIQUE (name, month), CONSTRAINT note_positive CHECK (units > 0))"
    )
    run("CREATE INDEX note_by_units ON note (units DESC)")
    with connection.schema_editor() as editor:
        partitions.partition_by_month(editor, "note", fillfactor=70)
    run(append_only.protect("note"))
    monkeypatch.setattr(partitions, "NEVER_TRUNCATED", frozenset({"note"}))
    return "note"


def write(month: str, name: str = "a", units: int = 1) -> int:
    sql = "INSERT INTO note (month, name, units) VALUES (%s, %s, %s) RETURNING id"
    return run(sql, month, name, units)[0][0]


def where(note: int) -> str:
    return run("SELECT tableoid::regclass::text FROM note WHERE id = %s", note)[0][0]


# -- partition_by_month


def test_constraints_and_indexes_are_kept_and_the_key_holds_the_month(table: str) -> None:
    definitions = dict(
        run("SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'note'::regclass")
    )
    indexes = {
        name for (name,) in run("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass", table)
    }

    assert definitions["note_once"] == "UNIQUE (name, month)"
    assert definitions["note_positive"] == "CHECK ((units > 0))"
    assert "PRIMARY KEY (month, id)" in definitions.values()
    assert "note_by_units" in indexes


@pytest.mark.parametrize("month", ["1999-01-01", "2031-11-01", "2999-12-01"])
def test_a_row_no_month_was_made_for_falls_into_the_default(table: str, month: str) -> None:
    assert where(write(month)) == "note_default"


def test_ids_come_from_one_sequence_in_every_partition(table: str) -> None:
    partitions.ensure_month(table, NOVEMBER)

    ids = [write("2031-11-01", "a"), write("2031-12-01", "b"), write("2031-11-01", "c")]

    assert ids == [ids[0], ids[0] + 1, ids[0] + 2]


# -- ensure_month, ensure_ahead


def test_what_is_missing_is_made_over_a_years_end(table: str) -> None:
    assert partitions.ensure_ahead(table, NOVEMBER) == 4
    assert months_of(table) == {"default", "2031_11", "2031_12", "2032_01", "2032_02"}


def test_what_is_there_is_not_made_again(table: str) -> None:
    partitions.ensure_ahead(table, NOVEMBER)

    assert partitions.ensure_ahead(table, NOVEMBER) == 0
    assert partitions.ensure_ahead(table, date(2031, 12, 1)) == 1
    assert not partitions.ensure_month(table, NOVEMBER)


def test_a_gap_is_filled(table: str) -> None:
    partitions.ensure_ahead(table, NOVEMBER)
    run("DROP TABLE note_2031_12")

    assert partitions.ensure_ahead(table, NOVEMBER) == 1
    assert "2031_12" in months_of(table)


@pytest.mark.parametrize(
    ("month", "name"),
    [("2031-10-31", "note_default"), ("2031-11-01", "note_2031_11"), ("2031-11-30", "note_2031_11"),
     ("2031-12-01", "note_default")],
    ids=["the day before", "first day", "last day", "the day after"],
)  # fmt: skip
def test_a_partition_takes_its_month_and_no_more(table: str, month: str, name: str) -> None:
    partitions.ensure_month(table, NOVEMBER)

    assert where(write(month)) == name


def test_rows_that_fell_into_the_default_move_in(table: str) -> None:
    late, other = write("2031-11-01"), write("2031-12-01")

    assert partitions.ensure_month(table, NOVEMBER)

    assert (where(late), where(other)) == ("note_2031_11", "note_default")
    assert run("SELECT count(*) FROM note") == [(2,)]
    assert "default" in months_of(table)


def test_a_new_partition_has_the_tables_rules(table: str) -> None:
    write("2031-11-01", "moved")
    partitions.ensure_month(table, NOVEMBER)

    for name, units in (("moved", 1), ("b", 0)):
        with pytest.raises(IntegrityError), transaction.atomic():
            write("2031-11-01", name, units)
    indexes = run("SELECT count(*) FROM pg_index WHERE indrelid = 'note_2031_11'::regclass")
    assert indexes == [(3,)]


def test_a_new_partition_is_filled_as_the_default_is(table: str) -> None:
    partitions.ensure_month(table, NOVEMBER)

    options = run("SELECT reloptions FROM pg_class WHERE relname IN ('note_default', 'note_2031_11')")

    assert options == [(["fillfactor=70"],)] * 2


@pytest.mark.parametrize("is_late", [False, True], ids=["made ahead", "made late"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET units = 2", "DELETE FROM {}", "TRUNCATE {}"], ids=str.split)
@pytest.mark.parametrize("place", ["note", "note_2031_11"])
def test_a_new_partition_is_append_only(table: str, statement: str, place: str, is_late: bool) -> None:
    """B12."""
    if is_late:
        write("2031-11-01")
    partitions.ensure_month(table, NOVEMBER)
    if not is_late:
        write("2031-11-01")

    assert refused(statement.format(place))


@pytest.mark.parametrize("statement", ["UPDATE {} SET units = 2", "DELETE FROM {}"], ids=["UPDATE", "DELETE"])
def test_the_default_is_append_only_again_after_rows_moved_out(table: str, statement: str) -> None:
    """B12."""
    write("2031-11-01")
    write("2031-12-01", "stays")

    partitions.ensure_month(table, NOVEMBER)

    assert refused(statement.format("note_default"))


# -- the programme's own tables


@pytest.mark.parametrize("real", REAL)
def test_every_table_of_ours_has_its_net(real: str) -> None:
    assert "default" in months_of(real)


def test_the_scheduled_task_makes_this_month_and_the_next_three(now: datetime) -> None:
    tasks.make_partitions()

    assert all(len(months_of(real)) >= 5 for real in REAL)


def test_the_bonuses_own_tables_are_made_ahead_together(now: datetime) -> None:
    later = now.replace(year=2031)

    assert bonuses.make_partitions(now=later) == 4 * 3
    assert bonuses.make_partitions(now=later) == 0
    assert all({"2031_11", "2031_12", "2032_01", "2032_02"} <= months_of(real) for real in REAL[:3])


def test_the_month_is_astanas(now: datetime) -> None:
    bonuses.make_partitions(now=datetime.fromisoformat("2031-10-31T19:00:00+00:00"))

    assert "2031_11" in months_of("bonuses_debit")
    assert "2031_10" not in months_of("bonuses_debit")


@pytest.mark.parametrize("real", sorted(partitions.NEVER_TRUNCATED))
def test_every_partition_of_an_append_only_table_refuses_truncate(real: str) -> None:
    """B12: a TRUNCATE trigger of the parent reaches no partition by itself."""
    partitions.ensure_ahead(real, NOVEMBER)
    names = months_of(real)

    assert {"default", "2031_11"} <= names
    assert {name for name in names if not refused(f"TRUNCATE {real}_{name}")} == set()
