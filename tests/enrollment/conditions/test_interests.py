"""What a member is interested in."""

from collections.abc import Callable

import pytest

from enrollment.models import Interest, Subscriber
from tests.enrollment.audience import fitting

pytestmark = pytest.mark.django_db


def test_one_of_the_interests_is_enough(member: Callable[..., Subscriber]) -> None:
    bits = dict(Interest.objects.values_list("code", "bit"))
    both, coffee = member(interests=1 << bits["coffee"] | 1 << bits["auto"]), member(interests=1 << bits["coffee"])
    member()

    assert fitting(interests=["coffee", "books"]) == {both.pk, coffee.pk}
    assert fitting(interests=["auto"]) == {both.pk}
