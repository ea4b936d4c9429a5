"""USSD push in RestComm's convention, against servers that do everything a gateway may do wrong."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from core.lib import clock
from messaging.channels.base import Outcome, Verdict
from messaging.channels.ussd.transport import UssdPushTransport
from tests.messaging.gateways import Behaviour, FakeGateway, Request, closed_port, outgoing, reply, restcomm, serve

COOKIE = "Set-Cookie: JSESSIONID=1379BF8AF4DB; Path=/restcomm; HttpOnly"
SHOWN = '<unstructuredSSNotify_Response invokeId="1"/>'
KEYED = '<unstructuredSSRequest_Response invokeId="1" dataCodingScheme="15" string="2"/>'


def dialog(inside: str = "", **attributes: str) -> bytes:
    """What the gateway says, in its session."""
    given = {"type": "Continue", "appCntx": "networkUnstructuredSsContext_version2", "networkId": "0", "localId": "12",
             "remoteId": "13", "mapMessagesSize": "1", "returnMessageOnError": "false"} | attributes  # fmt: skip
    written = " ".join(f'{name}="{value}"' for name, value in given.items())
    body = f'<?xml version="1.0" encoding="UTF-8" ?>\n<dialog {written}>{inside or "<errComponents/>"}</dialog>'
    return reply("200 OK", body.encode(), COOKIE)


def error(code: int) -> str:
    return (
        '<errComponents><invokeId value="1"/>'
        f'<errorComponent type="MAPErrorMessage" errorCode="{code}"/></errComponents>'
    )


def push(first: bytes | None) -> Behaviour:
    """Answer the message so, and what ends the dialog with an empty 200."""

    def behave(request: Request) -> bytes | None:
        return reply("200 OK") if b'mapMessagesSize="0"' in request.body else first

    return restcomm(behave)


@pytest.fixture(autouse=True)
def _no_conversations(settings: Any) -> None:
    """What follows an answer is tests/survey_dialogs/test_dialogs.py's."""
    settings.CONVERSATIONS = {}


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with serve(push(dialog(SHOWN))) as running:
        yield running


@pytest.fixture
def make(gateway: FakeGateway) -> Iterator[Callable[..., UssdPushTransport]]:
    """Make transports towards the gateway; they are closed at the end."""
    made: list[UssdPushTransport] = []

    def transport(url: str = "", **given: Any) -> UssdPushTransport:
        usual = {"name": "ussd-1", "kind": "ussd", "url": url or gateway.url("/restcomm"), "timeout_seconds": 5}
        made.append(UssdPushTransport(usual | given))
        return made[-1]

    yield transport
    for one in made:
        one.close()


def hand_over(transport: UssdPushTransport, **fields: Any) -> Outcome:
    (outcome,) = transport.hand_over([outgoing(**{"channel": "ussd"} | fields)])
    return outcome


def test_a_screen_that_was_acknowledged_is_delivered(
    gateway: FakeGateway, make: Callable[..., UssdPushTransport]
) -> None:
    outcome = hand_over(make())

    assert (outcome.verdict, outcome.is_final, outcome.answer) == (Verdict.ACCEPTED, True, "")
    root = fromstring(gateway.requests[0].body)
    (notify,) = root
    assert (root.tag, root.get("mapMessagesSize"), root.get("prearrangedEnd")) == ("dialog", "1", None)
    assert notify.tag == "unstructuredSSNotify_Request"
    assert (notify.get("string"), notify.get("dataCodingScheme")) == ("Сәлем! Шай −20 %", "72")
    assert notify[0].attrib == {"nai": "international_number", "npi": "ISDN", "number": "77010000001"}


def test_the_dialog_is_ended_in_its_http_session(gateway: FakeGateway, make: Callable[..., UssdPushTransport]) -> None:
    hand_over(make())

    first, last = gateway.requests
    root = fromstring(last.body)
    assert "cookie" not in first.headers
    assert last.headers["cookie"] == "JSESSIONID=1379BF8AF4DB"
    assert root.attrib == {"mapMessagesSize": "0", "prearrangedEnd": "false"}
    assert list(root) == []


def test_every_post_has_the_one_content_type_that_the_gateway_reads(
    gateway: FakeGateway, make: Callable[..., UssdPushTransport]
) -> None:
    hand_over(make())

    assert [request.headers["content-type"] for request in gateway.requests] == ["text/xml", "text/xml"]


def test_an_empty_answer_at_once_means_that_nothing_was_shown(
    gateway: FakeGateway, make: Callable[..., UssdPushTransport]
) -> None:
    gateway.behave = lambda request: reply("200 OK")
    transport = make()

    outcomes = [hand_over(transport) for _ in range(6)]

    assert {(outcome.verdict, outcome.error) for outcome in outcomes} == {(Verdict.RETRY, "unread")}
    assert transport.health().is_up is False
    assert len(gateway.requests) == 5  # then it rests


def test_an_empty_answer_after_a_wait_tells_nothing_of_what_was_shown(
    gateway: FakeGateway, make: Callable[..., UssdPushTransport], monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.behave = lambda request: reply("200 OK")
    monkeypatch.setattr("messaging.channels.ussd.transport._UNREAD_WITHIN_SECONDS", 0.0)

    outcome = hand_over(make())

    assert (outcome.verdict, outcome.error) == (Verdict.UNCERTAIN, "garbage")


def test_two_dialogs_do_not_share_a_session(gateway: FakeGateway, make: Callable[..., UssdPushTransport]) -> None:
    transport = make()
    hand_over(transport)
    hand_over(transport)

    assert "cookie" not in gateway.requests[2].headers


def test_latin_text_goes_in_gsm_coding(gateway: FakeGateway, make: Callable[..., UssdPushTransport]) -> None:
    hand_over(make(), text="Tea -20%\nBye", encoding="gsm7")

    notify = fromstring(gateway.requests[0].body)[0]
    assert (notify.get("dataCodingScheme"), notify.get("string")) == ("15", "Tea -20%\nBye")


@pytest.mark.parametrize(
    ("given", "fields"),
    [({}, {"message_class": "survey", "kind": "survey"}), ({"question_kinds": ["quiz"]}, {"kind": "quiz"})],
    ids=["survey", "named-kind"],
)
def test_a_question_takes_its_answer_within_the_session(
    gateway: FakeGateway, make: Callable[..., UssdPushTransport], given: dict[str, Any], fields: dict[str, str]
) -> None:
    gateway.behave = push(dialog(KEYED))

    outcome = hand_over(make(**given), **fields)

    assert (outcome.verdict, outcome.answer, outcome.is_final) == (Verdict.ACCEPTED, "2", True)
    assert fromstring(gateway.requests[0].body)[0].tag == "unstructuredSSRequest_Request"
    assert b'prearrangedEnd="false"' in gateway.requests[1].body


def test_an_answer_in_an_element_of_its_own_is_read_too(
    gateway: FakeGateway, make: Callable[..., UssdPushTransport]
) -> None:
    element = "<unstructuredSSRequest_Response><ussdString>Иә</ussdString></unstructuredSSRequest_Response>"
    gateway.behave = push(dialog(element))

    assert hand_over(make(), message_class="survey").answer == "Иә"


@pytest.mark.parametrize(
    ("answer", "verdict", "error_word", "later"),
    [
        (dialog(error(27), type="End"), Verdict.RETRY, "map_27", 1800),
        (dialog(error(6), type="End", sriPart="true"), Verdict.RETRY, "map_6", 1800),
        (dialog(error(72), type="End"), Verdict.RETRY, "map_72", 1800),
        (dialog(error(34), type="End"), Verdict.RETRY, "map_34", 1800),
        (dialog(error(1), type="End", sriPart="true"), Verdict.REJECTED, "map_1", 0),
        (dialog(error(71), type="End"), Verdict.REJECTED, "map_71", 0),
        (dialog(type="Unknown", mapRefuseReason="RemoteNodeNotReachable"), Verdict.RETRY, "refused", 1800),
        (dialog(type="Unknown", mapRefuseReason="InvalidDestinationReference"), Verdict.REJECTED, "refused", 0),
        (dialog(type="Unknown", mapUserAbortChoice="isUserSpecificReason"), Verdict.REJECTED, "user_aborted", 0),
        (dialog(type="Unknown", mapUserAbortChoice="isUserResourceLimitation"), Verdict.RETRY, "no_resources", 1800),
        (dialog(type="Unknown", mapUserAbortChoice="isProcedureCancellationReason_radioChannelRelease"),
         Verdict.UNCERTAIN, "aborted", 0),
        (dialog(type="Unknown", mapAbortProviderReason="ResourceLimitation"), Verdict.RETRY, "no_resources", 1800),
        (dialog(type="Unknown", mapAbortProviderReason="SupportingDialogueTransactionReleased"), Verdict.UNCERTAIN,
         "aborted", 0),
        (dialog(type="Unknown", dialogTimedOut="true"), Verdict.UNCERTAIN, "timeout", 0),
        (dialog(type="Unknown", dialogTimedOut="true", sriPart="true"), Verdict.RETRY, "not_found", 1800),
        (dialog(type="Unknown", invokeTimedOut="0"), Verdict.UNCERTAIN, "timeout", 0),
        (dialog(type="Continue"), Verdict.UNCERTAIN, "no_answer", 0),
        (reply("200 OK"), Verdict.RETRY, "unread", 30),
        (reply("200 OK", b" "), Verdict.UNCERTAIN, "garbage", 0),
        (reply("200 OK", b"<html><body>Welcome</body></html>"), Verdict.UNCERTAIN, "garbage", 0),
        (reply("200 OK", b"<dialog><unstruct"), Verdict.UNCERTAIN, "garbage", 0),
        (reply("200 OK", b'<!DOCTYPE d [<!ENTITY a "b">]><dialog>&a;<unstructuredSSNotify_Response/></dialog>'),
         Verdict.UNCERTAIN, "garbage", 0),
        (dialog(SHOWN + "<x/>" * 10_000), Verdict.UNCERTAIN, "garbage", 0),
        (reply("503 Service Unavailable"), Verdict.RETRY, "http_503", 5),
        (reply("500 Internal Server Error"), Verdict.UNCERTAIN, "http_500", 0),
        (reply("401 Unauthorized"), Verdict.RETRY, "http_401", 30),
        (None, Verdict.UNCERTAIN, "broken", 0),
    ],
    ids=["absent", "absent-at-lookup", "busy", "system-failure", "unknown-subscriber", "unknown-alphabet",
         "unreachable", "invalid-destination", "user-aborted", "user-resources", "radio-released", "no-resources",
         "released", "timed-out", "timed-out-at-lookup", "invoke-timed-out", "nothing-inside", "unread", "blank",
         "html", "cut-off", "entities", "huge", "unavailable", "server-error", "unauthorized", "hangs-up"],
)  # fmt: skip
def test_every_ending_has_its_verdict(
    gateway: FakeGateway,
    make: Callable[..., UssdPushTransport],
    answer: bytes | None,
    verdict: Verdict,
    error_word: str,
    later: float,
) -> None:
    gateway.behave = push(answer)

    outcome = hand_over(make())

    assert (outcome.verdict, outcome.error, outcome.retry_after) == (verdict, error_word, later)
    assert outcome.is_final is False
    assert len(gateway.requests) == 1  # a dialog that is over needs no end


def test_a_text_that_no_screen_holds_is_refused_before_anything_is_sent(
    gateway: FakeGateway, make: Callable[..., UssdPushTransport]
) -> None:
    transport = make()

    long_cyrillic, long_latin = hand_over(transport, text="ш" * 81), hand_over(transport, text="t" * 183)
    fitting = hand_over(transport, text="ш" * 80)

    assert (long_cyrillic.verdict, long_cyrillic.error) == (Verdict.REJECTED, "too_long")
    assert (long_latin.verdict, long_latin.error) == (Verdict.REJECTED, "too_long")
    assert fitting.verdict == Verdict.ACCEPTED
    assert len(gateway.requests) == 2


def test_a_gateway_that_refuses_connections_has_shown_nothing(make: Callable[..., UssdPushTransport]) -> None:
    with closed_port() as port:
        transport = make(f"http://127.0.0.1:{port}/restcomm")

        outcome = hand_over(transport)

        assert (outcome.verdict, outcome.error) == (Verdict.RETRY, "no_connection")
        assert transport.health().is_up is False


def test_a_reader_who_never_answers_leaves_the_message_uncertain(
    gateway: FakeGateway, make: Callable[..., UssdPushTransport]
) -> None:
    gateway.behave = lambda request: gateway.over.wait() and None

    outcome = hand_over(make(timeout_seconds=2.2))

    assert (outcome.verdict, outcome.error) == (Verdict.UNCERTAIN, "timeout")


def test_the_gateway_is_told_to_give_up_before_we_do_and_before_the_window_closes(
    gateway: FakeGateway, make: Callable[..., UssdPushTransport]
) -> None:
    transport = make(timeout_seconds=60)

    hand_over(transport)
    hand_over(transport, valid_until=clock.now() + timedelta(seconds=20))

    timeouts = [fromstring(request.body).get("customInvokeTimeout") for request in gateway.requests[::2]]
    assert timeouts[0] == "58000"
    assert 1_000 < int(timeouts[1] or 0) <= 18_000


def test_nothing_is_pushed_after_its_deadline_or_validity(
    gateway: FakeGateway, make: Callable[..., UssdPushTransport]
) -> None:
    transport = make()

    late = hand_over(transport, deadline=time.monotonic() - 0.001)
    over = hand_over(transport, valid_until=clock.now() + timedelta(seconds=1))

    assert (late.verdict, late.error) == (Verdict.NOT_HANDED, "deadline")
    assert (over.verdict, over.error) == (Verdict.NOT_HANDED, "validity")
    assert gateway.requests == []


def test_a_batch_is_pushed_side_by_side(gateway: FakeGateway, make: Callable[..., UssdPushTransport]) -> None:
    """The gateway answers none before it has all."""
    all_are_here = threading.Barrier(8)
    answer = push(dialog(SHOWN))

    def wait_for_all(request: Request) -> bytes | Iterable[bytes | None] | None:
        if "cookie" not in request.headers:
            all_are_here.wait(60)
        return answer(request)

    gateway.behave = wait_for_all
    transport = make(connections=8)
    batch = [outgoing(message_id=number) for number in range(1, 9)]

    outcomes = transport.hand_over(batch)

    assert [outcome.message for outcome in outcomes] == batch
    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACCEPTED}
    assert transport.batch == 8


def test_a_failed_ending_changes_nothing_of_what_was_read(
    gateway: FakeGateway, make: Callable[..., UssdPushTransport]
) -> None:
    gateway.behave = restcomm(lambda request: None if b'mapMessagesSize="0"' in request.body else dialog(SHOWN))

    assert hand_over(make()).verdict == Verdict.ACCEPTED


def test_credentials_and_network_are_passed_on(gateway: FakeGateway, make: Callable[..., UssdPushTransport]) -> None:
    hand_over(make(username="smart", password="geheim", network_id=3))

    assert gateway.requests[0].headers["authorization"] == "Basic c21hcnQ6Z2VoZWlt"
    assert fromstring(gateway.requests[0].body).get("networkId") == "3"
