"""The conditions one after the other, and a made-up one that is added for a test."""

from collections.abc import Callable, Iterator

import pytest

from campaigns.models import Partner
from enrollment.audience import registry
from enrollment.audience.condition import Condition
from enrollment.models import Fact, Subscriber
from tests.enrollment.audience import NOW
from tests.registry import ROOT, added

TOY = "campaigns.conditions.redeemed_in"


@pytest.fixture
def toy() -> Iterator[Condition]:
    """The made-up condition, as if its file lay in campaigns/conditions/."""
    with added("campaigns.conditions", ROOT / "tests/campaigns/conditions/toy"):
        registry.conditions.cache_clear()
        yield registry.conditions()[TOY]
    registry.conditions.cache_clear()


@pytest.fixture(params=[*registry.conditions(), TOY])
def condition(request: pytest.FixtureRequest) -> Condition:
    """Each condition in turn; the made-up one last."""
    found: Condition = request.getfixturevalue("toy") if request.param == TOY else registry.conditions()[request.param]
    return found


@pytest.fixture
def things(make_subscriber: Callable[..., Subscriber]) -> None:
    """Something to choose in each list."""
    Partner.objects.create(name="Arbat Coffee", slug="arbat", created_at=NOW)
    Fact.objects.create(code="car", label="Has a car", values=["yes", "no"])
    make_subscriber(tariff="ACT-NET-5")
