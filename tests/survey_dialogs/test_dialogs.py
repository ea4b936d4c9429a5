"""Surveys answered inside the pushed dialog that invites to them, over HTTP, sent by the sender itself (S1, S2, M1)."""

import threading
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.utils import translation

from bonuses.models import Grant
from core.lib import clock, gsm
from enrollment.models import Subscriber
from messaging.channels import conversations
from messaging.channels.ussd.transport import UssdPushTransport
from messaging.models import Attempt, Message
from messaging.sending.sender import LEASES, Sender
from smart import programme, survey_dialogs
from surveys.fieldwork import lifecycle
from surveys.models import Answer, Quota, Response
from tests.bonuses.conftest import violated
from tests.messaging.conftest import noon  # noqa: F401
from tests.messaging.gateways import outgoing, restcomm, serve
from tests.surveys.conftest import COFFEE, Kind
from tests.surveys.telephones import ABORTED, TIMED_OUT, PushGateway
from tests.ussd.conftest import gateway  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)
ONE = "77010000001"
SHOPS = (
    "shop",
    Kind.SINGLE,
    {"kk": "Қай дүкенге жиі барасыз?", "ru": "В какой магазин вы ходите?"},
    [
        {"value": n, "text_kk": f"Алматы көшесіндегі дүкен {n}", "text_ru": f"Магазин на улице Алматы {n}"}
        for n in range(1, 4)
    ],
    {},
)
QUESTIONS = [COFFEE[0], SHOPS, *COFFEE[2:]]


@pytest.fixture
def survey(make_survey, make_member, noon):  # noqa: F811
    """A survey that Aigul, who reads Kazakh, is invited to by a pushed screen."""
    make_member(language="kk")
    return make_survey(channels=["ussd"], languages=["kk", "ru"], questions=QUESTIONS)


def push(behave, seconds=30, **options):
    """Send what waits for so many seconds at most, and return how the telephones fared."""
    with serve(restcomm(behave)) as server:
        usual = {"name": "ussd-1", "kind": "ussd", "url": server.url("/restcomm"), "timeout_seconds": 5}
        transport = UssdPushTransport(usual | options)
        try:
            Sender(transport).run(until_idle=True, seconds=seconds)
        finally:
            transport.close()
    return behave


def the_invitation(**fields):
    """The message as the gate would let it through."""
    message = Message.objects.get(message_class="survey")
    given = {"message_id": message.pk, "month": message.month, "subscriber_id": message.subscriber_id}
    shown = {"text": message.text, "language": message.language, "encoding": message.encoding}
    kind = {"channel": message.channel, "message_class": "survey", "kind": "survey"}
    return outgoing(**given | shown | kind | fields)


def hand_over(behave, **fields):
    with serve(restcomm(behave)) as server:
        transport = UssdPushTransport({"name": "ussd-1", "kind": "ussd", "url": server.url("/restcomm")})
        try:
            [outcome] = transport.hand_over([the_invitation(**fields)])
        finally:
            transport.close()
    return outcome


def test_a_whole_survey_in_one_pushed_dialog(survey, now):
    keys = ["1", "7", "1", "00", "1", "0", "2", "1 3", "0", "Дәмі, бағасы"]

    telephone = push(PushGateway(*keys)).telephone

    assert telephone.screens == [
        "SMART «Кофе» сауалнамасы: жауабыңызға 100 бірлік.\n1 Бастау\n2 Кейін",
        "Кофе ішесіз бе?\n1 Иә\n2 Жоқ",
        "Қате.\nКофе ішесіз бе?\n1 Иә\n2 Жоқ",
        telephone.screens[3],
        "Кофе ішесіз бе?\n1 Иә\n2 Жоқ",
        telephone.screens[3],
        telephone.screens[6],
        "Не ұнайды?\n1 Латте\n2 Эспрессо\n3 Раф\nБірнешеуі: 1 3\n00 Артқа",
        "Бізді досыңызға ұсынасыз ба?\n0-10\n00 Артқа",
        "Неге?\n00 Артқа",
    ]
    assert telephone.screens[3].startswith("Қай дүкенге жиі барасыз?\n1 Алматы")
    assert telephone.screens[3].endswith("\n0 Әрі қарай")
    assert telephone.screens[6].endswith("дүкен 3\n00 Артқа")
    assert all(gsm.fits_ussd(screen) for screen in telephone.screens)
    [last] = telephone.notes
    assert last.startswith("Жауаптарыңызға рақмет! Сыйақы: 100 бірлік, 30.11")
    assert telephone.is_released

    response = Response.objects.get()
    assert (response.state, response.channel, response.language, response.units) == ("completed", "ussd", "kk", 100)
    answers = dict(Answer.objects.values_list("question__code", "value"))
    assert answers == {"drinks": 1, "shop": 2, "likes": 0b1010, "score": 0, "why": None}
    assert Grant.objects.get(kind="survey").units == 100
    message = Message.objects.get(message_class="survey")
    assert message.state == "delivered"
    assert Attempt.objects.get().answer == "1*7*1*00*1*0*2*1 3*0*…"  # the words are the survey's alone
    assert violated(now + timedelta(minutes=5)) == set()


@pytest.mark.parametrize("broken", [ABORTED, TIMED_OUT], ids=["aborted", "timed-out"])
def test_a_dialog_broken_off_goes_on_at_the_same_question_by_the_code(survey, gateway, broken):  # noqa: F811
    telephone = push(PushGateway("1", "1", "3", broken)).telephone

    assert telephone.screens[-1].startswith("Не ұнайды?")
    assert Message.objects.get(message_class="survey").state == "delivered"
    assert Response.objects.get().state == "started"
    again = gateway.walk(ONE, survey.code)
    assert again["text"] == telephone.screens[-1]
    last = gateway.walk(ONE, survey.code, "2", "9")
    assert last["text"].startswith("Жауаптарыңызға рақмет! Сыйақы: 100")
    assert Answer.objects.count() == 4
    assert Grant.objects.filter(kind="survey").count() == 1


def test_a_gateway_that_falls_silent_leaves_the_message_delivered(survey):
    class Silent(PushGateway):
        def __call__(self, request):
            return None if len(self.telephones) and self.telephone.screens else super().__call__(request)

    telephone = push(Silent("1")).telephone

    assert telephone.screens[0].endswith("2 Кейін")
    assert Message.objects.get(message_class="survey").state == "delivered"
    assert Attempt.objects.get().answer == "1"
    assert Response.objects.get().asked == "drinks"


@pytest.mark.parametrize("key", ["2", "5", "", "да"])
def test_who_wants_to_answer_later_is_told_the_code(survey, key):
    telephone = push(PushGateway(key)).telephone

    assert telephone.notes == [f"Кейін жауап беруге болады: {survey.code}"]
    assert telephone.is_released
    assert not Response.objects.exists()
    assert Message.objects.get(message_class="survey").state == "delivered"


def test_who_left_while_reading_is_told_and_asked_nothing(survey):
    member = Subscriber.objects.get()
    behave = PushGateway("1", "1")
    behave.before = lambda telephone: len(telephone.screens) == 1 and _leave(member)

    telephone = push(behave).telephone

    assert telephone.notes == ["Сіз SMART-қа қосылмағансыз. Қосылу: *555*1#"]
    assert not Answer.objects.exists()


def _leave(member):
    programme.opt_out(subscriber=member, by="ussd:t", now=clock.now())
    connection.close()


def test_a_survey_that_ended_meanwhile_is_told(survey):
    behave = PushGateway("1", "1")
    behave.before = lambda telephone: len(telephone.screens) == 1 and _cancel(survey)

    assert push(behave).telephone.notes == ["Бұл сауалнама аяқталды. Рақмет!"]


def _cancel(survey):
    lifecycle.cancel(survey=survey, by="staff:asel", now=clock.now())
    connection.close()


def test_last_words_that_need_two_screens_are_turned_too(survey):
    Quota.objects.create(survey=survey, wanted=1)
    behave = PushGateway("1", "1", "0")
    behave.before = lambda telephone: len(telephone.screens) == 1 and _fill_up()

    telephone = push(behave).telephone

    assert Response.objects.get().state == "full"
    assert telephone.screens[-1].endswith("0 Әрі қарай")
    assert f"{telephone.screens[-1]} {telephone.notes[0]}".endswith("бірлік, 30.11 12:00 дейін.")
    assert Grant.objects.get(kind="survey").units == 100


def _fill_up():
    Quota.objects.update(taken=1)
    connection.close()


def test_a_text_asked_on_two_screens_is_kept_out_of_the_attempt(make_survey, make_member, noon):  # noqa: F811
    make_member(language="kk")
    asked = "Біздің қызмет туралы ойыңызды бірнеше сөзбен жазып жіберіңізші, бұл біз үшін өте маңызды"
    make_survey(channels=["ussd"], languages=["kk"], questions=[("why", Kind.TEXT, {"kk": asked}, [], {})])

    telephone = push(PushGateway("1", "0", "Жақсы екен")).telephone

    assert len(telephone.screens) == 3
    assert Answer.objects.get().text == "Жақсы екен"
    assert Attempt.objects.get().answer == "1*…*…"


def test_at_closing_time_nothing_more_is_asked(survey):
    behave = PushGateway("1", "1")

    outcome = hand_over(behave, valid_until=clock.now() + timedelta(seconds=9))

    assert (str(outcome.verdict), outcome.answer) == ("accepted", "1")
    assert behave.telephone.notes == [f"Кейін жауап беруге болады: {survey.code}"]
    assert len(behave.telephone.screens) == 1
    assert Response.objects.get().state == "started"


def test_a_dialog_is_over_before_the_window_closes_and_before_its_sender_is_taken_for_dead(survey):
    behave = PushGateway("1", "1", ABORTED)

    hand_over(behave, valid_until=clock.now() + timedelta(seconds=40))

    assert all(seconds < 38.1 for seconds in behave.telephone.seconds)
    assert len(behave.telephone.seconds) == 3
    assert timedelta(seconds=221) < LEASES["ussd"]
    with pytest.raises(ImproperlyConfigured, match="must not be over 220"):
        UssdPushTransport({"name": "u", "url": "http://127.0.0.1:9/", "dialog_seconds": 221})


def test_a_dialog_that_the_gateway_has_ended_begins_nothing(survey):
    over = '<dialog type="End"><unstructuredSSRequest_Response string="1"/></dialog>'
    behave = PushGateway(over)

    outcome = hand_over(behave)

    assert (str(outcome.verdict), outcome.answer) == ("accepted", "1")
    assert not Response.objects.exists()


def test_an_answer_that_came_with_the_dialogs_end_is_kept(survey):
    over = '<dialog type="End"><unstructuredSSRequest_Response string="1"/></dialog>'

    push(PushGateway("1", over))

    assert Answer.objects.get().value == 1
    assert Response.objects.get().asked == "shop"


def test_an_error_of_ours_ends_it_politely(survey, monkeypatch, caplog):
    def fails(**given):
        raise RuntimeError(ONE)

    monkeypatch.setattr(programme, "answer_survey", fails)

    telephone = push(PushGateway("1", "1")).telephone

    assert telephone.notes == ["SMART бос емес. Бір минуттан кейін қайталаңыз."]
    assert ONE not in caplog.text
    assert Message.objects.get(message_class="survey").state == "delivered"


def test_a_key_taken_once_is_not_taken_again(survey):
    message = the_invitation()
    first = survey_dialogs.converse(message, "1", None)

    moved = survey_dialogs.converse(message, "1", first.state)
    again = survey_dialogs.converse(message, "1", first.state)

    assert again == moved
    assert Answer.objects.count() == 1


def test_a_hint_that_would_need_a_page_where_0_is_an_answer_is_left_out(make_survey, make_member, noon):  # noqa: F811
    make_member(language="kk")
    asked = "Бізді досыңызға ұсынасыз ба? Оннан неше балл қоясыз?"
    make_survey(channels=["ussd"], languages=["kk"], questions=[("s", Kind.SCALE, {"kk": asked}, [], COFFEE[3][4])])

    telephone = push(PushGateway("1", "77", "0")).telephone

    assert not gsm.fits_ussd(f"0-10 аралығындағы сан керек.\n{asked}\n0-10")
    assert telephone.screens[1:] == [f"{asked}\n0-10"] * 2
    assert Answer.objects.get().value == 0


@pytest.mark.parametrize("language", ["kk", "ru", "en"])
def test_last_words_fit_one_screen(language):
    with translation.override(language):
        assert gsm.fits_ussd(survey_dialogs._later(123_456, is_call=False))


def test_64_conversations_at_once_hold_no_connection_while_they_wait(make_survey, make_member, noon):  # noqa: F811
    members = [make_member(language="kk") for _ in range(64)]
    make_survey(channels=["ussd"], languages=["kk"], questions=COFFEE)
    open_ones = []
    together = threading.Barrier(64, action=lambda: open_ones.append(open_connections()))
    behave = PushGateway("1", "1", "0", "10")
    behave.before = lambda telephone: len(telephone.screens) == 2 and together.wait(120)

    # A screen is answered when all 64 are there, which a busy machine takes its time for.
    push(behave, seconds=240, connections=64, timeout_seconds=120)

    assert Response.objects.filter(state="completed").count() == len(members)
    assert Grant.objects.filter(kind="survey").count() == 64
    assert len(behave.telephones) == 64
    # One is the test's own, and one asks; the 64 who are waited for have none.
    assert open_ones[0] <= 2
    assert open_connections() <= 1


def open_connections():
    """How many connections are open to this database, ours excluded."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )
        [count] = cursor.fetchone()
    if threading.current_thread() is not threading.main_thread():
        connection.close()
    return count


def test_what_attempts_keep_of_an_answer():
    asked = conversations.Turn("Неге?", goes_on=True, keys=conversations.Keys.TEXT)

    assert conversations.as_kept("өзім білемін", asked) == "…"
    number = conversations.as_kept(ONE, conversations.Turn("Қанша?", goes_on=True, keys=conversations.Keys.DIGITS))
    assert ONE not in number
    assert conversations.kept(["1", "00", "5"]) == "1*00*5"
    assert len(conversations.kept(["1 2 3"] * 100)) == 182
