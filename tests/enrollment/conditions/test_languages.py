"""The language a member reads."""

from collections.abc import Callable

import pytest

from enrollment.models import Subscriber
from tests.enrollment.audience import fitting

pytestmark = pytest.mark.django_db


def test_one_of_the_languages_is_enough(member: Callable[..., Subscriber]) -> None:
    first, second = member(language="kk"), member(language="ru")

    assert fitting(languages=["kk"]) == {first.pk}
    assert fitting(languages=["kk", "ru"]) == {first.pk, second.pk}
