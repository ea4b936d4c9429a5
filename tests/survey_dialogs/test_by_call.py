"""Surveys answered inside the call that invites to them, through a server that speaks Asterisk's interface (S1, S2)."""

import threading
import time
from datetime import timedelta

import pytest

from bonuses.models import Grant
from core.lib import clock
from messaging.channels.ivr import ari as client
from messaging.channels.ivr.transport import IvrTransport
from messaging.models import Attempt, Message
from messaging.prompts import sounds
from messaging.sending.sender import LEASES, Sender
from surveys.models import Answer, Response
from tests.bonuses.conftest import violated
from tests.messaging.conftest import noon  # noqa: F401
from tests.peers.ari import Ari
from tests.survey_dialogs.test_dialogs import open_connections, the_invitation
from tests.surveys.conftest import COFFEE, Kind
from tests.ussd.conftest import gateway  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)
ONE = "77010000001"
INVITED = "Опрос SMART «Кофе»: 100 единиц за ответы. Чтобы начать, нажмите 1."
DRINKS = "Вы пьёте кофе? Да — нажмите 1. Нет — нажмите 2."
CUPS = "Сколько чашек в день? Наберите число от 0 до 20 и нажмите решётку."
SCORE = "Посоветуете нас другу? Наберите число от 0 до 10 и нажмите решётку."
BACK = " Чтобы вернуться к предыдущему вопросу, нажмите звёздочку."
BEGIN = ("ring", "answer", "played", "press 1")


@pytest.fixture
def survey(make_survey, make_member, noon):  # noqa: F811
    """A survey that Boris, who reads Russian, is called for."""
    make_member(language="ru")
    return make_survey(channels=["ivr"], languages=["ru"], questions=COFFEE[:4])


@pytest.fixture
def ari(monkeypatch):
    monkeypatch.setattr(client, "_FIRST_PAUSE", 0.05)
    with Ari() as server:
        yield server


@pytest.fixture
def said(monkeypatch, tmp_path):
    """Every text has its recording: what was asked for, by the name that is played."""
    names = {}

    def ensure(text, language):
        return str(tmp_path / f"{names.setdefault(text, f'said-{len(names)}')}.wav")

    monkeypatch.setattr(sounds, "ensure", ensure)
    return names


@pytest.fixture
def make_transport(ari):
    made = []

    def make(**options):
        usual = {"name": "asterisk", "kind": "ivr", "url": ari.url, "username": ari.username, "password": ari.password,
                 "key_seconds": 5, "answer_seconds": 5, "most_survey_seconds": 30}  # fmt: skip
        made.append(IvrTransport(usual | options))
        assert made[-1]._events.up.wait(5)
        return made[-1]

    yield make
    for transport in made:
        transport.close()


def heard(ari, said):
    """What was played, in its order."""
    texts = {name: text for text, name in said.items()}
    return [texts[request.body["media"].rpartition("/")[2]] for request in ari.asked("POST", "/play")]


def call(ari, make_transport, *steps, **options):
    """Let the sender make the call; return the attempt."""
    ari.callees[ONE] = steps
    Sender(make_transport(**options)).run(until_idle=True, seconds=30)
    return Attempt.objects.get()


def hand_over(ari, transport, *steps, **fields):
    ari.callees[ONE] = steps
    [outcome] = transport.hand_over([the_invitation(msisdn=ONE, deadline=time.monotonic() + 5, **fields)])
    return outcome


def test_a_call_through_a_whole_survey(ari, make_transport, survey, said, now):
    attempt = call(
        ari, make_transport, *BEGIN,
        "played", "press 1",  # yes
        "played", "press *",  # the cups: back
        "played", "press 1",
        "played", "press 1", "press 2", "press #",
        "played", "press 3", "press 1", "press #",
        "played", "press 0", "press #",
        "played",
    )  # fmt: skip

    several = (
        "Что вы любите? Латте — нажмите 1. Эспрессо — нажмите 2. Раф — нажмите 3. Нажмите все подходящие, "
        "затем решётку."
    )
    *asked, last = heard(ari, said)
    assert asked == [INVITED, DRINKS, CUPS + BACK, DRINKS, CUPS, several, SCORE]  # the way back is told once
    assert last == "Спасибо за ответы! Награда: 100 единиц."
    response = Response.objects.get()
    assert (response.state, response.channel, response.units) == ("completed", "ivr", 100)
    answers = dict(Answer.objects.values_list("question__code", "value"))
    assert answers == {"drinks": 1, "cups": 12, "likes": 0b1010, "score": 0}
    assert Grant.objects.get(kind="survey").units == 100
    assert Message.objects.get(message_class="survey").state == "delivered"
    assert attempt.answer == "1*1***1*12*31*0"
    assert not ari.channels  # hung up
    assert violated(now + timedelta(minutes=5)) == set()


def test_a_key_stops_the_question_it_answers(ari, make_transport, survey, said):
    call(
        ari, make_transport, "answer", "play", "press 1", "stopped", "play", "press 1", "stopped", "play", "press 3",
        "stopped", "press #", "play", "press 2", "stopped", "press #", "play", "press 1", "stopped", "press 0",
        "press #", "played",
    )  # fmt: skip

    assert dict(Answer.objects.values_list("question__code", "value"))["cups"] == 3
    assert Response.objects.get().state == "completed"
    assert {request.status for request in ari.asked("DELETE", "/playbacks/")} == {204}


def test_a_number_needs_no_hash_key(ari, make_transport, survey, said):
    call(
        ari,
        make_transport,
        *BEGIN,
        "played",
        "press 1",
        "played",
        "press 1",
        "press 5",
        "played",
        "hangup",
        key_seconds=0.5,
    )

    assert Answer.objects.get(question__code="cups").value == 15


def test_a_wrong_number_is_asked_again_with_a_hint(ari, make_transport, survey, said):
    call(
        ari, make_transport, *BEGIN, "played", "press 1", "played", "press 9", "press 9", "press #", "played", "hangup"
    )

    assert heard(ari, said)[-1] == f"Нужно число от 0 до 20. {CUPS}"
    assert Response.objects.get().asked == "cups"


def test_0_repeats_a_question_that_one_key_answers(ari, make_transport, survey, said):
    call(
        ari, make_transport, "answer", "play", "press 0", "stopped", "played", "press 1", "played", "press 0",
        "played", "press 2", "played",
    )  # fmt: skip

    *asked, last = heard(ari, said)
    assert asked == [INVITED, INVITED, DRINKS, DRINKS]
    assert last == "Спасибо! В этот раз опрос для других."
    assert Response.objects.get().state == "screened_out"


def test_keys_pressed_while_the_next_prompt_is_made_are_its_answer(ari, make_transport, survey, said, monkeypatch):
    transport = make_transport()
    ensure = sounds.ensure

    def slowly(text, language):
        if text == DRINKS:
            [one] = transport._calls.values()
            deadline = time.monotonic() + 5
            while one.events.empty() and time.monotonic() < deadline:
                threading.Event().wait(0.01)
        return ensure(text, language)

    monkeypatch.setattr(sounds, "ensure", slowly)
    ari.callees[ONE] = (
        "answer",
        "played",
        "press 1",
        "press 1",
        "play",
        "stopped",
        "played",
        "press 7",
        "press #",
        "hangup",
    )

    Sender(transport).run(until_idle=True, seconds=30)

    assert heard(ari, said)[:3] == [INVITED, DRINKS, CUPS + BACK]
    assert dict(Answer.objects.values_list("question__code", "value")) == {"drinks": 1, "cups": 7}


def test_who_hangs_up_goes_on_by_the_code_at_the_same_question(ari, make_transport, survey, said, gateway):  # noqa: F811
    attempt = call(ari, make_transport, *BEGIN, "played", "press 1", "play", "hangup")

    assert (attempt.outcome, attempt.answer) == ("accepted", "1*1")
    assert Message.objects.get(message_class="survey").state == "delivered"
    assert Response.objects.get().state == "started"
    assert gateway.walk(ONE, survey.code)["text"] == "Сколько чашек в день?\n0-20\n00 Назад"
    assert gateway.walk(ONE, survey.code, "0", "10")["text"].startswith("Спасибо за ответы! Награда: 100")
    assert Grant.objects.filter(kind="survey").count() == 1


def test_silence_repeats_the_question_once_and_then_takes_leave(ari, make_transport, survey, said):
    call(ari, make_transport, *BEGIN, "played", "played", "played", answer_seconds=0.4)

    said_code = f"звёздочка 555 звёздочка 6 звёздочка {survey.pk} решётка"
    later = f"Ответить можно позже: наберите {said_code}. До свидания."
    assert heard(ari, said) == [INVITED, DRINKS, DRINKS, later]
    assert not ari.channels
    assert Response.objects.get().asked == "drinks"


def test_an_invitation_nobody_answers_is_not_insisted_on(ari, make_transport, survey, said):
    attempt = call(ari, make_transport, "answer", "played", answer_seconds=0.4)

    assert heard(ari, said) == [INVITED]
    assert (attempt.outcome, attempt.answer, attempt.error) == ("accepted", "", "")
    assert not Response.objects.exists()


def test_another_key_at_the_invitation_is_later(ari, make_transport, survey, said):
    call(ari, make_transport, "answer", "played", "press 2", "played")

    assert heard(ari, said)[-1].startswith("Ответить можно позже")
    assert not Response.objects.exists()


@pytest.mark.parametrize("bound", ["window", "option"])
def test_when_time_is_up_it_takes_leave_and_has_hung_up_by_then(ari, make_transport, survey, said, bound):
    closes = clock.now() + timedelta(seconds=3)
    transport = make_transport(answer_seconds=30, most_survey_seconds=3 if bound == "option" else 240)
    until = {"valid_until": closes} if bound == "window" else {}

    outcome = hand_over(ari, transport, *BEGIN, "play", "stopped", "play", **until)

    assert (str(outcome.verdict), outcome.answer) == ("accepted", "1")
    asked = heard(ari, said)
    assert asked[:2] == [INVITED, DRINKS]
    assert asked[2].startswith("Ответить можно позже")
    assert clock.now() < closes + timedelta(seconds=1)
    assert not ari.channels
    [order] = [request.body for request in ari.asked("POST") if request.body and "endpoint" in request.body]
    longest = int(order["variables"]["TIMEOUT(absolute)"])
    assert longest <= 3 if bound == "window" else longest == 25 + 3 + 5  # Asterisk ends it, should we die


def test_a_question_nothing_can_say_ends_the_call_and_the_message_stays_delivered(
    ari, make_transport, survey, said, monkeypatch
):
    ensure = sounds.ensure

    def missing(text, language):
        if text != INVITED:
            raise sounds.PromptMissing
        return ensure(text, language)

    monkeypatch.setattr(sounds, "ensure", missing)

    attempt = call(ari, make_transport, *BEGIN)

    assert (attempt.outcome, attempt.answer) == ("accepted", "1")
    assert not ari.channels


def test_a_lost_websocket_midway_leaves_the_message_delivered_and_the_answers_kept(ari, make_transport, survey, said):
    transport = make_transport()

    outcome = hand_over(ari, transport, *BEGIN, "played", "press 1", "play", "drop")

    assert (str(outcome.verdict), outcome.answer) == ("accepted", "1*1")
    assert Response.objects.get().asked == "cups"
    ari.wait(lambda: not ari.channels)


def test_closing_hangs_up_midway(ari, make_transport, survey, said):
    transport = make_transport(answer_seconds=30)
    outcomes = []
    ari.callees[ONE] = (*BEGIN, "play")
    message = the_invitation(msisdn=ONE, deadline=time.monotonic() + 5)
    thread = threading.Thread(target=lambda: outcomes.extend(transport.hand_over([message])))
    thread.start()
    ari.wait(lambda: len(ari.asked("POST", "/play")) == 2)

    transport.close()
    thread.join(5)

    assert [(str(outcome.verdict), outcome.answer) for outcome in outcomes] == [("accepted", "1")]
    assert not ari.channels


@pytest.mark.long
def test_64_calls_at_once_hold_no_connection_while_they_wait(
    ari,
    make_transport,
    make_survey,
    make_member,
    noon,  # noqa: F811
    said,
    monkeypatch,
):
    for _ in range(64):
        make_member(language="ru")
    make_survey(channels=["ivr"], languages=["ru"], questions=COFFEE[:1])
    open_ones = []
    together = threading.Barrier(64, action=lambda: open_ones.append(open_connections()))
    play = ari._played

    def played(channel, _):
        play(channel, "")
        channel.heard = getattr(channel, "heard", 0) + 1
        if channel.heard == 2:
            together.wait(30)

    monkeypatch.setattr(ari, "_played", played)
    steps = ("ring", "answer", "played", "press 1", "played", "press 1", "played")
    ari.callees = {f"7701000{last:04d}": steps for last in range(1, 65)}

    Sender(make_transport(lines=64, answer_seconds=20)).run(until_idle=True, seconds=60)

    assert Response.objects.filter(state="completed", channel="ivr").count() == 64
    assert Grant.objects.filter(kind="survey").count() == 64
    assert open_ones[0] <= 3  # the test's own, the sender's news, and who asks now; the 64 who are waited for have none
    assert open_connections() <= 1


@pytest.mark.skipif(not sounds.can_synthesize(), reason="espeak-ng is not installed")
def test_questions_are_spoken_into_files(ari, make_transport, survey, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path

    call(ari, make_transport, *BEGIN, "played", "press 2", "played")

    played = [request.body["media"].removeprefix("sound:") for request in ari.asked("POST", "/play")]
    assert len(played) == 3
    assert all(sounds.duration_ms((tmp_path / "prompts" / f"{one.rpartition('/')[2]}.wav").read_bytes()) > 1000
               for one in played)  # fmt: skip


def test_choices_beyond_nine_are_keyed_with_a_pause_or_hash(ari, make_transport, make_survey, make_member, noon, said):  # noqa: F811
    make_member(language="ru")
    choices = [{"value": n, "text_ru": f"Вариант {n}"} for n in range(1, 13)]
    make_survey(channels=["ivr"], languages=["ru"], questions=[
        ("one", Kind.SINGLE, {"ru": "Что?"}, choices, {}), ("some", Kind.SEVERAL, {"ru": "Что ещё?"}, choices, {}),
    ])  # fmt: skip

    call(ari, make_transport, *BEGIN, "played", "press 1", "press 1", "press #",
         "played", "press 1", "press *", "press 1", "press 2", "press #", "played")  # fmt: skip

    assert dict(Answer.objects.values_list("question__code", "value")) == {"one": 11, "some": 1 << 1 | 1 << 12}


def test_a_call_fits_its_senders_lease(make_transport):
    manner = make_transport(most_survey_seconds=240).manner
    longest = timedelta(seconds=manner.ring_seconds + manner.most_survey_seconds)

    assert longest + timedelta(seconds=10) < LEASES["ivr"]
    with pytest.raises(ValueError, match="must not be over 285"):
        make_transport(most_survey_seconds=280)
