"""History cannot be changed, whatever runs the statement: ledger (B12), consent records (J3), dials, audit (P4)."""

from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import IntegrityError, connection, models, transaction

from bonuses import lifecycle as bonuses
from bonuses.models import Debit, LedgerEntry
from core.access import audit
from core.access.models import AuditEvent
from core.lib import append_only
from enrollment.models import ConsentEvent, Subscriber
from smart.ussd.models import Dial
from tests.bonuses.conftest import enroll
from tests.bonuses.test_debits import ask

pytestmark = pytest.mark.django_db
HISTORIES = [LedgerEntry, Debit, ConsentEvent, AuditEvent, Dial]
REFUSED = "of .* is refused: its rows are history"

History = type[models.Model]


@pytest.fixture(autouse=True)
def _history(make_subscriber: Callable[..., Subscriber], now: datetime) -> None:
    """One member's life: something in every table."""
    anna = make_subscriber()
    enroll(anna, now)
    bonuses.activate(subscriber=anna, visited_plmn="40102", now=now)
    ask(anna, now=now)
    audit.record(by="care:aigul", action="look_up", subject=f"subscriber:{anna.pk}", reason="a call", now=now)
    month = now.date().replace(day=1)
    Dial.objects.create(month=month, client_id=1, session_id="s", dialed="*555#", opened_at=now, closed_at=now)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # TRUNCATE is to meet its trigger, nothing that is pending


def run(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def rows(history: History) -> list[tuple[object, ...]]:
    return sorted(history.objects.values_list(), key=str)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.__name__)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {} SET id = id",
        "DELETE FROM {}",
        "TRUNCATE {}",
        "TRUNCATE {} CASCADE",
        "INSERT INTO {0} SELECT * FROM {0} WHERE false; DELETE FROM {0}",
        "WITH gone AS (DELETE FROM {} RETURNING 1) SELECT count(*) FROM gone",
    ],
    ids=["UPDATE", "DELETE", "TRUNCATE", "TRUNCATE CASCADE", "DELETE after another", "DELETE within another"],
)
def test_history_refuses_every_change(history: History, statement: str) -> None:
    before = rows(history)

    with pytest.raises(IntegrityError, match=REFUSED):
        run(statement.format(history._meta.db_table))

    assert before == rows(history) != []


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.__name__)
@pytest.mark.parametrize("change", ["save", "delete", "update", "delete many"])
def test_history_refuses_the_orm_too(history: History, change: str) -> None:
    row = history.objects.first()
    changes: dict[str, Callable[[], object]] = {
        "save": row.save,
        "delete": row.delete,
        "update": lambda: history.objects.update(id=row.pk),
        "delete many": lambda: history.objects.all().delete(),
    }

    with pytest.raises(IntegrityError, match=REFUSED), transaction.atomic():
        changes[change]()

    assert history.objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.__name__)
def test_history_is_added_to(history: History) -> None:
    row = history.objects.first()
    before = history.objects.count()
    row.pk = None
    row._state.adding = True
    for field, value in {"key": "again", "request_id": "again"}.items():
        if hasattr(row, field):
            setattr(row, field, value)

    row.save(force_insert=True)

    assert history.objects.count() == before + 1


def test_the_refusal_names_the_statement_and_the_table() -> None:
    with pytest.raises(IntegrityError, match=r"^UPDATE of access_auditevent is refused: its rows are history"):
        run("UPDATE access_auditevent SET reason = ''")


def test_a_statement_refused_undoes_what_came_with_it() -> None:
    with pytest.raises(IntegrityError):
        run("UPDATE bonuses_grant SET remaining = 1; DELETE FROM bonuses_ledgerentry")

    assert not LedgerEntry.objects.filter(grant__remaining=1).exists()


def test_protection_can_be_put_on_and_taken_off() -> None:
    run("CREATE TABLE scrap (id int); INSERT INTO scrap VALUES (1)")
    run(append_only.protect("scrap"))
    for statement in ("UPDATE scrap SET id = 2", "DELETE FROM scrap", "TRUNCATE scrap"):
        with pytest.raises(IntegrityError, match=REFUSED):
            run(statement)

    run(append_only.unprotect("scrap"))
    run(append_only.unprotect("scrap"))

    run("UPDATE scrap SET id = 2; DELETE FROM scrap; TRUNCATE scrap")
