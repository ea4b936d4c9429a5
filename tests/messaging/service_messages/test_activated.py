"""The answer to an activation (M8, B2)."""

import pytest

from bonuses import lifecycle as bonuses
from messaging import outbox
from messaging.models import Message
from tests.bonuses.conftest import enroll
from tests.messaging.conftest import astana

pytestmark = pytest.mark.django_db


def test_who_activates_is_not_told_afterwards_to_activate(make_subscriber, now):
    """B2: the month's message waits for ten o'clock, `*555*00#` does not."""
    person = make_subscriber()
    enroll(person, now)
    midnight = astana(1, 0, 1, month=12)
    outbox.make_partitions(now=midnight)
    bonuses.issue_month(now=midnight)
    bonuses.announce_month(now=midnight)

    bonuses.activate(subscriber=person, visited_plmn="40102", now=astana(1, 9, 59, month=12))

    told = Message.objects.get(kind="bonus_issued")
    assert (told.state, told.why) == ("cancelled", "known")
    assert Message.objects.get(kind="activated").state == "waiting"
