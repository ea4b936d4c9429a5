"""The maths of results against scipy's and ipfn's, against published tables and by hand."""

import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from ipfn.ipfn import ipfn
from scipy.stats import chi2_contingency

from surveys.results import raking, statistics


@pytest.mark.parametrize("rows", [2, 3, 7])
@pytest.mark.parametrize("columns", [2, 5])
@pytest.mark.parametrize("most", [8, 60, 5000])
def test_independence_is_scipy_s(rows: int, columns: int, most: int) -> None:
    table = numpy.random.default_rng([rows, columns, most]).integers(1, most, (rows, columns))
    theirs = chi2_contingency(table, correction=False)

    found = statistics.independence(table.tolist())

    assert found is not None
    assert (found.statistic, found.freedom) == (pytest.approx(theirs.statistic, rel=1e-9), theirs.dof)
    assert found.p == pytest.approx(theirs.pvalue, rel=1e-9)
    assert found.least_expected == pytest.approx(theirs.expected_freq.min())
    assert found.few_expected == pytest.approx((theirs.expected_freq < 5).mean())


def test_a_known_table() -> None:
    """Handedness by gender: 43 9 / 44 4; chi-square 1.7774 without Yates's correction, p 0.182."""
    found = statistics.independence([[43, 44], [9, 4]])

    assert found is not None
    assert found.statistic == pytest.approx(1.7774, abs=1e-4)
    assert (found.freedom, found.p) == (1, pytest.approx(0.1825, abs=1e-4))
    assert not found.is_sure
    assert not found.is_shaky


def test_what_tests_need_is_loaded_by_the_first_test_of_a_process() -> None:
    """Web processes answer key presses too, and few of them ever show a cross-table."""
    code = (
        "import sys; from surveys.results import statistics; print('scipy.special' in sys.modules);"
        "statistics.independence([[1, 2], [2, 1]]); print('scipy.special' in sys.modules, 'scipy.stats' in sys.modules)"
    )

    told = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, check=True, text=True).stdout

    assert told.split() == ["False", "True", "False"]


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


BASE = {(1, 1, "m"): 300, (1, 2, "m"): 200, (2, 1, "f"): 100, (2, 2, "f"): 400}


PROJECT = Path(__file__).resolve().parents[2]
GENDERS = ("m", "f")


def cells(counts: numpy.ndarray) -> dict[raking.Cell, int]:
    """The cells of an array (town × age × gender) in which there is anybody."""
    return {(town, age, GENDERS[at]): int(number) for (town, age, at), number in numpy.ndenumerate(counts) if number}


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


@pytest.mark.parametrize("seed", range(8))
def test_weights_are_ipfn_s_where_none_is_held(seed: int) -> None:
    """Three towns, four ages, two genders, answered by fewer in some cells and by none in a few."""
    random = numpy.random.default_rng(seed)
    members = random.integers(300, 900, (3, 4, 2))
    answers = random.binomial(members, random.uniform(0.05, 0.1, members.shape)) * (random.random(members.shape) > 0.1)
    total = answers.sum()
    wanted = [members.sum(axis=axes) * total / members.sum() for axes in ((1, 2), (0, 2), (0, 1))]
    theirs = ipfn(
        answers.astype(float), wanted, [[0], [1], [2]], convergence_rate=1e-12, max_iteration=1000
    ).iteration()

    found = raking.rake(cells(answers), cells(members))

    assert found.trimmed == 0
    for cell, number in cells(answers).items():
        town, age, gender = cell[0], cell[1], GENDERS.index(cell[2])
        assert number * found.weights[cell] == pytest.approx(theirs[town, age, gender], rel=0.02)
    weights = numpy.divide(theirs, answers, out=numpy.zeros_like(theirs), where=answers > 0)
    assert found.effective == pytest.approx(total**2 / (answers * weights**2).sum(), rel=0.01)


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
