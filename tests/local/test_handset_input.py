"""What a handset page's client may send by mistake or malice: an answer in words, never a crash."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from core.lib import clock

pytestmark = pytest.mark.django_db
Move = Callable[[datetime], None]


@pytest.mark.parametrize(
    "body",
    ['{"person":1e999,"code":"*555#"}', "[" * 30_000, '{"person":[]}', "null", '{"person":"x","code":1}'],
    ids=str,
)
def test_a_bad_dial_is_told_in_words(client: Client, body: str) -> None:
    answer = client.post("/handset/dial/", body, content_type="application/json")

    assert answer.status_code == 422
    assert answer.json()["error"]


def test_an_unknown_state_of_the_balance_is_refused(client: Client) -> None:
    assert client.post("/handset/balance/", '{"mode":"odd"}', content_type="application/json").status_code == 422


@pytest.mark.parametrize("query", ["%00", "1" * 40, "%F0%9F%8E%81"], ids=["NUL", "long", "emoji"])
def test_odd_searches_find_nobody(client: Client, query: str) -> None:
    assert client.get(f"/handset/people/?q={query}").status_code == 200


@pytest.mark.parametrize("person", ["", "x", "%00", "9" * 30])
def test_the_inbox_of_nobody_is_empty(client: Client, person: str) -> None:
    assert client.get(f"/handset/inbox/?person={person}").json() == {"messages": [], "waiting": []}


@pytest.mark.parametrize(
    "body", ["{}", '{"delay":"x","loss":0,"receipts":true}', '{"delay":1e999,"loss":0,"receipts":1}']
)
def test_a_bad_network_is_refused(client: Client, body: str) -> None:
    assert client.post("/handset/network/", body, content_type="application/json").status_code == 422


@pytest.mark.parametrize("second", [0, 30, 59, 59.999999])
def test_the_minute_that_is_shown_can_be_moved_to(
    client: Client, movable_clock: Move, monkeypatch: pytest.MonkeyPatch, now: datetime, second: float
) -> None:
    """The field has no seconds, and in the last one of a minute nothing later can be meant by it."""
    instant = now + timedelta(seconds=second)
    monkeypatch.setattr(clock, "machine", lambda: instant)
    movable_clock(instant)
    shown = client.get("/handset/clock/").json()["iso"]

    answer = client.post("/handset/clock/", {"to": shown}, content_type="application/json")

    assert answer.status_code == 200
    assert answer.json()["iso"] == shown


def test_the_minute_that_is_over_is_refused(client: Client, movable_clock: Move) -> None:
    answer = client.post("/handset/clock/", {"to": "2026-11-23T11:59"}, content_type="application/json")

    assert answer.status_code == 422
    assert answer.json()["error"]
