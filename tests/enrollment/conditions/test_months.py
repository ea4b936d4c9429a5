"""For how long somebody has been a member."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from enrollment.models import Subscriber
from tests.enrollment.audience import fitting

pytestmark = pytest.mark.django_db


def test_months_of_membership(member: Callable[..., Subscriber]) -> None:
    old = member(joined_at=datetime(2026, 8, 21, 7, tzinfo=UTC))
    new = member(joined_at=datetime(2026, 8, 21, 8, tzinfo=UTC))

    assert fitting(months_from=3) == {old.pk}
    assert fitting(months_to=2) == {new.pk}
