"""Who activated last month's bonus."""

from datetime import UTC, date, datetime, timedelta

import pytest

from bonuses.models import Grant
from tests.bonuses.conftest import Member
from tests.enrollment.audience import fitting

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("month", "is_activated", "is_fitting"),
    [
        (date(2026, 10, 1), True, True),
        (date(2026, 10, 1), False, False),
        (date(2026, 9, 1), True, False),
    ],
    ids=["last month", "last month's is not activated", "the month before"],
)
def test_whether_last_months_bonus_was_activated(
    make_member: Member, month: date, is_activated: bool, is_fitting: bool
) -> None:
    member = make_member()
    terms, at = Grant.objects.get().terms, datetime(month.year, month.month, 5, tzinfo=UTC)
    lived = {"activated_at": at, "expires_at": at + timedelta(days=7)} if is_activated else {}
    Grant.objects.create(
        month=month, subscriber=member, kind="monthly", terms=terms, units=500, remaining=0,
        state="expired" if is_activated else "cancelled", issued_at=at, activate_by=at + timedelta(days=20),
        closed_at=at + timedelta(days=21), **lived,
    )  # fmt: skip

    assert (member.pk in fitting(traits=["activated_last_month"])) is is_fitting
    assert (member.pk in fitting(not_traits=["activated_last_month"])) is not is_fitting
