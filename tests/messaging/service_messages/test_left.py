"""The answer to leaving (M8, J5)."""

import pytest

from bonuses import lifecycle as bonuses
from messaging.models import Message
from smart import programme
from tests.bonuses.conftest import enroll

HOME = "40102"

pytestmark = pytest.mark.django_db


def test_joining_activating_and_leaving_are_answered(make_subscriber, now):
    person = make_subscriber(language="kk")

    enroll(person, now)
    bonuses.activate(subscriber=person, visited_plmn=HOME, now=now)
    programme.opt_out(subscriber=person, by="test", now=now)

    assert list(Message.objects.order_by("id").values_list("kind", flat=True)) == ["welcome", "activated", "left"]
    activated = Message.objects.get(kind="activated")
    assert activated.text == "SMART: 500 бірлік қосылды, мерзімі: 30.11 12:00. Қалдық: *111*3#"
    assert (activated.state, activated.why) == ("cancelled", "left")  # it had not left yet
    assert Message.objects.get(kind="left").state == "waiting"


def test_a_lost_line_has_its_messages_cancelled(make_subscriber, now):
    person = make_subscriber()
    enroll(person, now)
    person.brand = "kcell"
    person.save()

    programme.end_lost_memberships(now=now, by="test")

    assert Message.objects.get().why == "line_lost"
