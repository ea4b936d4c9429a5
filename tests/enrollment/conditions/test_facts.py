"""What a member told in surveys."""

from collections.abc import Callable

import pytest

from enrollment.models import Fact, Subscriber, SubscriberFact
from tests.enrollment.audience import NOW, fitting

pytestmark = pytest.mark.django_db


def test_a_fact_told_in_a_survey(member: Callable[..., Subscriber]) -> None:
    driver, walker = member(), member()
    car = Fact.objects.create(code="car", label="Has a car", values=["yes", "no"])
    for subscriber, value in ((driver, "yes"), (walker, "no")):
        SubscriberFact.objects.create(subscriber=subscriber, fact=car, value=value, told_at=NOW)

    assert fitting(facts=["car=yes"]) == {driver.pk}
