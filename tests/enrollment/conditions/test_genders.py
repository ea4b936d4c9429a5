"""A member's gender."""

from collections.abc import Callable

import pytest

from enrollment.models import Subscriber
from tests.enrollment.audience import fitting

pytestmark = pytest.mark.django_db


def test_one_of_the_genders_is_enough(member: Callable[..., Subscriber]) -> None:
    first, second = member(gender="f"), member(gender="m")

    assert fitting(genders=["f"]) == {first.pk}
    assert fitting(genders=["f", "m"]) == {first.pk, second.pk}
