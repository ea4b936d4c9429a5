"""Three seconds at most, nothing half-done; and how few statements a key press takes."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection

from bonuses.models import Grant
from core.access import auth
from enrollment.models import ConsentEvent, Membership, Subscriber
from smart.ussd import sessions
from tests.ussd.conftest import AfricasTalking, Comviva, Gateway

ANNA = "77010000001"


@pytest.fixture
def blocked(transactional_db: None, settings: Any) -> Iterator[Callable[[str], None]]:
    """Hold a table from another connection until the test ends; who wants it gets the usual three seconds."""
    other = connection.copy()

    def hold(table: str) -> None:
        other.cursor().execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        settings.USSD_DEADLINE_SECONDS = 3.0

    yield hold
    other.close()


@pytest.mark.parametrize(
    ("steps", "table"),
    [
        ([{"dialed": "*555*1#"}, {"input": "1"}], "enrollment_membership"),
        ([{"dialed": "*555*1#"}, {"input": "1"}], "enrollment_consentevent"),
        ([{"dialed": "*555*1#"}, {"input": "1"}], "bonuses_ledgerentry"),
        ([{"dialed": "*555#"}, {"input": "4"}], "ussd_ussdsession"),
        ([{"dialed": "*555*1#"}], "access_nonce"),
    ],
    ids=["membership", "consent", "ledger", "session", "nonce"],
)
def test_what_cannot_be_done_in_time_is_not_done_at_all(
    gateway: Gateway,
    make_subscriber: Callable[..., Subscriber],
    blocked: Callable[[str], None],
    steps: list[dict[str, str]],
    table: str,
) -> None:
    """Without a deadline the last step would wait for ever. Sent again later, it is done."""
    make_subscriber(language="en")
    for number, typed in enumerate(steps[:-1], 1):
        gateway.step("s", ANNA, number, **typed)
    blocked(table)

    told = gateway.step("s", ANNA, len(steps), **steps[-1])

    connection.close()
    assert told["action"] == "end"
    assert told["text"].startswith("SMART"), told


@pytest.mark.django_db(transaction=True)
def test_what_was_cut_off_is_done_when_it_is_sent_again(
    gateway: Gateway, make_subscriber: Callable[..., Subscriber], settings: Any
) -> None:
    make_subscriber(language="en")
    gateway.step("s", ANNA, 1, dialed="*555*1#")
    usual, settings.USSD_DEADLINE_SECONDS = settings.USSD_DEADLINE_SECONDS, 3.0
    other = connection.copy()
    other.cursor().execute("BEGIN; LOCK TABLE bonuses_ledgerentry IN ACCESS EXCLUSIVE MODE")

    told = gateway.step("s", ANNA, 2, input="1")
    connection.close()
    other.close()
    settings.USSD_DEADLINE_SECONDS = usual

    assert told["action"] == "end"
    assert (Membership.objects.count(), ConsentEvent.objects.count(), Grant.objects.count()) == (0, 0, 0)
    assert gateway.step("s", ANNA, 2, input="1")["text"].startswith("You are in SMART!")


@pytest.mark.django_db
def test_who_cannot_be_asked_for_in_time_hears_to_try_again(
    gateway: Gateway, africastalking: AfricasTalking, comviva: Comviva, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is away, and nobody's key is remembered: not even who calls can be known."""

    def away(*_: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(auth, "_credential", away)

    told = gateway.step("s", ANNA, 1, dialed="*555#")

    assert (told["action"], told["text"]) == ("end", "SMART занят. Повторите через минуту.")
    assert africastalking.step("a", ANNA, "") == f"END {told['text']}"
    assert comviva.step("c", ANNA, "*555#", transaction="1", new=True) == ("FB", told["text"])


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that goes to the server, Django's and prepared ones."""
    seen: list[str] = []
    execute = psycopg.Cursor.execute

    def counted(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        seen.append(str(query))
        return execute(self, query, *args, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", counted)
    return seen


@pytest.mark.django_db
@pytest.mark.parametrize(("is_remembered", "budget"), [(True, 1), (False, 2)], ids=["same process", "another process"])
def test_a_key_press_takes_one_statement_and_one_read_where_the_session_is_not_known(
    gateway: Gateway,
    make_subscriber: Callable[..., Subscriber],
    statements: list[str],
    is_remembered: bool,
    budget: int,
) -> None:
    make_subscriber()
    gateway.walk(ANNA, "*555#")  # credentials are cached from here on
    gateway.step("s", ANNA, 1, dialed="*555*4#")
    if not is_remembered:
        sessions._hints.clear()
    statements.clear()

    gateway.step("s", ANNA, 2, input="9")

    assert len(statements) == budget, statements


# Joining, activating and leaving put a message into the outbox too: text, stream, row (M8).
BUDGETS = {"*555#": 7, "*555*1#": 9, "*555*4#": 6, "*111*3#": 9, "*555*00#": 14, "*555*2#": 21}


@pytest.mark.django_db
@pytest.mark.parametrize("code", BUDGETS)
def test_a_dial_keeps_to_its_budget(
    gateway: Gateway, make_subscriber: Callable[..., Subscriber], now: datetime, statements: list[str], code: str
) -> None:
    make_subscriber()
    if code != "*555*1#":
        gateway.walk(ANNA, "*555*1#", "1")
    gateway.walk(ANNA, "*555#")
    statements.clear()

    gateway.step("s", ANNA, 1, dialed=code, visited_plmn="40102")

    counted = [one for one in statements if "SAVEPOINT" not in one]
    assert len(counted) <= BUDGETS[code], counted
