"""The gate: window, consent, caps, quiet after leaving, pause, epoch (M1-M5, M8)."""

from datetime import timedelta

import pytest

from enrollment.models import Channel, Membership
from messaging import outbox
from messaging.models import Attempt, Contact, Message, MessageClass, SendingEpoch, SendingPolicy, Stream
from smart import programme
from tests.messaging.conftest import Network, astana, states

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_offer_leaves_inside_the_window_with_its_attempt(noon, make_member, put, send, network):
    person = make_member()
    put(person)

    tally = send()

    assert tally.handed == 1
    [handed] = network.handed
    assert (handed.msisdn, handed.text, handed.encoding, handed.segments) == ("77010000001", "Чай -20%", "ucs2", 1)
    assert handed.valid_until == astana(23, 21)  # nothing is delivered after 21:00
    assert Attempt.objects.get().outcome == "accepted"
    assert states() == {"submitted": 1}


@pytest.mark.parametrize(
    ("instant", "channel", "leaves"),
    [
        (astana(23, 9, 59, 59), "sms", False),
        (astana(23, 10), "sms", True),
        (astana(23, 20, 49, 30), "sms", True),
        (astana(23, 20, 50), "sms", False),  # less than ten minutes to be delivered in
        (astana(23, 20, 54, 30), "ussd", True),
        (astana(23, 20, 55), "ussd", False),  # the last claim
        (astana(23, 20, 54, 30), "ivr", True),
        (astana(23, 21), "ussd", False),
        (astana(23, 3), "ivr", False),
    ],
    ids=str,
)
def test_the_window_by_channel(noon, at, make_member, put, send, network, instant, channel, leaves):
    put(make_member(), channel=Channel(channel), not_before=instant - timedelta(minutes=1))
    network.channels = (channel,)
    at(instant)

    send()

    assert bool(network.handed) is leaves
    assert states() == {"submitted" if leaves else "waiting": 1}


@pytest.mark.parametrize("closed", [{"weekdays": [2, 3]}, {"holidays": ["2026-11-23"]}], ids=["weekday", "holiday"])
def test_excluded_days(noon, make_member, put, send, network, closed):
    SendingPolicy.objects.update(**closed)
    put(make_member())

    send()

    assert network.handed == []


def test_only_who_agreed_to_this_purpose_on_this_channel(noon, make_member, put, send, network):
    agreed, refused = make_member(), make_member()
    Membership.objects.filter(subscriber=refused).update(consents=63 - 1)
    put(agreed, refused)

    send()

    assert [message.subscriber_id for message in network.handed] == [agreed.pk]
    assert Message.objects.get(subscriber=refused).why == "no_consent"


def test_nothing_but_the_farewell_after_leaving(noon, make_member, put, send, network):
    person = make_member()
    put(person)

    programme.opt_out(subscriber=person, by="ussd", now=noon)
    send()

    assert [message.kind for message in network.handed] == ["left"]
    assert Message.objects.get(kind="offer").why == "left"


def test_an_offer_made_before_leaving_does_not_reach_who_came_back(noon, make_member, put, send, network):
    person = make_member()
    put(person, now=noon - timedelta(days=2))

    send()

    assert network.handed == []
    assert Message.objects.get().why == "left"


def test_one_offer_a_day(noon, at, make_member, put, send, network):
    person = make_member()
    put(person, origin="campaign:1")
    put(person, origin="campaign:2")

    send()

    assert len(network.handed) == 1
    put_off = Message.objects.get(state="waiting")
    assert (put_off.why, put_off.not_before) == ("cap_day", astana(24, 10))
    at(astana(24, 11))
    send()
    assert len(network.handed) == 2


def test_ten_offers_a_month_and_the_next_month_again(noon, at, make_member, put, send, network):
    person = make_member()
    Contact.objects.create(subscriber=person, month="2026-11-01", offers=10, day="2026-11-22")
    put(person)

    send()

    assert network.handed == []
    assert Message.objects.get().why == "cap_month"
    at(astana(1, 12, month=12))
    put(person, origin="campaign:2", now=astana(1, 12, month=12), not_after=astana(5, 12, month=12))
    send()
    assert len(network.handed) == 1


def test_two_invitations_a_month_beside_the_offers(noon, make_member, put, send, network):
    person = make_member()
    for number in range(3):
        put(person, origin=f"survey:{number}", message_class="survey")
        send()
    put(person)

    send()

    assert [message.message_class for message in network.handed] == ["survey", "survey", "offer"]
    assert Message.objects.get(state="refused").why == "cap_month"


def test_what_a_stream_does_not_carry_expires(noon, at, make_member, put, send):
    stream = Stream.objects.create(code="today-only", message_class=MessageClass.OFFER, is_carried=False)
    put(make_member(), stream=stream)
    at(astana(23, 21, 30))

    ended = outbox.end_waiting(now=astana(23, 21, 30))

    assert ended == 1
    assert Message.objects.get().why == "late"


def test_pause_stops_everything_and_resume_goes_on(noon, make_member, put, send, network):
    put(make_member())
    outbox.pause(by="admin", now=noon)
    send()
    assert network.handed == []

    outbox.resume(by="admin", now=noon)
    send()

    assert len(network.handed) == 1


def test_a_database_without_a_confirmed_epoch_sends_nothing(noon, make_member, put, send, network):
    SendingEpoch.objects.update(fingerprint="another database")
    put(make_member())

    send()

    assert network.handed == []
    assert Message.objects.get().why == "epoch"


def test_answers_leave_at_night_while_they_still_are_answers(noon, at, make_member, send, network):
    person = make_member()
    night = astana(23, 23)
    at(night)
    fresh = {"subscribers": [person.pk], "values": {"units": 500, "lapse": "30.11 23:00"}}
    outbox.announce(kind="activated", origin="activated:1", now=night, **fresh)
    outbox.announce(kind="activated", origin="activated:2", now=night - timedelta(minutes=11), **fresh)
    outbox.announce(kind="bonus_issued", origin="bonus", now=night, subscribers=[person.pk],
                    values={"units": 500, "days": 30})  # fmt: skip

    send()

    assert [message.kind for message in network.handed] == ["activated"]
    assert abs(network.handed[0].valid_until - night - timedelta(minutes=10)) < timedelta(seconds=30)
    stale = Message.objects.get(origin="activated:2")
    assert (stale.state, stale.why, stale.not_before) == ("waiting", "window", astana(24, 10))


def test_what_cannot_wait_for_tomorrow_expires(noon, at, make_member, put, send, network):
    person = make_member()
    put(person, not_after=astana(23, 20, 55))
    at(astana(23, 20, 51))
    outbox.announce(kind="activated", origin="a", now=noon, subscribers=[person.pk], values={"units": 5, "lapse": "x"},
                    not_after=astana(24, 2))  # fmt: skip
    at(astana(24, 1))

    send()

    assert network.handed == []
    assert Message.objects.get(kind="activated").why == "window"
    assert Message.objects.get(kind="activated").state == "expired"


def test_a_line_with_a_new_owner_gets_nothing(noon, make_member, put, send, network):
    person = make_member()
    person.ended_at = noon
    person.save()
    put(person)

    send()

    assert network.handed == []
    assert Message.objects.get().why == "line_lost"


def test_nobody_gets_one_origin_twice(noon, make_member, put):
    person = make_member()

    assert (put(person), put(person)) == (1, 0)


def test_a_transport_that_is_down_claims_nothing(noon, make_member, put, send, network):
    network.is_up = False
    put(make_member())

    send()

    assert states() == {"waiting": 1}


def test_two_transports_share_by_weight(noon, make_member, put, send):
    first, second = Network("a", batch=7), Network("b", batch=7)
    put(*(make_member() for _ in range(20)))
    for transport in (first, second):
        send(transport)  # nobody knows of the other yet: the first takes everything it may
    assert len(first.handed) + len(second.handed) == 20
