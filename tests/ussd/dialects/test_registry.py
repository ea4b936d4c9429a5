"""A dialect is one file and one test: what else knows it takes it from the registry (docs/recipes.md)."""

import ast
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from core.access.auth import Caller
from core.access.models import ApiClient
from core.lib import clock
from enrollment.models import Membership, Subscriber
from smart.local import clients
from smart.local.gateway import Gateway
from smart.ussd import api_page, dialects, exchange, sessions
from smart.ussd.dialect import Dialect, HandsetSession, Incoming
from smart.ussd.dialects import DIALECTS
from smart.ussd.models import Dial, UssdSession
from tests.ussd.conftest import ANNA, ASKED, JOINED, DialectClient, Phone, key_for

HERE = Path(__file__).resolve().parent
pytestmark = pytest.mark.usefixtures("noon")


def lacking(dialect: Dialect[Any], *, page: str) -> list[str]:
    """What a dialect is still without, as the one who adds it is told."""
    test = HERE / f"test_{dialect.name}.py"
    complaints = []
    if not test.exists() or not _tests(test):
        complaints.append(f"{test.name} has no test of it")
    if "```sh" not in dialect.guide or "#> " not in dialect.guide:
        complaints.append("its guide has no commands with their answers")
    if f"## USSD, {dialect.title}\n{dialect.guide.strip()}\n" not in page:
        complaints.append("docs/api.md has not its guide: run `make docs`")
    return complaints


def _tests(file: Path) -> list[str]:
    nodes = ast.parse(file.read_text()).body
    return [node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_a_dialect_has_its_test_and_its_guide(dialect: Dialect[Any]) -> None:
    assert lacking(dialect, page=api_page.PAGE.read_text()) == []


def test_the_page_has_no_section_of_a_dialect_that_is_gone() -> None:
    page = api_page.PAGE.read_text()

    assert api_page.write(page, DIALECTS.values()) == page


def test_a_dialect_without_test_and_guide_is_named(toy: Dialect[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    page = api_page.PAGE.read_text()

    assert lacking(toy, page=page) == [
        "test_cellgate.py has no test of it",
        "docs/api.md has not its guide: run `make docs`",
    ]
    assert lacking(toy, page=api_page.write(page, [toy])) == ["test_cellgate.py has no test of it"]
    monkeypatch.setattr(type(toy), "guide", "Nothing to try.")
    assert "its guide has no commands with their answers" in lacking(toy, page=page)


@pytest.mark.parametrize("text", ["", "DIALECT = None\n"], ids=["nothing", "no dialect"])
def test_a_file_that_declares_no_dialect_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "hollow.py").write_text(text)
    monkeypatch.setattr(dialects, "__path__", [str(tmp_path)])

    with pytest.raises(TypeError, match=r"hollow\.py"):
        dialects.find(dialects.__path__)


@pytest.mark.django_db(transaction=True)
def test_a_new_dialect_is_walked_from_the_handset_through_the_simulated_gateway(
    toy: Dialect[Any], anna: Subscriber, live_server: Any
) -> None:
    """J3."""
    page = Client().get("/handset/").content.decode()
    gateway = Gateway(urlsplit(live_server.url).port or 0, clients.ensure(now=clock.now()))

    asked = gateway.dial(msisdn=ANNA, code="*555*1#", dialect=toy.name, network="40102")
    joined = gateway.press(session=asked["session"], typed="1")

    assert f'<option value="{toy.name}">{toy.title}</option>' in page
    assert (asked["is_over"], ASKED in asked["text"]) == (False, True)
    assert (joined["is_over"], joined["text"]) == (True, JOINED)
    assert asked["wire"]["request"].startswith("GET /api/ussd/v1/cellgate/?session=")
    assert ANNA not in asked["wire"]["request"]
    assert Membership.objects.get().subscriber == anna


# -- what the interface allows beyond the dialects there are


@pytest.fixture
def cellgate(toy: Dialect[Any], db: None) -> DialectClient:
    """Names a number in a session's first step only."""
    return DialectClient(toy, *key_for(toy))


def test_a_later_step_without_a_number_belongs_to_its_sessions(cellgate: DialectClient, anna: Subscriber) -> None:
    """J3."""
    phone = Phone(cellgate, "*555*1#")
    phone.dial()

    assert phone.read(phone.press("1")) == ("end", JOINED)
    assert Membership.objects.get().subscriber == anna


@pytest.mark.parametrize("is_filed", [False, True], ids=["unknown", "filed"])
def test_a_step_without_a_number_and_without_a_session_is_nobodys(
    cellgate: DialectClient, anna: Subscriber, now: datetime, is_filed: bool
) -> None:
    phone = Phone(cellgate, "*555*1#")
    if is_filed:
        phone.dial()
        sessions.file_finished(now=now + timedelta(minutes=11))
        sessions._hints.clear()

    action, text = phone.read(phone.press("1"))

    assert (action, text) == ("end", "Сеанс завершён. Наберите *555# ещё раз.")
    assert Dial.objects.order_by("pk").last().subscriber is None  # type: ignore[union-attr]
    assert not Membership.objects.exists()


@pytest.mark.django_db
def test_an_edge_without_http_asks_as_the_view_does(anna: Subscriber) -> None:
    """As a command for SMPP would: it fills in what it has, knows who calls, and sends the answer itself."""
    comviva = DIALECTS["comviva"]
    client = ApiClient.objects.create(name="smsc", kind="ussd", proof="key")
    caller = Caller(client.pk, client.name, "smsc")
    session = HandsetSession(ANNA, "*555*1#", "40102")

    asked = exchange.answer(comviva, Incoming(body=comviva.compose(session, None).body), lambda: caller)

    reply = comviva.understand(asked)
    assert (reply.is_over, ASKED in reply.text) == (False, True)
    assert UssdSession.objects.get().client == client


@pytest.mark.django_db
def test_a_notice_of_a_sessions_end_is_answered_and_presses_nothing(cellgate: DialectClient, anna: Subscriber) -> None:
    phone = Phone(cellgate, "*555*1#")
    sent = cellgate.dialect.compose(phone.session, "1")
    phone.dial()

    told = cellgate.http.get(f"{sent.path}&bye=1", headers=cellgate.proof(sent))

    assert phone.read(told)[0] == "end"
    assert not Membership.objects.exists()
    assert phone.read(phone.press("1")) == ("end", JOINED)
