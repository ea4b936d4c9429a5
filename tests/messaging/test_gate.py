"""The gate: window, consent, caps, quiet after leaving, pause, epoch (M1-M5, M8)."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from core.lib import clock, zones
from enrollment.models import Channel, Membership
from messaging import outbox, sql
from messaging.models import Attempt, Contact, Message, MessageClass, SendingEpoch, SendingPolicy, Stream
from messaging.sending import gate
from messaging.sending.sender import Sender
from smart import programme
from tests.messaging.conftest import Network, astana, execute, states

pytestmark = pytest.mark.django_db(transaction=True)
BITS = [("offer", "sms", 1), ("offer", "ussd", 2), ("offer", "ivr", 4),
        ("survey", "sms", 8), ("survey", "ussd", 16), ("survey", "ivr", 32)]  # fmt: skip


def claim(now):
    """Claim what is due by SMS, whatever the hour, as no sender would; return it with its fence."""
    fence = sql.next_fence()
    quotas = dict.fromkeys(Stream.objects.values_list("pk", flat=True), 10)
    rows = sql.claim(channel="sms", quotas=quotas, share=(0, 100), fence=fence, lease=now + timedelta(minutes=1),
                     transport="network", now=now)  # fmt: skip
    return [row[:3] for row in rows], fence


def judge(messages, fence):
    return gate.pass_through(messages=messages, fence=fence, transport="network", channel="sms", policy=outbox.policy())


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

    send(seconds=5)

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


@pytest.mark.parametrize(
    ("instant", "held"),
    [
        (astana(23, 9, 50), {"window": 1}),
        (astana(23, 10), {}),
        (astana(23, 20, 40), {}),
        (astana(23, 20, 50), {"window": 1}),
        (astana(23, 21), {"window": 1}),
        (astana(23, 23), {"window": 1}),
    ],
    ids=str,
)
def test_the_gate_itself_keeps_the_window(noon, at, make_member, put, instant, held):
    """M1: whatever a sender has claimed."""
    put(make_member(), not_before=instant - timedelta(minutes=1))
    at(instant)

    assert judge(*claim(instant)).held == held
    assert Attempt.objects.exists() is not bool(held)


def test_a_hand_over_begins_within_two_seconds_of_the_gate(noon, make_member, put, monkeypatch):
    """M1, M2: consent and window were judged then; later they may be others."""
    put(make_member())
    messages, fence = claim(noon)
    monkeypatch.setattr(gate, "time", SimpleNamespace(monotonic=lambda: 1000.0))

    [message] = judge(messages, fence).passed

    assert message.deadline == 1002.0


@pytest.mark.parametrize(("left", "seconds"), [(60.0, 2.0), (2.0, 2.0), (0.5, 0.5), (0.0, 2.0)])
def test_it_begins_before_the_days_last_instant(left, seconds):
    """M1; an answer that leaves at night knows no such instant."""
    latest = astana(23, 20, 50)

    assert gate._seconds_to_hand_over(latest - timedelta(seconds=left), latest) == seconds


@pytest.mark.parametrize(("apart", "is_sound"), [(1, True), (3, False), (-3, False)])
def test_clocks_that_disagree_stop_the_sender(noon, network, monkeypatch, apart, is_sound):
    monkeypatch.setattr(sql, "clock", lambda: clock.machine() + timedelta(seconds=apart))

    if is_sound:
        Sender(network).require()
    else:
        with pytest.raises(gate.ClocksDisagree):
            Sender(network).require()


def test_wrong_zone_data_stops_the_sender(noon, network, settings):
    settings.ASTANA_UTC_OFFSET_HOURS = 6

    with pytest.raises(zones.ZoneDataWrong):
        Sender(network).require()


@pytest.mark.parametrize(("message_class", "channel", "bit"), BITS, ids=str)
def test_consent_is_each_purposes_and_channels_own(noon, make_member, put, send, network, message_class, channel, bit):
    """M2."""
    agreed, all_but_this = make_member(), make_member()
    Membership.objects.filter(subscriber=agreed).update(consents=bit)
    Membership.objects.filter(subscriber=all_but_this).update(consents=63 - bit)
    network.channels = (channel,)
    put(agreed, all_but_this, message_class=message_class, channel=Channel(channel))

    send()

    assert [message.subscriber_id for message in network.handed] == [agreed.pk]
    assert Message.objects.get(subscriber=all_but_this).why == "no_consent"


def test_the_gate_itself_stops_what_was_claimed_before_leaving(noon, make_member, put):
    """M3."""
    person = make_member()
    put(person)
    claimed = claim(noon)
    programme.opt_out(subscriber=person, by="ussd", now=noon)

    assert judge(*claimed).held == {"left": 1}


def test_each_offer_counts_for_its_month(noon, at, make_member, put, send, network):
    """M4: the ninth and the tenth leave, the eleventh does not."""
    person = make_member()
    Contact.objects.create(subscriber=person, month="2026-11-01", offers=8, day="2026-11-22")

    for number in range(3):
        day = noon + timedelta(days=number)
        at(day)
        put(person, origin=f"campaign:{number}", not_before=day - timedelta(minutes=1))
        send()

    assert len(network.handed) == 2
    assert Message.objects.get(state="refused").why == "cap_month"


def test_service_messages_count_for_no_cap(noon, make_member, send, network):
    """M8."""
    person = make_member()
    outbox.announce(kind="bonus_issued", origin="bonus", now=noon, subscribers=[person.pk],
                    values={"units": 500, "days": 30})  # fmt: skip

    send()

    assert len(network.handed) == 1
    assert not Contact.objects.exists()


@pytest.mark.parametrize(("hours", "is_said"), [(23, True), (25, False)])
def test_a_farewell_is_said_within_a_day_or_not_at_all(noon, at, make_member, send, network, hours, is_said):
    """M3, M8."""
    programme.opt_out(subscriber=make_member(), by="ussd", now=noon)
    at(noon + timedelta(hours=hours))

    send()

    assert [message.kind for message in network.handed] == ["left"] * is_said


def test_a_database_that_was_never_confirmed_sends_nothing(noon, make_member, put, send, network):
    SendingEpoch.objects.all().delete()
    put(make_member())

    send(seconds=5)

    assert network.handed == []
    assert Message.objects.get().why == "epoch"


def test_the_latest_epoch_alone_counts(noon, make_member, put, send, network):
    """A copy was confirmed since, and this database came back: a person must say again which one sends."""
    SendingEpoch.objects.create(fingerprint="the copy", confirmed_at=noon, confirmed_by="test", reason="moved")
    put(make_member())

    send(seconds=5)

    assert network.handed == []


def test_a_fingerprint_tells_clusters_timelines_databases_and_sites_apart(noon):
    [[system], [timeline], [database]] = (
        execute(statement)[0]
        for statement in (
            "SELECT system_identifier FROM pg_control_system()",
            "SELECT timeline_id FROM pg_control_checkpoint()",
            "SELECT oid FROM pg_database WHERE datname = current_database()",
        )
    )

    assert sql.fingerprint(site="a") == f"{system}/{timeline}/{database}/a"
    assert sql.fingerprint(site="b") == f"{system}/{timeline}/{database}/b"


@pytest.mark.parametrize(
    "fields", [{"brand": "kcell"}, {"line_status": "terminated"}, {"line_status": "gone"}], ids=str
)
def test_a_line_that_is_no_longer_activ_gets_nothing(noon, make_member, put, send, network, fields):
    """J7."""
    person = make_member()
    put(person)
    type(person).objects.filter(pk=person.pk).update(**fields)

    send()

    assert network.handed == []
    assert Message.objects.get().why == "line_lost"
