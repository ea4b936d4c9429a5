"""The answer to joining (M8)."""

import pytest

from messaging.models import Message
from tests.bonuses.conftest import enroll

pytestmark = pytest.mark.django_db


def test_who_joins_is_welcomed_at_once_in_the_language_that_is_read(make_subscriber, now):
    person = make_subscriber(language="en")

    enroll(person, now)

    welcome = Message.objects.get()
    assert welcome.text == "Welcome to SMART! 500 units a month for free. Activate: *555*00#. Leave: *555*2#"
    assert (welcome.kind, welcome.reason, welcome.not_before, welcome.why) == ("welcome", "joined", now, "")
