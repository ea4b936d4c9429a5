"""A member's age in whole years."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest

from enrollment.models import Subscriber
from tests.enrollment.audience import fitting

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("born", "low", "high", "fits"),
    [
        (date(2008, 11, 21), 18, None, True),
        (date(2008, 11, 22), 18, None, False),
        (date(1990, 11, 21), None, 35, False),
        (date(1990, 11, 22), None, 35, True),
        (None, 18, None, False),
        (None, None, 35, False),
        (None, None, None, True),
    ],
    ids=["18 today", "18 tomorrow", "36 today", "36 tomorrow", "unknown, at least", "unknown, at most", "not asked"],
)
def test_ages_are_whole_years_on_the_day(
    member: Callable[..., Subscriber], born: date | None, low: int | None, high: int | None, fits: bool
) -> None:
    somebody = member(birth_date=born)

    assert fitting(age_from=low, age_to=high) == ({somebody.pk} if fits else set())


def test_who_was_born_on_29_february_is_a_year_older_on_1_march(member: Callable[..., Subscriber]) -> None:
    leapling = member(birth_date=date(2008, 2, 29))

    for now, fits in ((datetime(2026, 2, 28, 7, tzinfo=UTC), False), (datetime(2026, 3, 1, 7, tzinfo=UTC), True)):
        assert (leapling.pk in fitting(now, age_from=18)) is fits


def test_on_29_february_nobody_is_a_day_older_than_he_is(member: Callable[..., Subscriber]) -> None:
    """M7: there was no such day eighteen years ago; who is born on 1 March is not 18 yet."""
    leap_day = datetime(2028, 2, 29, 7, tzinfo=UTC)
    of_age, tomorrow = member(birth_date=date(2010, 2, 28)), member(birth_date=date(2010, 3, 1))

    assert fitting(leap_day, age_from=18) == {of_age.pk}
    assert fitting(leap_day, age_to=17) == {tomorrow.pk}


def test_the_day_on_which_somebody_is_how_old_is_astanas(member: Callable[..., Subscriber]) -> None:
    """M7: 01:00 of the 22nd in Astana is still the 21st in UTC."""
    birthday = member(birth_date=date(2008, 11, 22))

    assert fitting(datetime(2026, 11, 21, 20, tzinfo=UTC), age_from=18) == {birthday.pk}
