"""The HTTP gateway in Kannel's convention, against servers that do everything a gateway may do wrong."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree.ElementTree import fromstring

import pytest
from django.core.exceptions import ImproperlyConfigured

from core.lib import clock
from messaging import callbacks
from messaging.channels.base import Outcome, Verdict
from messaging.channels.kannel.transport import KannelTransport
from tests.messaging.gateways import FakeGateway, Request, closed_port, outgoing, reply, serve

ACCEPTED = reply("202 Accepted", b"0: Accepted for delivery")
PATH = "/cgi-bin/sendsms"


def options(url: str, **given: Any) -> dict[str, Any]:
    usual = {
        "name": "kannel-1",
        "kind": "kannel",
        "url": url,
        "username": "smart",
        "password": "geheim",
        "sender": "SMART",
        "callback_url": "https://smart.example",
        "timeout_seconds": 60,
        "connections": 4,
    }
    return usual | given


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with serve(lambda request: ACCEPTED) as running:
        yield running


@pytest.fixture
def make(gateway: FakeGateway) -> Iterator[Callable[..., KannelTransport]]:
    """Make transports towards the gateway; they are closed at the end."""
    made: list[KannelTransport] = []

    def transport(url: str = "", **given: Any) -> KannelTransport:
        made.append(KannelTransport(options(url or gateway.url(PATH), **given)))
        return made[-1]

    yield transport
    for one in made:
        one.close()


def hand_over(transport: KannelTransport, **fields: Any) -> Outcome:
    (outcome,) = transport.hand_over([outgoing(**fields)])
    return outcome


def sent(request: Request) -> dict[str, str]:
    """What Kannel reads from our XML."""
    submit = fromstring(request.body).find("submit")
    assert submit is not None
    return {
        path: submit.findtext(path) or ""
        for path in ("da/number", "oa/number", "from/username", "from/password", "smsc", "ud", "dcs/coding", "vp/delay",
                     "statusrequest/dlr-mask", "statusrequest/dlr-url")
    }  # fmt: skip


def test_a_message_is_posted_as_kannels_xml(gateway: FakeGateway, make: Callable[..., KannelTransport]) -> None:
    outcome = hand_over(make(smsc="kcell"), text="Сәлем! 50+50 % & <шай>\n", encoding="ucs2")

    assert outcome.verdict == Verdict.ACCEPTED
    (request,) = gateway.requests
    fields = sent(request)
    assert request.line == f"POST {PATH} HTTP/1.1"
    assert request.headers["content-type"] == "text/xml"
    assert unquote(fields["ud"]) == "Сәлем! 50+50 % & <шай>\n"
    assert "+" not in fields["ud"]  # Kannel would read it as a space
    assert (fields["dcs/coding"], fields["da/number"], fields["oa/number"]) == ("2", "77010000001", "SMART")
    assert (fields["from/username"], fields["from/password"], fields["smsc"]) == ("smart", "geheim", "kcell")


def test_gsm_text_goes_in_gsm_coding(gateway: FakeGateway, make: Callable[..., KannelTransport]) -> None:
    hand_over(make(), text="Tea [-20%]", encoding="gsm7")

    assert sent(gateway.requests[0])["dcs/coding"] == "0"


def test_receipts_are_asked_for_at_an_address_that_holds_our_id_and_no_number(
    gateway: FakeGateway, make: Callable[..., KannelTransport]
) -> None:
    hand_over(make())

    fields = sent(gateway.requests[0])
    address = fields["statusrequest/dlr-url"]
    assert fields["statusrequest/dlr-mask"] == "31"
    assert address.startswith("https://smart.example/api/messaging/v1/receipts/kannel-1/4211-202611-")
    assert address.endswith("/?status=%d&smsc-id=%F&text=%A")
    assert "7010000001" not in address
    token = urlsplit(address).path.split("/")[-2]
    assert callbacks.read(token, transport="kannel-1", now=clock.now()) == (4211, outgoing().month)


@pytest.mark.parametrize(
    ("left", "minutes"),
    [
        (timedelta(minutes=10), "9"),  # the gateway may read it a second (our time-out) later
        (timedelta(minutes=10, seconds=30), "10"),
        (timedelta(hours=3, minutes=1), "180"),
    ],
    ids=["ten-minutes", "and-a-half", "three-hours"],
)
def test_validity_never_outlives_the_window(
    gateway: FakeGateway, make: Callable[..., KannelTransport], left: timedelta, minutes: str
) -> None:
    hand_over(make(timeout_seconds=1), valid_until=clock.now() + left)

    assert sent(gateway.requests[0])["vp/delay"] == minutes


def test_what_is_valid_for_less_than_a_minute_is_not_handed_over(
    gateway: FakeGateway, make: Callable[..., KannelTransport]
) -> None:
    outcome = hand_over(make(), valid_until=clock.now() + timedelta(seconds=60))

    assert (outcome.verdict, outcome.error) == (Verdict.NOT_HANDED, "validity")
    assert gateway.requests == []


def test_get_carries_the_same_fields_in_its_query(gateway: FakeGateway, make: Callable[..., KannelTransport]) -> None:
    outcome = hand_over(make(method="get"), text="Шай & 50+50 %")

    assert outcome.verdict == Verdict.ACCEPTED
    method, target, _ = gateway.requests[0].line.split(" ")
    fields = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
    assert method == "GET"
    assert fields["text"] == "Шай & 50+50 %"
    assert (fields["to"], fields["from"], fields["coding"], fields["charset"]) == ("77010000001", "SMART", "2", "UTF-8")
    assert fields["dlr-url"].endswith("/?status=%d&smsc-id=%F&text=%A")
    assert 118 <= int(fields["validity"]) <= 120


@pytest.mark.parametrize(
    ("answer", "verdict", "error"),
    [
        (reply("202 Accepted", b"0: Accepted for delivery"), Verdict.ACCEPTED, ""),
        (reply("202 Accepted", b"3: Queued for later delivery"), Verdict.ACCEPTED, ""),
        (reply("202 Accepted", b"Sent."), Verdict.ACCEPTED, ""),
        (reply("200 OK", b"0: Accepted for delivery"), Verdict.ACCEPTED, ""),
        (reply("200 OK", b"<html>Welcome</html>"), Verdict.UNCERTAIN, "http_200"),
        (reply("403 Forbidden", b"Not routable. Do not try again."), Verdict.REJECTED, "http_403"),
        (reply("400 Bad Request", b"Number(s) has/have been denied by white- and/or black-lists."), Verdict.REJECTED,
         "http_400"),
        (reply("403 Forbidden", b"Authorization failed for sendsms"), Verdict.RETRY, "http_403"),
        (reply("404 Not Found", b"Unknown request."), Verdict.RETRY, "http_404"),
        (reply("302 Found", b"", "Location: http://127.0.0.1:9/"), Verdict.RETRY, "http_302"),
        (reply("503 Service Unavailable", b"Temporal failure, try again later."), Verdict.RETRY, "http_503"),
        (reply("429 Too Many Requests"), Verdict.RETRY, "http_429"),
        (reply("500 Internal Server Error", b"Sending failed."), Verdict.UNCERTAIN, "http_500"),
        (reply("502 Bad Gateway"), Verdict.UNCERTAIN, "http_502"),
        (reply("202 Accepted", b"0: Accepted", "Connection: close"), Verdict.ACCEPTED, ""),
        (reply("503 Service Unavailable", b"", "Connection: close"), Verdict.RETRY, "http_503"),
        (b"HTTP/1.0 202 Accepted\r\nContent-Length: 11\r\n\r\n0: Accepted", Verdict.ACCEPTED, ""),
        ([b"HTTP/1.0 202 Accepted\r\n\r\n", b"0: Acc", b"epted", None], Verdict.ACCEPTED, ""),
        (None, Verdict.UNCERTAIN, "broken"),  # it read the message and hung up
        (b"\x00\x01 what?\r\n\r\n", Verdict.UNCERTAIN, "garbage"),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 900\r\n\r\n0: Acc", Verdict.UNCERTAIN, "timeout"),
        (reply("202 Accepted", b"0: Accepted for delivery " + b"x" * 1_000_000), Verdict.ACCEPTED, ""),
        (b"HTTP/1.1 202 Accepted\r\n" + b"X: y\r\n" * 1000 + b"\r\n", Verdict.UNCERTAIN, "garbage"),
        (b"HTTP/1.1 202 " + b"x" * 1_000_000, Verdict.UNCERTAIN, "garbage"),
    ],
    ids=["accepted", "queued", "sent", "accepted-200", "other-200", "not-routable", "denied", "wrong-password",
         "wrong-path", "redirect", "temporal-failure", "too-many", "failed", "proxy", "last-answer", "last-refusal",
         "http-1.0", "http-1.0-to-the-end", "hangs-up", "garbage",
         "stops-short", "huge", "thousand-headers", "endless-line"],
)  # fmt: skip
def test_every_answer_has_its_verdict(
    gateway: FakeGateway, make: Callable[..., KannelTransport], answer: bytes | None, verdict: Verdict, error: str
) -> None:
    gateway.behave = lambda request: answer

    outcome = hand_over(make(timeout_seconds=0.3))

    assert (outcome.verdict, outcome.error) == (verdict, error)
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("answer", [reply("500 Internal Server Error"), None], ids=["fails", "hangs up"])
def test_a_gateway_that_says_nothing_clear_does_not_cost_every_message(
    gateway: FakeGateway, make: Callable[..., KannelTransport], answer: bytes | None
) -> None:
    """After some it rests; whatever comes then waits, and it gets one message at a time until it answers clearly."""
    gateway.behave = lambda request: answer
    transport = make(connections=1)

    outcomes = transport.hand_over([outgoing(message_id=number) for number in range(1, 40)])

    verdicts = [outcome.verdict for outcome in outcomes]
    assert verdicts == [Verdict.UNCERTAIN] * 5 + [Verdict.RETRY] * 34
    assert not transport.health().is_up
    transport._breaker._down_until = 0.0  # the rest is over
    assert transport.health().is_up
    assert [hand_over(transport).verdict for _ in range(2)] == [Verdict.UNCERTAIN, Verdict.RETRY]
    transport._breaker._down_until = 0.0
    gateway.behave = lambda request: ACCEPTED
    assert [hand_over(transport).verdict for _ in range(2)] == [Verdict.ACCEPTED] * 2
    gateway.behave = lambda request: answer
    assert [hand_over(transport).verdict for _ in range(4)] == [Verdict.UNCERTAIN] * 4
    assert transport.health().is_up


def test_a_gateway_that_refuses_connections_has_nothing_and_rests(make: Callable[..., KannelTransport]) -> None:
    with closed_port() as port:
        transport = make(f"http://127.0.0.1:{port}{PATH}")

        outcomes = transport.hand_over([outgoing(message_id=number) for number in range(1, 40)])

        assert {outcome.verdict for outcome in outcomes} == {Verdict.RETRY}
        assert {outcome.error for outcome in outcomes} == {"no_connection"}
        assert transport.health().is_up is False
        assert transport.health().last_error == "no_connection"


def test_a_gateway_that_is_back_is_found_without_a_message(
    gateway: FakeGateway, make: Callable[..., KannelTransport]
) -> None:
    transport = make()
    transport._breaker.failed("no_connection", seconds=0)

    assert transport.health().is_up is True
    assert gateway.requests == []


def test_an_answer_that_does_not_come_in_time_leaves_the_message_uncertain(
    gateway: FakeGateway, make: Callable[..., KannelTransport]
) -> None:
    gateway.behave = lambda request: gateway.over.wait() and None

    outcome = hand_over(make(timeout_seconds=0.3))

    assert (outcome.verdict, outcome.error) == (Verdict.UNCERTAIN, "timeout")


def test_an_answer_that_trickles_in_does_not_hold_us(
    gateway: FakeGateway, make: Callable[..., KannelTransport]
) -> None:
    """Each byte comes within the time-out; all of them together do not."""

    sent = 0

    def trickle(request: Request) -> Iterator[bytes]:
        nonlocal sent
        for sent in range(len(ACCEPTED)):
            gateway.over.wait(0.1)
            yield ACCEPTED[sent : sent + 1]

    gateway.behave = trickle

    outcome = hand_over(make(timeout_seconds=0.4))

    assert (outcome.verdict, outcome.error) == (Verdict.UNCERTAIN, "timeout")
    assert sent < len(ACCEPTED) - 1


def test_nothing_begins_after_its_deadline(gateway: FakeGateway, make: Callable[..., KannelTransport]) -> None:
    outcome = hand_over(make(), deadline=time.monotonic() - 0.001)

    assert (outcome.verdict, outcome.error) == (Verdict.NOT_HANDED, "deadline")
    assert gateway.requests == []


def test_what_waited_too_long_behind_a_slow_gateway_is_not_handed_over(
    gateway: FakeGateway, make: Callable[..., KannelTransport], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second answer takes a minute and a half of a clock that only it moves."""
    clock_of_client = [1_000.0]
    monkeypatch.setattr("core.lib.http.client.time", SimpleNamespace(monotonic=lambda: clock_of_client[0]))

    def answer(request: Request) -> bytes:
        clock_of_client[0] += 90 * (len(gateway.requests) == 2)
        return ACCEPTED

    gateway.behave = answer
    transport = make(connections=1, timeout_seconds=600)

    outcomes = transport.hand_over([outgoing(message_id=number, deadline=1_060.0) for number in (1, 2, 3, 4)])

    verdicts = [outcome.verdict for outcome in outcomes]
    assert verdicts == [Verdict.ACCEPTED] * 2 + [Verdict.NOT_HANDED] * 2
    assert len(gateway.requests) == 2


def test_a_batch_keeps_its_order_and_shares_a_few_connections(
    gateway: FakeGateway, make: Callable[..., KannelTransport]
) -> None:
    transport = make(connections=3)
    batch = [outgoing(message_id=number) for number in range(1, 61)]

    outcomes = transport.hand_over(batch)

    assert [outcome.message for outcome in outcomes] == batch
    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
    assert len(gateway.requests) == 60
    assert len({request.connection for request in gateway.requests}) <= 3
    assert transport.health().window == 3
    assert transport.health().in_flight == 0


def test_in_flight_counts_what_the_gateway_has_not_answered(
    gateway: FakeGateway, make: Callable[..., KannelTransport]
) -> None:
    go_on = threading.Event()
    gateway.behave = lambda request: ACCEPTED if go_on.wait(5) else None
    transport = make()
    thread = threading.Thread(target=transport.hand_over, args=([outgoing(message_id=1), outgoing(message_id=2)],))

    thread.start()
    gateway.came.acquire(timeout=5)
    gateway.came.acquire(timeout=5)

    assert transport.health().in_flight == 2
    go_on.set()
    thread.join()
    assert transport.health().in_flight == 0


def test_a_connection_that_the_gateway_closed_meanwhile_is_not_used_again(
    gateway: FakeGateway, make: Callable[..., KannelTransport]
) -> None:
    transport = make()
    gateway.behave = lambda request: reply("202 Accepted", b"0: Accepted for delivery", "Connection: close")

    verdicts = [hand_over(transport).verdict for _ in range(3)]

    assert verdicts == [Verdict.ACCEPTED] * 3
    assert [request.connection for request in gateway.requests] == [1, 2, 3]


def test_a_wrong_password_stops_us_before_it_costs_every_message(
    gateway: FakeGateway, make: Callable[..., KannelTransport]
) -> None:
    gateway.behave = lambda request: reply("403 Forbidden", b"Authorization failed for sendsms")
    transport = make()
    hand_over(transport)

    outcomes = transport.hand_over([outgoing(message_id=number) for number in (2, 3)])

    assert {outcome.verdict for outcome in outcomes} == {Verdict.RETRY}
    assert len(gateway.requests) == 1
    assert transport.health().is_up is False


def test_a_closed_transport_hands_nothing_over(gateway: FakeGateway, make: Callable[..., KannelTransport]) -> None:
    transport = make()
    transport.close()

    assert hand_over(transport).verdict == Verdict.NOT_HANDED
    assert gateway.requests == []


def test_what_nobody_foresaw_is_an_uncertain_outcome_and_no_exception(
    make: Callable[..., KannelTransport], caplog: pytest.LogCaptureFixture
) -> None:
    outcome = hand_over(make(), encoding="klingon")

    assert (outcome.verdict, outcome.error) == (Verdict.UNCERTAIN, "unforeseen")
    assert "KeyError" in caplog.text


@pytest.mark.parametrize("method", ["post", "get"])
def test_no_log_line_holds_the_number(
    make: Callable[..., KannelTransport], gateway: FakeGateway, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    transport = make(method=method)

    hand_over(transport)
    gateway.behave = lambda request: None
    hand_over(transport)

    assert "7010000001" not in caplog.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": ""},
        {"url": "ftp://gateway.example/"},
        {"url": "http://user:secret@gateway.example/"},
        {"password": None},
        {"callback_url": ""},
        {"callback_url": "https://smart.example/?a=%d"},
        {"name": "kannel/1"},
        {"method": "put"},
    ],
    ids=["no-url", "ftp", "url-with-password", "no-password", "no-callback", "callback-with-query", "name", "method"],
)
def test_options_that_cannot_work_are_refused_at_the_start(wrong: dict[str, Any]) -> None:
    with pytest.raises(ImproperlyConfigured):
        KannelTransport(options("http://127.0.0.1:1/cgi-bin/sendsms") | wrong)
