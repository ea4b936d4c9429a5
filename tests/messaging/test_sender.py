"""Once or at least once, fences, leases, receipts, fairness (M8, M9)."""

import threading
from datetime import timedelta
from itertools import count

import pytest
from django.db import InternalError, connection, transaction
from django.db.utils import IntegrityError

from core.lib import clock
from messaging import outbox, receipts, sql
from messaging.channels.base import Outcome, Verdict
from messaging.models import Attempt, Contact, Message, MessageClass, Receipt, Stream, TransportHealth
from messaging.receipts import Report
from messaging.sending.sender import Sender
from tests.messaging.conftest import Network, states

pytestmark = pytest.mark.django_db(transaction=True)


def die_after_the_gate(network: Network) -> None:
    """A sender that gets its messages through the gate and then hears no more of."""

    def killed(batch):
        raise SystemExit

    network.hand_over = killed
    with pytest.raises(SystemExit):
        Sender(network).run(until_idle=True)


def announce(person, noon, kind="bonus_issued"):
    return outbox.announce(kind=kind, subscribers=[person.pk], values={"units": 500, "days": 30}, origin=kind, now=noon)


def test_an_offer_is_never_repeated_after_a_crash(noon, make_member, put, send, network):
    put(make_member())
    die_after_the_gate(Network("dying"))

    outbox.sweep(now=noon + timedelta(minutes=2))
    send()

    assert network.handed == []
    assert states() == {"unknown": 1}


def test_a_service_message_is_repeated_once_with_the_same_reference(noon, at, make_member, send, network):
    announce(make_member(), noon)
    network.answer = lambda message: Outcome(message, Verdict.UNCERTAIN)

    send()
    send()

    assert [message.reference for message in network.handed] == [network.handed[0].reference] * 2
    assert states() == {"unknown": 1}


def test_a_service_message_whose_senders_die_is_repeated_once(noon, at, make_member, send, network):
    """M9."""
    announce(make_member(), noon)
    for minutes in (2, 4):
        die_after_the_gate(Network("dying"))
        at(noon + timedelta(minutes=minutes))
        outbox.sweep(now=noon + timedelta(minutes=minutes))

    send()

    assert (network.handed, states()) == ([], {"unknown": 1})


def test_what_died_before_the_gate_goes_again(noon, make_member, put, send, network):
    put(make_member())
    lease = noon + timedelta(seconds=30)
    sql.claim(channel="sms", quotas={Stream.objects.get().pk: 5}, share=(0, 100), fence=sql.next_fence(),
              lease=lease, transport="dead", now=noon)  # fmt: skip

    outbox.sweep(now=noon)
    assert states() == {"claimed": 1}
    outbox.sweep(now=lease)
    send()

    assert len(network.handed) == 1


def test_an_unknown_is_closed_at_its_validity_and_a_receipt_resolves_it(noon, make_member, put, network):
    put(*(make_member() for _ in range(2)))
    network.answer = lambda message: Outcome(message, Verdict.UNCERTAIN)
    Sender(network).run(until_idle=True)
    delivered, silent = Message.objects.order_by("id")
    receipts.store([Report("network", "delivered", message_id=delivered.pk, message_month=delivered.month)], now=noon)

    outbox.sweep(now=noon + timedelta(days=1))

    assert Message.objects.get(pk=delivered.pk).state == "delivered"
    closed = Message.objects.get(pk=silent.pk)
    assert (closed.state, closed.why) == ("unreported", "uncertain")


def test_a_network_that_can_be_asked_is_asked_about_silence(noon, at, make_member, put, network):
    put(make_member())
    network.answer = lambda message: Outcome(message, Verdict.ACCEPTED, ("n1",))
    Sender(network).run(until_idle=True)
    at(noon + timedelta(hours=9, minutes=1))  # its validity is over
    network.query = {"n1": "delivered"}.get

    Sender(network).run(until_idle=True)

    assert states() == {"delivered": 1}


def test_a_late_sender_changes_nothing_after_the_sweep(noon, make_member, put, network):
    put(make_member())
    die_after_the_gate(Network("slow"))
    message = Message.objects.get()
    outbox.sweep(now=noon + timedelta(minutes=2))
    outbox.sweep(now=noon + timedelta(days=1))

    marked = sql.mark(
        fence=message.fence,
        told=[(message.month, message.pk, "accepted", "", "", 0.0, False, noon)],
        now=noon + timedelta(days=1),
    )

    assert marked == 0
    assert Message.objects.get().state == "unreported"


def test_a_late_sender_changes_nothing_of_what_another_holds(noon, make_member, network):
    """M9: the fence of a claim that was swept is no key to the next claim."""
    announce(make_member(), noon)
    die_after_the_gate(Network("slow"))
    swept = Message.objects.get()
    outbox.sweep(now=noon + timedelta(minutes=2))
    sql.claim(channel="sms", quotas={swept.stream_id: 5}, share=(0, 100), fence=sql.next_fence(),
              lease=noon + timedelta(minutes=5), transport="next", now=noon + timedelta(minutes=2))  # fmt: skip

    marked = sql.mark(fence=swept.fence, told=[(swept.month, swept.pk, "accepted", "", "", 0.0, False, noon)], now=noon)

    assert marked == 0
    assert states() == {"claimed": 1}


def test_what_may_have_left_is_not_repeated_and_keeps_its_contact(noon, make_member, put, send, network):
    """M4, M9."""
    put(make_member())
    network.answer = lambda message: Outcome(message, Verdict.UNCERTAIN)

    send()

    assert (len(network.handed), states()) == (1, {"unknown": 1})
    assert Contact.objects.get().offers == 1


def test_a_throttled_message_waits_and_gives_its_contact_back(noon, at, make_member, put, send, network):
    put(make_member())
    network.answer = lambda message: Outcome(message, Verdict.RETRY, retry_after=60, error="throttled")

    send()

    message = Message.objects.get()
    assert (message.state, message.why) == ("waiting", "retry")
    assert Contact.objects.get().offers == 0
    at(noon + timedelta(seconds=61))
    network.answer = lambda message: Outcome(message, Verdict.ACCEPTED)
    send()
    assert states() == {"submitted": 1}
    assert sorted(Attempt.objects.values_list("outcome", flat=True)) == ["accepted", "retry"]


def test_nobody_is_rung_more_than_three_times_for_one_message(noon, at, make_member, put, send, network):
    """Busy or not answered; a network that is full has rung nobody, and counts for nothing."""
    put(make_member())
    errors = ["busy", "congestion", "no_answer", "congestion", "busy"]

    for number, error in enumerate(errors):
        assert states() == {"waiting": 1}
        at(noon + number * timedelta(minutes=31))
        network.answer = lambda message, error=error: Outcome(message, Verdict.RETRY, retry_after=1800, error=error)
        send()

    message = Message.objects.get()
    assert (message.state, message.why, message.ended_at is not None) == ("failed", "not_reached", True)
    assert Attempt.objects.count() == len(errors)
    assert Contact.objects.get().offers == 0  # nothing was said, so it is not counted


def test_a_rejected_message_has_failed_with_the_networks_word(noon, make_member, put, send, network):
    put(make_member())
    network.answer = lambda message: Outcome(message, Verdict.REJECTED, error="smpp:0x0b")

    send()

    assert states() == {"failed": 1}
    assert Attempt.objects.get().error == "smpp:0x0b"


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize("is_early", [True, False], ids=["before-its-id-is-known", "after"])
def test_receipts_early_twice_and_for_unknown_ids(noon, make_member, put, send, network, times, is_early):
    put(make_member())
    message = Message.objects.get()

    def report():
        for _ in range(times):
            receipts.store([Report("network", "delivered", network_id=str(message.pk))], now=noon)
        receipts.store([Report("network", "delivered", network_id="nobodys")], now=noon)
        receipts.match(now=noon)

    if is_early:
        report()
    send()
    if not is_early:
        report()
    receipts.match(now=noon)

    assert states() == {"delivered": 1}
    assert Receipt.objects.filter(matched_at=None).count() == 1


def test_a_receipt_that_names_our_message_before_it_is_marked_is_not_lost(noon, make_member, put, network):
    put(make_member())
    message = Message.objects.get()

    def report_first(outgoing):
        receipts.store([Report("network", "delivered", message_id=message.pk, message_month=message.month)], now=noon)
        receipts.match(now=noon)
        return Outcome(outgoing, Verdict.ACCEPTED)

    network.answer = report_first
    Sender(network).run(until_idle=True)
    receipts.match(now=noon)

    assert states() == {"delivered": 1}


@pytest.mark.parametrize(
    ("age", "is_thorough", "is_found"),
    [
        (timedelta(minutes=9), False, True),
        (timedelta(minutes=11), False, False),
        (timedelta(minutes=11), True, True),
        (timedelta(days=3, minutes=1), True, False),
    ],
)
def test_a_receipt_is_looked_at_for_ten_minutes_and_thoroughly_for_three_days(
    noon, make_member, put, send, age, is_thorough, is_found
):
    """Receipts of nobody, thousands of them, must not be looked up every second for good."""
    put(make_member())
    send()
    message = Message.objects.get()
    report = Report("network", "delivered", message_id=message.pk, message_month=message.month)
    receipts.store([report], now=noon - age)

    assert receipts.match(now=noon, is_thorough=is_thorough) == is_found


def test_a_message_of_parts_is_delivered_when_all_are(noon, make_member, put, send, network):
    put(make_member())
    network.answer = lambda message: Outcome(message, Verdict.ACCEPTED, ("p1", "p2"))
    send()

    receipts.store([Report("network", "delivered", network_id="p1")], now=noon)
    receipts.match(now=noon)
    assert states() == {"submitted": 1}
    receipts.store([Report("network", "delivered", network_id="p2")], now=noon)
    receipts.match(now=noon)

    assert states() == {"delivered": 1}


def test_one_part_that_failed_is_enough(noon, make_member, put, send, network):
    put(make_member())
    network.answer = lambda message: Outcome(message, Verdict.ACCEPTED, ("p1", "p2"))
    send()

    receipts.store([Report("network", "undelivered", network_id="p2")], now=noon)
    receipts.match(now=noon)

    assert states() == {"undelivered": 1}


def test_service_before_surveys_before_offers(noon, make_member, put, network):
    people = [make_member() for _ in range(3)]
    put(people[0])
    put(people[1], message_class="survey")
    announce(people[2], noon)

    Sender(network).run(until_idle=True)

    assert [message.message_class for message in network.handed] == ["service", "survey", "offer"]


def test_no_campaign_starves_another(noon, make_member, put, network):
    great = Stream.objects.create(code="great", message_class=MessageClass.OFFER)
    small = Stream.objects.create(code="small", message_class=MessageClass.OFFER)
    people = [make_member() for _ in range(12)]
    put(*people[:10], stream=great, origin="campaign:great")
    put(*people[10:], stream=small, origin="campaign:small")
    network.batch = 4

    Sender(network).step()

    assert len(network.handed) == 4
    assert sum(message.subscriber_id in {person.pk for person in people[10:]} for message in network.handed) == 2


def test_a_paced_stream_keeps_its_rate(noon, at, make_member, put, network):
    stream = Stream.objects.create(code="paced", message_class=MessageClass.OFFER, rate_per_minute=60)
    put(*(make_member() for _ in range(10)), stream=stream)
    sender = Sender(network)

    sender.step()
    assert len(network.handed) == 1  # a second's worth
    at(noon + timedelta(minutes=1))
    sender.step()
    assert len(network.handed) == 3  # two seconds' worth at most, however long nothing was sent


def test_who_sends_in_turns_is_not_idle_while_a_stream_is_paced(noon, monkeypatch, make_member, put, network):
    stream = Stream.objects.create(code="paced", message_class=MessageClass.OFFER, rate_per_minute=60)
    put(*(make_member() for _ in range(5)), stream=stream)
    readings = count()
    monkeypatch.setattr(clock, "_source", lambda: noon + timedelta(milliseconds=250) * next(readings))

    Sender(network).run(until_idle=True, seconds=20)

    assert len(network.handed) == 5


def test_a_sender_tells_how_its_transport_is(noon, make_member, put, network, send):
    put(make_member())

    send()

    health = TransportHealth.objects.get()
    assert (health.name, health.is_up, health.channels) == ("network", True, ["sms"])


def test_a_final_state_never_goes_back(noon, make_member, put):
    put(make_member())
    Message.objects.update(state="cancelled", why="cancelled", ended_at=noon)

    with pytest.raises((InternalError, IntegrityError)), transaction.atomic():
        Message.objects.update(state="waiting", why="", ended_at=None)


@pytest.mark.parametrize(
    "change",
    [{"state": "claimed"}, {"state": "expired", "ended_at": None}, {"segments": 0}, {"purpose": "surveys"}],
    ids=str,
)
def test_the_database_refuses_what_no_message_may_be(noon, make_member, put, change):
    put(make_member())

    with pytest.raises((IntegrityError, InternalError)), transaction.atomic():
        Message.objects.update(**change)


def test_the_tenth_message_raced_by_eight_senders(noon, make_member, put):
    """M4: eight senders, ten offers for each of twenty members who had nine: one leaves to each."""
    people = [make_member() for _ in range(20)]
    for person in people:
        Contact.objects.create(subscriber=person, month="2026-11-01", offers=9, day="2026-11-22")
    for number in range(10):
        put(*people, origin=f"campaign:{number}")
    networks = [Network(f"n{number}", batch=25) for number in range(8)]
    start = threading.Barrier(8)

    def race(network: Network) -> None:
        start.wait()
        try:
            Sender(network).run(until_idle=True)
        finally:
            connection.close()

    threads = [threading.Thread(target=race, args=[network]) for network in networks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    reached = [message.subscriber_id for network in networks for message in network.handed]
    assert sorted(reached) == sorted(person.pk for person in people)
    assert set(Contact.objects.values_list("offers", flat=True)) == {10}
