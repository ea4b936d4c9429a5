"""Who has activated this month's bonus."""

import pytest

from bonuses import lifecycle as bonuses
from tests.bonuses.conftest import Member
from tests.enrollment.audience import NOW, fitting

pytestmark = pytest.mark.django_db


def test_a_bonus_activated_now_counts_for_this_month(make_member: Member) -> None:
    member, other = make_member(), make_member()
    bonuses.activate(subscriber=member, visited_plmn="40102", now=NOW)

    assert fitting(traits=["activated_this_month"]) == {member.pk}
    assert fitting(not_traits=["activated_this_month"]) == {other.pk}
    assert fitting(traits=["activated_last_month"]) == set()
