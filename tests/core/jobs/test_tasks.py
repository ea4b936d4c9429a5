"""Tasks that nothing but beat calls."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.sessions.models import Session

from core.lib import clock
from enrollment.models import Membership, Subscriber
from smart import programme, tasks
from tests.bonuses.conftest import enroll

pytestmark = pytest.mark.django_db


def test_memberships_of_lost_lines_are_ended_once_a_day(
    make_subscriber: Callable[..., Subscriber], now: datetime
) -> None:
    """J7."""
    stays, lost = make_subscriber(), make_subscriber()
    for person in (stays, lost):
        enroll(person, now)
    Subscriber.objects.filter(pk=lost.pk).update(brand="kcell")

    ended = [programme.end_lost_memberships_daily(now=now, by="test") for _ in range(2)]

    assert ended == [1, None]
    assert Membership.objects.get(left_at=None).subscriber == stays


def test_sign_ins_that_have_expired_are_forgotten() -> None:
    for key, hours in (("expired", -1), ("lasting", 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=clock.machine() + timedelta(hours=hours))

    tasks.forget_sign_ins()

    assert Session.objects.get().session_key == "lasting"
