"""Where a member lives."""

from collections.abc import Callable

import pytest

from enrollment.models import Subscriber, Town
from tests.enrollment.audience import fitting

pytestmark = pytest.mark.django_db


def town(code: str) -> Town:
    return Town.objects.get(code=code)


def test_towns_and_regions_add_up(member: Callable[..., Subscriber]) -> None:
    almaty, astana, temirtau = (member(town=town(code)) for code in ("almaty", "astana", "temirtau"))
    member(town=None)
    region = town("temirtau").region_id

    assert fitting(towns=["almaty"]) == {almaty.pk}
    assert fitting(towns=["almaty"], regions=[region]) == {almaty.pk, temirtau.pk}
    assert astana.pk not in fitting(regions=[region])
