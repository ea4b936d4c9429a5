"""The HTTP client and its breaker by themselves; what gateways may do wrong is in tests/messaging."""

import os
import resource
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.lib.http import breaker as breaker_module
from core.lib.http.breaker import CircuitBreaker
from core.lib.http.client import HttpClient, NotSent, TooLate, Unanswered
from tests.messaging.gateways import FakeGateway, closed_port, reply, serve


@pytest.fixture
def peer() -> Iterator[FakeGateway]:
    with serve(lambda request: reply("200 OK", b"0123456789")) as running:
        yield running


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The breaker's clock; `clock.now` moves it."""
    hand = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(breaker_module, "time", SimpleNamespace(monotonic=lambda: hand.now))
    return hand


def lines(peer: FakeGateway) -> list[str]:
    return [request.line for request in peer.requests]


@pytest.mark.parametrize(
    ("base", "path", "target"),
    [("/a/b", "", "/a/b"), ("", "", "/"), ("/a", "/b", "/a/b"), ("/a/", "/b", "/a/b"), ("/a/", "", "/a/")],
)
def test_a_path_is_below_the_clients_own(peer: FakeGateway, base: str, path: str, target: str) -> None:
    client = HttpClient(peer.url(base))

    client.exchange("GET", path, query="?q=1", seconds=5)

    client.close()
    assert lines(peer) == [f"GET {target}?q=1 HTTP/1.1"]


def test_an_answer_longer_than_agreed_is_cut_off_and_its_connection_not_used_again(peer: FakeGateway) -> None:
    client = HttpClient(peer.url("/"), most_bytes=4)

    bodies = [client.exchange("GET", seconds=5).body for _ in range(2)]

    client.close()
    assert bodies == [b"0123"] * 2
    assert [request.connection for request in peer.requests] == [1, 2]


@pytest.mark.parametrize(("idle_seconds", "connections"), [(10, [1, 1]), (0, [1, 2])], ids=["kept", "one each"])
def test_a_connection_waits_for_its_next_request_as_long_as_it_may(
    peer: FakeGateway, idle_seconds: float, connections: list[int]
) -> None:
    client = HttpClient(peer.url("/"), idle_seconds=idle_seconds)

    for _ in range(2):
        client.exchange("GET", seconds=5)

    client.close()
    assert [request.connection for request in peer.requests] == connections


def test_a_kept_connection_is_looked_at_whatever_its_descriptor_is(peer: FakeGateway) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2048:
        pytest.skip("no more than so many descriptors here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
    taken = [os.dup(1) for _ in range(1100)]
    client = HttpClient(peer.url("/"))
    try:
        statuses = [client.exchange("GET", seconds=5).status for _ in range(2)]
    finally:
        client.close()
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert statuses == [200, 200]
    assert {request.connection for request in peer.requests} == {1}


def test_a_connection_that_breaks_within_an_exchange_is_not_opened_anew(peer: FakeGateway) -> None:
    client = HttpClient(peer.url("/"))
    client.exchange("GET", seconds=5)
    peer.behave = lambda request: None

    with pytest.raises(Unanswered):
        client.exchange("POST", body=b"once", seconds=5)

    client.close()
    assert lines(peer) == ["GET / HTTP/1.1", "POST / HTTP/1.1"]


def test_who_is_not_there_has_been_sent_nothing() -> None:
    with closed_port() as port, pytest.raises(NotSent, match="no_connection"):
        HttpClient(f"http://127.0.0.1:{port}").exchange("GET", seconds=5)


def test_without_time_nothing_is_sent(peer: FakeGateway) -> None:
    client = HttpClient(peer.url("/"))

    with pytest.raises(TooLate):
        client.exchange("GET", seconds=0)

    assert peer.requests == []


@pytest.mark.parametrize("url", ["", "x", "ftp://a/b", "http://", "http://user@a/b", "http://a/b?c=d"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured):
        HttpClient(url)


def test_a_failure_opens_the_breaker_and_time_closes_it(clock: Any) -> None:
    breaker = CircuitBreaker()

    breaker.failed("no_connection", seconds=2)

    assert (breaker.may_try(), breaker.is_up(), breaker.last_error) == (False, False, "no_connection")
    clock.now += 2
    assert (breaker.may_try(), breaker.is_up()) == (True, True)


def test_a_shorter_rest_does_not_end_a_longer_one(clock: Any) -> None:
    breaker = CircuitBreaker()

    breaker.failed("http_401", seconds=30)
    breaker.failed("no_connection", seconds=2)

    clock.now += 3
    assert not breaker.may_try()


def test_doubts_in_a_row_open_it_longer_each_time(clock: Any) -> None:
    breaker = CircuitBreaker(most_doubts=3, seconds=5, longest=12)
    rests = []

    for _ in range(2):
        breaker.doubted("timeout")
        assert breaker.may_try()
    for _ in range(3):
        breaker.doubted("timeout")
        began = clock.now
        while not breaker.may_try():
            clock.now += 1
        rests.append(clock.now - began)

    assert rests == [5, 10, 12]


def test_doubts_of_requests_under_way_when_it_opened_do_not_lengthen_its_rest(clock: Any) -> None:
    breaker = CircuitBreaker(most_doubts=3, seconds=5)

    for _ in range(32):
        breaker.doubted("timeout")

    clock.now += 5
    assert breaker.may_try()


def test_a_clear_answer_between_two_doubts_keeps_it_closed() -> None:
    breaker = CircuitBreaker(most_doubts=2)

    for _ in range(5):
        breaker.doubted("timeout")
        breaker.worked()

    assert breaker.may_try()


def test_after_doubts_one_request_at_a_time_is_tried_until_one_works(clock: Any) -> None:
    breaker = CircuitBreaker(most_doubts=1, seconds=5, trial_seconds=3)
    breaker.doubted("timeout")
    clock.now += 5

    assert [breaker.may_try() for _ in range(3)] == [True, False, False]
    clock.now += 3  # the one told nothing of itself
    assert [breaker.may_try() for _ in range(2)] == [True, False]
    breaker.worked()
    assert [breaker.may_try() for _ in range(3)] == [True] * 3


def test_a_peer_that_was_down_must_be_found_listening(clock: Any) -> None:
    listens = [False, True]
    breaker = CircuitBreaker(probe=lambda: listens.pop(0))
    breaker.failed("no_connection", seconds=2)

    clock.now += 2
    assert not breaker.is_up()
    assert not breaker.is_up()  # it was looked at just now
    clock.now += 2
    assert breaker.is_up()
    assert listens == []
