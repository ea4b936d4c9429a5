"""Units will lapse within a day (M8, B5)."""

from datetime import timedelta

import pytest

from bonuses import lifecycle as bonuses
from bonuses.models import Grant
from messaging import outbox
from messaging.models import Message
from tests.bonuses.conftest import enroll
from tests.messaging.conftest import astana

HOME = "40102"

pytestmark = pytest.mark.django_db


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


def test_what_would_be_over_before_the_window_opens_is_not_made(make_subscriber, now):
    person = make_subscriber()
    lapse = {"subscribers": [person.pk], "values": {"units": 5, "lapse": "24.11 09:00"}, "now": astana(23, 23)}

    told = outbox.announce(kind="bonus_lapses", origin="early", not_after=astana(24, 9), **lapse)

    assert told == 0
    assert outbox.announce(kind="bonus_lapses", origin="late", not_after=astana(24, 11), **lapse) == 1
