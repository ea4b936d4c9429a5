"""The tariff of a member's line."""

from collections.abc import Callable

import pytest

from enrollment.models import Subscriber
from tests.enrollment.audience import fitting

pytestmark = pytest.mark.django_db


def test_one_of_the_tariffs_is_enough(member: Callable[..., Subscriber]) -> None:
    first, second = member(tariff="ACT-NET-5"), member(tariff="OTHER")

    assert fitting(tariffs=["ACT-NET-5"]) == {first.pk}
    assert fitting(tariffs=["ACT-NET-5", "OTHER"]) == {first.pk, second.pk}
