"""What the programme says of itself, when it says it, and to whom (M8, J5, B5)."""

from datetime import timedelta

import pytest

from bonuses import lifecycle as bonuses
from bonuses.models import Grant
from messaging import outbox
from messaging.models import Message
from smart import programme
from tests.bonuses.conftest import enroll
from tests.messaging.conftest import astana

pytestmark = pytest.mark.django_db
HOME = "40102"


def kinds_of(person):
    return list(Message.objects.filter(subscriber=person).order_by("id").values_list("kind", flat=True))


def test_joining_activating_and_leaving_are_answered(make_subscriber, now):
    person = make_subscriber(language="kk")

    enroll(person, now)
    bonuses.activate(subscriber=person, visited_plmn=HOME, now=now)
    programme.opt_out(subscriber=person, by="test", now=now)

    assert kinds_of(person) == ["welcome", "activated", "left"]
    activated = Message.objects.get(kind="activated")
    assert activated.text == "SMART: 500 бірлік қосылды, мерзімі: 30.11 12:00. Қалдық: *111*3#"
    assert (activated.state, activated.why) == ("cancelled", "left")  # it had not left yet
    assert Message.objects.get(kind="left").state == "waiting"


def test_the_months_bonus_is_announced_once_from_ten_on(make_subscriber, now):
    old, new = make_subscriber(), make_subscriber()
    enroll(old, now)
    midnight = astana(1, 0, 1, month=12)
    enroll(new, midnight - timedelta(seconds=30))  # joined in December: told by the welcome
    outbox.make_partitions(now=midnight)

    assert bonuses.announce_month(now=midnight) is None  # not before the issue is done
    bonuses.issue_month(now=midnight)
    assert bonuses.announce_month(now=midnight) == 1
    assert bonuses.announce_month(now=midnight + timedelta(minutes=1)) is None

    told = Message.objects.get(kind="bonus_issued")
    assert (told.subscriber_id, told.not_before, told.why) == (old.pk, astana(1, 10, month=12), "window")


def test_who_activates_is_not_told_afterwards_to_activate(make_subscriber, now):
    """B2: the month's message waits for ten o'clock, `*555*00#` does not."""
    person = make_subscriber()
    enroll(person, now)
    midnight = astana(1, 0, 1, month=12)
    outbox.make_partitions(now=midnight)
    bonuses.issue_month(now=midnight)
    bonuses.announce_month(now=midnight)

    bonuses.activate(subscriber=person, visited_plmn=HOME, now=astana(1, 9, 59, month=12))

    told = Message.objects.get(kind="bonus_issued")
    assert (told.state, told.why) == ("cancelled", "known")
    assert Message.objects.get(kind="activated").state == "waiting"


def test_what_lapses_tomorrow_is_told_once_with_what_is_left(make_subscriber, now):
    person = make_subscriber()
    enroll(person, now)
    bonuses.activate(subscriber=person, visited_plmn=HOME, now=now)
    Grant.objects.update(remaining=120)

    assert bonuses.announce_lapses(now=now + timedelta(days=3)) == 0
    assert bonuses.announce_lapses(now=now + timedelta(days=6)) == 1
    assert bonuses.announce_lapses(now=now + timedelta(days=6, hours=1)) == 0

    told = Message.objects.get(kind="bonus_lapses")
    assert told.text == "SMART: 120 единиц сгорят 30.11 12:00. Проверить: *111*3#"
    assert told.not_after == now + timedelta(days=7)


def test_a_reward_is_told(make_subscriber, now):
    person = make_subscriber()
    enroll(person, now)

    bonuses.reward(subscriber=person, source="survey:1", now=now)
    bonuses.reward(subscriber=person, source="survey:1", now=now)

    assert kinds_of(person) == ["welcome", "reward"]


def test_a_lost_line_has_its_messages_cancelled(make_subscriber, now):
    person = make_subscriber()
    enroll(person, now)
    person.brand = "kcell"
    person.save()

    programme.end_lost_memberships(now=now, by="test")

    assert Message.objects.get().why == "line_lost"


def test_what_would_be_over_before_the_window_opens_is_not_made(make_subscriber, now):
    person = make_subscriber()
    lapse = {"subscribers": [person.pk], "values": {"units": 5, "lapse": "24.11 09:00"}, "now": astana(23, 23)}

    told = outbox.announce(kind="bonus_lapses", origin="early", not_after=astana(24, 9), **lapse)

    assert told == 0
    assert outbox.announce(kind="bonus_lapses", origin="late", not_after=astana(24, 11), **lapse) == 1
