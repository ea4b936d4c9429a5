"""Calls, against a server that speaks Asterisk's interface."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.lib import clock
from core.lib.http.client import TooLate
from messaging.channels.base import Outcome, Outgoing, Verdict
from messaging.channels.ivr import ari as client
from messaging.channels.ivr import transport as ivr_transport
from messaging.channels.ivr.transport import IvrTransport
from messaging.prompts import sounds
from tests.peers.ari import ANSWERS, Ari

NUMBER = "77010000001"


@pytest.fixture
def ari() -> Iterator[Ari]:
    with Ari() as server:
        yield server


@pytest.fixture(autouse=True)
def prompt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> None:
    """Every text has its recording, and nothing begins a conversation."""
    settings.CONVERSATIONS = {}
    monkeypatch.setattr(sounds, "ensure", lambda text, language: str(tmp_path / f"hello-{language}.wav"))
    monkeypatch.setattr(client, "_FIRST_PAUSE", 0.05)


@pytest.fixture
def make_transport(ari: Ari) -> Iterator[Callable[..., IvrTransport]]:
    """A factory of transports; each is up when it is returned."""
    made: list[IvrTransport] = []

    def make(**options: Any) -> IvrTransport:
        usual = {
            "name": "asterisk", "kind": "ivr", "url": ari.url, "username": ari.username, "password": ari.password,
            "caller_id": '"SMART" <555>', "lines": 4, "key_seconds": 0.05,
        }  # fmt: skip
        transport = IvrTransport({**usual, **options})
        made.append(transport)
        assert transport._events.up.wait(5)
        return transport

    yield make
    for transport in made:
        transport.close()


@pytest.fixture
def transport(make_transport: Callable[..., IvrTransport]) -> IvrTransport:
    return make_transport()


def outgoing(msisdn: str = NUMBER, **fields: Any) -> Outgoing:
    now = clock.now()
    usual = {
        "message_id": 42, "month": date(2026, 11, 1), "fence": 1, "number": 1, "subscriber_id": 7, "msisdn": msisdn,
        "text": "Сәлем!", "language": "kk", "encoding": "ucs2", "segments": 1, "channel": "ivr",
        "message_class": "survey", "kind": "survey", "gated_at": now, "valid_until": now + timedelta(hours=1),
        "deadline": time.monotonic() + 5,
    }  # fmt: skip
    return Outgoing(**{**usual, **fields})


def call(transport: IvrTransport, **fields: Any) -> Outcome:
    [outcome] = transport.hand_over([outgoing(**fields)])
    return outcome


def test_it_plays_the_prompt_to_who_answers(ari: Ari, transport: IvrTransport) -> None:
    outcome = call(transport)

    assert (outcome.verdict, outcome.is_final, outcome.error) == (Verdict.ACCEPTED, True, "")
    [order] = ari.asked("POST", f"/channels/{outcome.network_ids[0]}")[:1]
    assert order.body == {
        "endpoint": "PJSIP/77010000001@kcell",
        "app": "smart",
        "appArgs": "survey,42",
        "callerId": '"SMART" <555>',
        "timeout": 25,
        "variables": {"SMART_CALL_ID": "42", "TIMEOUT(absolute)": "90"},
    }
    [play] = ari.asked("POST", "/play")
    assert play.body is not None
    assert play.body["media"].startswith("sound:/")
    assert play.body["media"].endswith("/prompts/hello-kk")
    assert play.body["lang"] == "kk"
    [hang_up] = ari.asked("DELETE", "/channels/")
    assert (hang_up.query, hang_up.status) == ({"reason_code": "16"}, 204)


def test_no_address_holds_a_number_or_the_password(
    ari: Ari, transport: IvrTransport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    call(transport)
    ari.drop_websockets()
    transport.close()

    assert all(NUMBER not in request.target and "pass" not in request.target for request in ari.requests)
    assert NUMBER not in caplog.text
    assert ari.password not in caplog.text


def test_an_address_of_recordings_is_played_with_the_files_name(
    ari: Ari, make_transport: Callable[..., IvrTransport]
) -> None:
    call(make_transport(prompts_at="http://media.example/prompts/"))

    [play] = ari.asked("POST", "/play")
    assert play.body == {"media": "sound:http://media.example/prompts/hello-kk.wav", "lang": "kk"}


@pytest.mark.parametrize(
    ("steps", "verdict", "error", "retry_after"),
    [
        (("ring", "busy"), Verdict.RETRY, "busy", 300),
        (("ring", "noanswer"), Verdict.RETRY, "no_answer", 1800),
        (("ring", "destroy 18"), Verdict.RETRY, "no_answer", 1800),
        (("ring", "dial NOANSWER", "destroy 0"), Verdict.RETRY, "no_answer", 1800),
        (("dial BUSY", "destroy 16"), Verdict.RETRY, "busy", 300),
        (("dial CONGESTION", "destroy 0"), Verdict.RETRY, "congestion", 60),
        (("dial CHANUNAVAIL", "destroy 0"), Verdict.RETRY, "unavailable", 300),
        (("dial CHANUNAVAIL", "destroy 1"), Verdict.REJECTED, "unallocated", 0),
        (("destroy 3",), Verdict.RETRY, "no_route", 300),
        (("destroy 20",), Verdict.RETRY, "absent", 1800),
        (("ring", "dial NOANSWER", "destroy 21"), Verdict.REJECTED, "declined", 0),
        (("destroy 27",), Verdict.RETRY, "out_of_order", 1800),
        (("destroy 34",), Verdict.RETRY, "congestion", 60),
        (("destroy 38",), Verdict.RETRY, "network_out_of_order", 300),
        (("destroy 111",), Verdict.RETRY, "cause_111", 1800),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_an_unanswered_call(
    ari: Ari, transport: IvrTransport, steps: tuple[str, ...], verdict: Verdict, error: str, retry_after: float
) -> None:
    ari.callees[NUMBER] = steps

    outcome = call(transport)

    assert (outcome.verdict, outcome.error, outcome.retry_after) == (verdict, error, retry_after)
    assert not outcome.is_final
    assert not ari.asked("POST", "/play")


def test_a_status_whose_cause_never_comes_is_believed_and_hung_up(
    ari: Ari, transport: IvrTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.channels.ivr.call._CAUSE_FOLLOWS", 0.05)
    ari.callees[NUMBER] = ("ring", "dial BUSY")

    assert call(transport).error == "busy"
    assert ari.asked("DELETE", "/channels/")


def test_who_lets_it_ring_is_hung_up(
    ari: Ari, make_transport: Callable[..., IvrTransport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.channels.ivr.call._OVERDUE", 0.05)
    ari.callees[NUMBER] = ("ring",)

    outcome = call(make_transport(ring_seconds=0.1))

    assert (outcome.verdict, outcome.error, outcome.retry_after) == (Verdict.RETRY, "no_answer", 1800)
    assert ari.asked("DELETE", "/channels/")


@pytest.mark.parametrize(
    ("steps", "answer", "error"),
    [
        (("answer", "play", "press 1"), "1", ""),
        (("answer", "played", "press 3"), "3", ""),
        (("answer", "play", "press 1", "press 2", "press #"), "12", ""),
        (("answer", "play", "press 3", "press 0", "press #"), "30", ""),
        (("answer", "play", "press 1", "hangup"), "1", ""),
        (("answer", "play", "hangup"), "", "hung_up"),
        (("answer", "hangup"), "", "hung_up"),
        (("answer", "play", "press 1", "cut"), "1", ""),
        (("answer", "play", "press 0", "stopped", "play", "cut"), "", "hung_up"),
        (("answer", "played", "hangup"), "", ""),
        (("answer", "garbage", "played", "press 5"), "5", ""),
        (("answer", "play", "press x", "press 12", "press 2"), "2", ""),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
def test_an_answered_call(
    ari: Ari,
    make_transport: Callable[..., IvrTransport],
    steps: tuple[str, ...],
    answer: str,
    error: str,
) -> None:
    ari.callees[NUMBER] = ("ring", *steps)

    outcome = call(make_transport(key_seconds=0.3))

    assert (outcome.verdict, outcome.is_final) == (Verdict.ACCEPTED, True)
    assert (outcome.answer, outcome.error) == (answer, error)


@pytest.mark.parametrize("end", ["hangup", "cut", "vanish"])
def test_who_hangs_up_while_the_prompt_plays_silences_no_other_call(
    ari: Ari, transport: IvrTransport, end: str
) -> None:
    ari.callees[NUMBER] = ("answer", "play", end)

    outcome = call(transport)
    next_one = call(transport, msisdn="77010000002")

    assert (outcome.verdict, outcome.is_final, outcome.error) == (Verdict.ACCEPTED, True, "hung_up")
    assert (next_one.verdict, next_one.error) == (Verdict.ACCEPTED, "")


def test_a_hang_up_told_well_after_the_playback_failed_is_one(ari: Ari, transport: IvrTransport) -> None:
    ari.callees[NUMBER] = ("answer", "failed", "hangup")

    assert call(transport).error == "hung_up"


def test_a_prompt_refused_since_its_callee_just_hung_up_silences_no_other_call(
    ari: Ari, transport: IvrTransport
) -> None:
    ari.faults["play"] = 500
    ari.callees[NUMBER] = ("answer", "hangup")

    outcome = call(transport)
    del ari.faults["play"]

    assert (outcome.verdict, outcome.error) == (Verdict.ACCEPTED, "hung_up")
    assert call(transport, msisdn="77010000002").error == ""


def test_a_websocket_lost_just_after_a_playback_failed_leaves_the_call_uncertain(
    ari: Ari, transport: IvrTransport
) -> None:
    ari.callees[NUMBER] = ("answer", "failed", "drop")

    outcome = call(transport)

    assert (outcome.verdict, outcome.error) == (Verdict.UNCERTAIN, "events_lost")


@pytest.mark.parametrize(
    ("case", "verdict", "error"),
    [
        ("cut-while-playing", Verdict.ACCEPTED, "hung_up"),
        ("told-to-the-end", Verdict.ACCEPTED, ""),
        ("told-to-the-end-dial-first", Verdict.ACCEPTED, ""),
        ("person-declines-603", Verdict.REJECTED, "declined"),
        ("unavailable-480", Verdict.RETRY, "no_answer"),
        ("unavailable-480-dial-first", Verdict.RETRY, "no_answer"),
    ],
)
def test_a_call_recorded_of_a_real_asterisk(
    ari: Ari, make_transport: Callable[..., IvrTransport], case: str, verdict: Verdict, error: str
) -> None:
    ari.callees[NUMBER] = (f"replay {case}",)

    outcome = call(make_transport(key_seconds=5))
    next_one = call(make_transport(name="next"), msisdn="77010000002")

    assert (outcome.verdict, outcome.error) == (verdict, error)
    assert next_one.error == ""


def test_the_key_0_repeats_the_prompt_once(ari: Ari, transport: IvrTransport) -> None:
    ari.callees[NUMBER] = ("answer", "play", "press 0", "stopped", "play", "press 0", "press 2", "press #")

    outcome = call(transport)

    assert (outcome.answer, outcome.error) == ("2", "")
    assert len(ari.asked("POST", "/play")) == 2
    assert [request.status for request in ari.asked("DELETE", "/playbacks/")] == [204]


def test_0_after_the_prompts_end_repeats_it(ari: Ari, make_transport: Callable[..., IvrTransport]) -> None:
    ari.callees[NUMBER] = ("answer", "played", "press 0", "played", "press 1")

    outcome = call(make_transport(key_seconds=0.5))

    assert (outcome.answer, len(ari.asked("POST", "/play"))) == ("1", 2)


def test_a_call_is_cut_after_most_seconds(ari: Ari, make_transport: Callable[..., IvrTransport]) -> None:
    ari.callees[NUMBER] = ("answer", "play")

    outcome = call(make_transport(most_seconds=0.1))

    assert (outcome.verdict, outcome.is_final, outcome.error) == (Verdict.ACCEPTED, True, "cut")
    assert [request.status for request in ari.asked("DELETE", "/channels/")] == [204]


@pytest.mark.parametrize(
    ("steps", "verdict", "error"),
    [(("answer", "play"), Verdict.ACCEPTED, "cut"), (("ring",), Verdict.RETRY, "closing")],
    ids=["talking", "ringing"],
)
def test_at_closing_time_it_hangs_up(
    ari: Ari, transport: IvrTransport, steps: tuple[str, ...], verdict: Verdict, error: str
) -> None:
    ari.callees[NUMBER] = steps
    closes = clock.now() + timedelta(seconds=1)

    outcome = call(transport, valid_until=closes)

    assert (outcome.verdict, outcome.error) == (verdict, error)
    assert closes <= clock.now() < closes + timedelta(seconds=1)
    [order] = [request for request in ari.asked("POST") if request.body and "endpoint" in request.body]
    assert order.body is not None
    assert (order.body["timeout"], order.body["variables"]["TIMEOUT(absolute)"]) == (1, "1")
    assert [request.status for request in ari.asked("DELETE", "/channels/")] == [204]


@pytest.mark.parametrize(
    "late", [{"deadline": -1e9}, {"valid_until": datetime(2026, 11, 23, tzinfo=UTC)}], ids=["deadline", "validity"]
)
def test_nobody_is_dialed_late(ari: Ari, transport: IvrTransport, late: dict[str, Any]) -> None:
    outcome = call(transport, **late)

    assert outcome.verdict == Verdict.NOT_HANDED
    assert not ari.asked("POST")


def test_the_deadline_is_kept_while_the_text_is_spoken(
    ari: Ari, transport: IvrTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = outgoing(deadline=time.monotonic() + 0.1)

    def ensure(text: str, language: str) -> str:
        while time.monotonic() < message.deadline:
            threading.Event().wait(0.02)
        return "/hello.wav"

    monkeypatch.setattr(sounds, "ensure", ensure)

    assert transport.hand_over([message])[0].verdict == Verdict.NOT_HANDED
    assert not ari.asked("POST")


def test_nothing_is_sent_over_a_connection_made_too_late(ari: Ari) -> None:
    rest = client.Rest(url=ari.url, username=ari.username, password=ari.password)

    with pytest.raises(TooLate):
        rest.ask("POST", "/channels/one", body={}, before=time.monotonic())

    assert not ari.requests


def test_a_text_that_nothing_can_say_is_rejected(
    ari: Ari, transport: IvrTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ensure(text: str, language: str) -> str:
        raise sounds.PromptMissing

    monkeypatch.setattr(sounds, "ensure", ensure)

    outcome = call(transport)

    assert (outcome.verdict, outcome.error) == (Verdict.REJECTED, "no_prompt")
    assert not ari.asked("POST")


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (400, Verdict.REJECTED),
        (401, Verdict.RETRY),
        (404, Verdict.RETRY),
        (409, Verdict.RETRY),
        (500, Verdict.RETRY),
        (502, Verdict.UNCERTAIN),
        (503, Verdict.RETRY),
    ],
)
def test_an_order_that_asterisk_refuses(ari: Ari, transport: IvrTransport, status: int, verdict: Verdict) -> None:
    ari.faults["originate"] = status

    outcome = call(transport)

    assert (outcome.verdict, outcome.error) == (verdict, f"ari_{status}")
    assert transport.health().last_error == f"ari_{status}"


def test_asterisk_that_answers_no_order_does_not_cost_every_call(ari: Ari, transport: IvrTransport) -> None:
    """A proxy in between says 502 of everything: what comes after five such answers waits."""
    ari.faults["originate"] = ari.faults["hangup"] = 502

    outcomes = transport.hand_over([outgoing(message_id=number) for number in range(1, 31)])

    verdicts = [outcome.verdict for outcome in outcomes]
    assert Verdict.RETRY in verdicts
    assert verdicts.count(Verdict.UNCERTAIN) <= 5 + transport.lines
    assert len(ari.asked("POST")) == verdicts.count(Verdict.UNCERTAIN)
    assert (transport.health().is_up, transport.health().last_error) == (False, "ari_502")
    ari.faults.clear()
    ari.callees[NUMBER] = ANSWERS
    transport._rest.breaker._down_until = 0.0  # the rest is over
    assert transport.health().is_up
    assert call(transport).verdict == Verdict.ACCEPTED


def test_an_order_without_an_answer_is_uncertain_and_hung_up(ari: Ari, transport: IvrTransport) -> None:
    ari.callees[NUMBER] = ("ring",)
    ari.faults["originate"] = "close after"

    outcome = call(transport)

    assert (outcome.verdict, outcome.error) == (Verdict.UNCERTAIN, "no_reply")
    assert len(outcome.network_ids) == 1
    assert [request.status for request in ari.asked("DELETE", "/channels/")] == [204]
    assert not ari.channels


def test_an_order_answered_too_slowly_is_uncertain_and_hung_up_when_it_is_known(
    ari: Ari, make_transport: Callable[..., IvrTransport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_ANSWERING", 0.1)
    monkeypatch.setattr(client, "_TIDY_EVERY", 0.05)
    ari.callees[NUMBER] = ("answer",)
    ari.faults["originate"] = release = threading.Event()

    outcome = call(make_transport())
    release.set()

    assert outcome.verdict == Verdict.UNCERTAIN
    ari.wait(lambda: 204 in [request.status for request in ari.asked("DELETE", "/channels/")])


@pytest.mark.parametrize("fault", [400, 500, "failed"])
def test_a_call_that_stays_silent_is_not_made_again_and_holds_the_others_back(
    ari: Ari, transport: IvrTransport, fault: int | str
) -> None:
    if isinstance(fault, int):
        ari.faults["play"] = fault
    ari.callees[NUMBER] = ("answer", "failed") if fault == "failed" else ("answer",)

    outcome = call(transport)
    next_one = call(transport, msisdn="77010000002")

    assert (outcome.verdict, outcome.error) == (Verdict.REJECTED, "not_played")
    assert (next_one.verdict, next_one.error) == (Verdict.RETRY, "not_played_lately")
    assert len([request for request in ari.asked("POST") if request.body and "endpoint" in request.body]) == 1
    assert ari.asked("DELETE", "/channels/")


def test_a_prompt_asked_for_without_an_answer_is_uncertain(ari: Ari, transport: IvrTransport) -> None:
    ari.faults["play"] = "close"
    ari.callees[NUMBER] = ("answer",)

    assert call(transport).verdict == Verdict.UNCERTAIN
    assert ari.asked("DELETE", "/channels/")


@pytest.mark.parametrize("steps", [("ring", "drop"), ("answer", "play", "drop")], ids=["ringing", "talking"])
def test_a_lost_websocket_leaves_the_call_uncertain_and_hung_up(
    ari: Ari, transport: IvrTransport, steps: tuple[str, ...]
) -> None:
    ari.callees[NUMBER] = steps

    outcome = call(transport)

    assert (outcome.verdict, outcome.error) == (Verdict.UNCERTAIN, "events_lost")
    ari.wait(lambda: len(ari.asked("GET", "/events")) == 2)
    assert not ari.channels


def test_a_call_that_could_not_be_hung_up_is_when_the_websocket_is_back(ari: Ari, transport: IvrTransport) -> None:
    ari.faults["hangup"] = "close"
    ari.callees[NUMBER] = ("answer", "play", "drop")

    outcome = call(transport)
    del ari.faults["hangup"]

    assert outcome.verdict == Verdict.UNCERTAIN
    ari.wait(lambda: 204 in [request.status for request in ari.asked("DELETE", outcome.network_ids[0])])
    assert transport._events.up.wait(5)
    assert not transport._left_up


def test_a_call_that_could_not_be_hung_up_is_tried_again_while_events_go_on(
    ari: Ari, make_transport: Callable[..., IvrTransport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_TIDY_EVERY", 0.05)
    ari.faults["hangup"] = 500

    outcome = call(make_transport())
    del ari.faults["hangup"]

    assert outcome.verdict == Verdict.ACCEPTED
    ari.wait(lambda: 204 in [request.status for request in ari.asked("DELETE", outcome.network_ids[0])])


def test_what_a_key_has_answered_outlives_the_websocket(ari: Ari, make_transport: Callable[..., IvrTransport]) -> None:
    ari.callees[NUMBER] = ("answer", "play", "press 1", "drop")

    outcome = call(make_transport(key_seconds=5))

    assert (outcome.verdict, outcome.answer) == (Verdict.ACCEPTED, "1")


def test_calls_of_a_process_that_died_are_hung_up_at_the_start(
    ari: Ari, make_transport: Callable[..., IvrTransport]
) -> None:
    ari.callees[NUMBER] = ("answer",)
    ari.apps.add("smart")
    rest = client.Rest(url=ari.url, username=ari.username, password=ari.password)
    rest.ask("POST", "/channels/of-the-dead", body={"endpoint": f"PJSIP/{NUMBER}@kcell", "app": "smart"})

    make_transport()

    assert not ari.channels


def test_without_the_websocket_nobody_is_dialed(
    ari: Ari, transport: IvrTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ivr_transport, "_COMING_UP", 0.05)
    ari.refuses_websockets = True
    ari.drop_websockets()
    ari.wait(lambda: 503 in [request.status for request in ari.asked("GET", "/events")])

    outcome = call(transport)

    assert (outcome.verdict, outcome.error) == (Verdict.RETRY, "not_connected")
    assert not ari.asked("POST")
    assert not transport.health().is_up
    assert transport.health().last_error in ("ari_503", "events_lost")


def test_a_wrong_password_is_told_by_its_status(ari: Ari) -> None:
    options = {"name": "asterisk", "url": ari.url, "username": "smart", "password": "wrong"}
    transport = IvrTransport(options)
    try:
        ari.wait(lambda: len(ari.asked("GET", "/events")) > 1)
        health = transport.health()
    finally:
        transport.close()

    assert (health.is_up, health.last_error) == (False, "ari_401")


def test_another_process_under_the_same_name_is_told(
    ari: Ari, make_transport: Callable[..., IvrTransport], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "_LONGEST_PAUSE", 60.0)
    first = make_transport()

    make_transport(name="another")

    deadline = time.monotonic() + 5
    while first.health().is_up and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert first.health().last_error == "replaced"


def test_a_batch_is_called_at_once_and_each_has_its_outcome(ari: Ari, transport: IvrTransport) -> None:
    numbers = [f"7701000000{last}" for last in range(1, 5)]
    ari.callees[numbers[1]] = ("ring", "busy")
    ari.callees[numbers[3]] = ("answer", "play", "press 7", "press #")
    batch = [outgoing(msisdn, message_id=index) for index, msisdn in enumerate(numbers)]

    outcomes = transport.hand_over(batch)

    assert [outcome.message.message_id for outcome in outcomes] == [0, 1, 2, 3]
    assert [str(outcome.verdict) for outcome in outcomes] == ["accepted", "retry", "accepted", "accepted"]
    assert outcomes[3].answer == "7"
    assert transport.health().in_flight == 0
    assert not ari.channels


def test_its_health_counts_the_lines_in_use(ari: Ari, transport: IvrTransport) -> None:
    ari.callees[NUMBER] = ("answer", "play")
    thread = threading.Thread(target=call, args=(transport,))
    thread.start()
    ari.wait(lambda: ari.asked("POST", "/play"))

    health = transport.health()
    for channel in list(ari.channels.values()):
        ari.destroy(channel, 16)
    thread.join(5)

    assert (health.is_up, health.in_flight, health.window) == (True, 1, 4)


def test_closing_hangs_up_and_takes_nothing_more(ari: Ari, transport: IvrTransport) -> None:
    ari.callees[NUMBER] = ("answer", "play")
    outcomes: list[Outcome] = []
    thread = threading.Thread(target=lambda: outcomes.append(call(transport)))
    thread.start()
    ari.wait(lambda: ari.asked("POST", "/play"))

    transport.close()
    thread.join(5)

    assert [(outcome.verdict, outcome.error) for outcome in outcomes] == [(Verdict.ACCEPTED, "cut")]
    assert not ari.channels
    assert call(transport).verdict == Verdict.NOT_HANDED


def test_an_error_of_ours_is_uncertain_and_tells_no_text(
    transport: IvrTransport, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def ensure(text: str, language: str) -> str:
        raise RuntimeError(NUMBER)

    monkeypatch.setattr(sounds, "ensure", ensure)

    outcome = call(transport)

    assert (outcome.verdict, outcome.error) == (Verdict.UNCERTAIN, "internal")
    assert NUMBER not in caplog.text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "a", "url": "http://x/ari", "username": "u"}, "missing options: password"),
        ({"name": "a", "ulr": 1}, "unknown options: ulr"),
        ({"name": "a", "url": "x", "username": "u", "password": "p"}, "url must be"),
        (
            {"name": "a", "url": "http://x/ari", "username": "u", "password": "p", "endpoint": "PJSIP/1"},
            r"endpoint must hold \{number\}",
        ),
    ],
    ids=["missing", "unknown", "address", "endpoint"],
)
def test_wrong_options_are_refused_in_words(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        IvrTransport(options)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_callees_do_each_message_has_one_outcome_and_no_call_stays(
    ari: Ari, make_transport: Callable[..., IvrTransport], monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(client, "_TIDY_EVERY", 0.05)
    chance = random.Random(seed)
    steps = [
        ("ring", "busy"), ("ring", "noanswer"), ("destroy 34",), ("answer", "played"), ("answer", "play", "hangup"),
        ("answer", "play", "cut"), ("answer", "play", "press 1"),
        ("garbage", "answer", "played"), ("answer", "play", "press 0", "hangup"),
    ]  # fmt: skip
    numbers = [f"77010000{index:03d}" for index in range(60)]
    ari.callees = {number: chance.choice(steps) for number in numbers}
    ari.callees[chance.choice(numbers)] = ("answer", "play", "drop")
    transport = make_transport(lines=20)

    outcomes = [
        outcome
        for at in range(0, 60, 20)
        for outcome in transport.hand_over([outgoing(number) for number in numbers[at : at + 20]])
    ]

    assert [outcome.message.msisdn for outcome in outcomes] == numbers
    dialed = [request for request in ari.asked("POST") if request.body and "endpoint" in request.body]
    assert len({request.body["endpoint"] for request in dialed if request.body}) == len(dialed)  # nobody twice
    assert any(outcome.error == "events_lost" for outcome in outcomes)
    ari.wait(lambda: not ari.channels)
