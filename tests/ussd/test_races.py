"""Many dials of one subscriber at the same instant (B3, J2)."""

from collections.abc import Callable

import pytest
from django.conf import LazySettings

from bonuses.models import Grant
from enrollment.models import Membership, Subscriber
from tests.races import race
from tests.ussd.conftest import Gateway

pytestmark = pytest.mark.django_db(transaction=True)
ANNA = "77010000001"


@pytest.fixture(autouse=True)
def _no_hurry(settings: LazySettings) -> None:
    """On a busy machine 64 dials that wait for one row take longer than a gateway does."""
    settings.USSD_DEADLINE_SECONDS = 60.0


def test_64_dials_at_once_make_one_activation(gateway: Gateway, make_subscriber: Callable[..., Subscriber]) -> None:
    make_subscriber(language="en")
    gateway.walk(ANNA, "*555*1#", "1")

    replies = race(*[lambda: gateway.walk(ANNA, "*555*00#")["text"]] * 64)

    assert sum(text.startswith("500 units until") for text in replies) == 1
    assert sum(text.startswith("The bonus is activated already. Left: 500") for text in replies) == 63
    assert Grant.objects.get().state == Grant.State.ACTIVE


def test_64_joins_at_once_make_one_membership(gateway: Gateway, make_subscriber: Callable[..., Subscriber]) -> None:
    make_subscriber(language="en")

    for number in range(64):
        gateway.step(f"s{number}", ANNA, 1, dialed="*555*1#")

    replies = race(*[lambda n=n: gateway.step(f"s{n}", ANNA, 2, input="1")["text"] for n in range(64)])

    assert sum(text.startswith("You are in SMART!") for text in replies) == 1
    assert Membership.objects.count() == Grant.objects.count() == 1
