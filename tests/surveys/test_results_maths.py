"""The maths of results against published tables and by hand."""

import pytest

from smart.lib import intervals
from surveys.results import raking, statistics


# NIST/SEMATECH e-Handbook 1.3.6.7.4: upper critical values of the chi-square distribution.
@pytest.mark.parametrize(
    ("freedom", "tail", "value"),
    [
        (1, 0.10, 2.706), (1, 0.05, 3.841), (1, 0.001, 10.828), (2, 0.05, 5.991), (4, 0.01, 13.277), (9, 0.05, 16.919),
        (10, 0.001, 29.588), (30, 0.05, 43.773), (50, 0.01, 76.154), (100, 0.05, 124.342),
    ],
)  # fmt: skip
def test_the_tail_of_chi_square_is_the_table_s(freedom: int, tail: float, value: float) -> None:
    assert statistics.chance(value, freedom) == pytest.approx(tail, rel=2e-3)


def test_the_tail_is_exact_where_it_has_a_formula() -> None:
    """Two degrees of freedom: exp(-x / 2)."""
    for value in (0.01, 1.0, 3.0, 10.0, 60.0):
        assert statistics.chance(value, 2) == pytest.approx(2.718281828459045 ** (-value / 2), rel=1e-10)


def test_a_known_table() -> None:
    """Handedness by gender: 43 9 / 44 4; chi-square 1.7774 without Yates's correction, p 0.182."""
    found = statistics.independence([[43, 44], [9, 4]])

    assert found is not None
    assert found.statistic == pytest.approx(1.7774, abs=1e-4)
    assert (found.freedom, found.p) == (1, pytest.approx(0.1825, abs=1e-4))
    assert not found.is_sure
    assert not found.is_shaky


def test_few_expected_are_warned_of() -> None:
    found = statistics.independence([[3, 0], [1, 4]])

    assert found is not None
    assert found.is_shaky


def test_empty_rows_and_columns_count_for_nothing() -> None:
    full, padded = (
        statistics.independence([[10, 20], [20, 10]]),
        statistics.independence([[10, 0, 20], [0, 0, 0], [20, 0, 10]]),
    )

    assert full == padded
    assert statistics.independence([[10, 20], [0, 0]]) is None
    assert statistics.independence([]) is None


def test_weighting_makes_nothing_surer() -> None:
    """The same table, of as many answers and of half of them."""
    table = [[60, 40], [40, 60]]
    found, half = statistics.independence(table), statistics.independence(table, effective=100)

    assert found is not None
    assert half is not None
    assert half.statistic == pytest.approx(found.statistic / 2)
    assert half.p > found.p


def test_nps_by_hand() -> None:
    """60 promoters, 20 detractors of 100: 40, and 1.96·√((0.6 + 0.2 − 0.16) / 100) = 15.68 on each side."""
    assert intervals.nps(60, 20, 100) == (
        pytest.approx(40), pytest.approx(40 - 15.68, abs=0.01), pytest.approx(40 + 15.68, abs=0.01)
    )  # fmt: skip


def test_a_mean_by_hand() -> None:
    """1 2 3 4 5: 3, its standard error √(2.5 / 5)."""
    middle, low, high = intervals.mean(15, 55, 5)

    assert middle == 3
    assert (high - middle, middle - low) == (pytest.approx(1.3859, abs=1e-4), pytest.approx(1.3859, abs=1e-4))


BASE = {(1, 1, "m"): 300, (1, 2, "m"): 200, (2, 1, "f"): 100, (2, 2, "f"): 400}


def margins(cells: dict, weights: dict) -> list[dict]:
    found: list[dict] = [{}, {}, {}]
    for cell, number in cells.items():
        for place in range(3):
            found[place][cell[place]] = found[place].get(cell[place], 0) + number * weights.get(cell, 1)
    return found


def test_raked_answers_have_the_members_margins() -> None:
    answered = {(1, 1, "m"): 40, (1, 2, "m"): 30, (2, 1, "f"): 10, (2, 2, "f"): 20}

    found = raking.rake(answered, BASE)

    assert found.converged
    wanted = margins(BASE, {})
    for place, parts in enumerate(margins(answered, dict(found.weights))):
        for part, weighed in parts.items():
            assert weighed == pytest.approx(100 * wanted[place][part] / 1000, abs=0.1)
    assert sum(number * found.weights[cell] for cell, number in answered.items()) == pytest.approx(100)
    assert found.effective < 100


def test_answers_that_fit_already_weigh_one_and_lose_nothing() -> None:
    found = raking.rake({cell: number // 10 for cell, number in BASE.items()}, BASE)

    assert {round(one, 9) for one in found.weights.values()} == {1.0}
    assert found.effective == pytest.approx(100)


def test_nobody_speaks_for_more_than_five() -> None:
    """One man of half the members' town: the weight is held, and what does not fit is said."""
    found = raking.rake({(1, 1, "m"): 1, (2, 1, "f"): 99}, {(1, 1, "m"): 500, (2, 1, "f"): 500})

    assert max(found.weights.values()) == raking.MOST
    assert not found.converged
    assert found.off == pytest.approx(0.45, abs=0.01)
    assert found.trimmed == 1


def test_kish_of_a_weight_is_by_hand() -> None:
    """Weights 1 1 4: 36 / 18."""
    assert statistics.kish(6, 18) == 2


def test_parts_of_which_nobody_answered_are_named() -> None:
    found = raking.rake({(1, 1, "m"): 10, (3, 1, "m"): 10}, {(1, 1, "m"): 50, (2, 1, "f"): 50})

    assert set(found.empty) == {(0, 2), (2, "f")}
    assert found.strangers == ((0, 3),)


def test_nobody_to_weigh_is_no_division_by_nothing() -> None:
    assert raking.rake({}, BASE).weights == {}
    assert raking.rake({(1, 1, "m"): 10}, {}).weights == {}
