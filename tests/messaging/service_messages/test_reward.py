"""The answer to a survey's last answer (M8)."""

import pytest

from bonuses import lifecycle as bonuses
from messaging.models import Message
from tests.bonuses.conftest import enroll

pytestmark = pytest.mark.django_db


def test_a_reward_is_told(make_subscriber, now):
    person = make_subscriber()
    enroll(person, now)

    bonuses.reward(subscriber=person, source="survey:1", now=now)
    bonuses.reward(subscriber=person, source="survey:1", now=now)

    assert list(Message.objects.order_by("id").values_list("kind", flat=True)) == ["welcome", "reward"]
