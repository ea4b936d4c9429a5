"""Members with the fields that audiences ask for."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from enrollment.models import Subscriber
from tests.bonuses.conftest import enroll
from tests.enrollment.audience import NOW


@pytest.fixture
def member(make_subscriber: Callable[..., Subscriber]) -> Callable[..., Subscriber]:
    """A member who joined at `joined_at`, with these fields."""
    numbers = iter(range(10, 99))

    def make(joined_at: datetime = NOW, **fields: Any) -> Subscriber:
        subscriber = make_subscriber(msisdn=f"770100000{next(numbers)}", **fields)
        enroll(subscriber, joined_at)
        return subscriber

    return make
