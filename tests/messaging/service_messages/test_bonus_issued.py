"""The month's bonus is there to be activated (M8)."""

from datetime import timedelta

import pytest

from bonuses import lifecycle as bonuses
from messaging import outbox
from messaging.models import Message
from tests.bonuses.conftest import enroll
from tests.messaging.conftest import astana

pytestmark = pytest.mark.django_db


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
