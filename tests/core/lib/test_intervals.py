"""95 % intervals against statsmodels' and scipy's, and by hand."""

import numpy
import pytest
from scipy.stats import norm
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

from core.lib import intervals

SHARES = [(0, 1), (1, 1), (0, 30), (3, 30), (15, 30), (30, 30), (7, 5000), (2600, 5000), (999_990, 1_000_000)]


@pytest.mark.parametrize(("taken", "of"), SHARES)
def test_a_share_s_interval_is_wilson_s(taken: int, of: int) -> None:
    rate, low, high = intervals.share(taken, of)

    assert rate == taken / of
    assert (low, high) == pytest.approx(proportion_confint(taken, of, method="wilson"), abs=1e-12)


@pytest.mark.parametrize(("taken", "of"), SHARES)
@pytest.mark.parametrize(("other_taken", "other_of"), SHARES)
def test_a_difference_s_interval_is_newcombe_s(taken: int, of: int, other_taken: int, other_of: int) -> None:
    found = intervals.difference(taken, of, other_taken, other_of)

    theirs = confint_proportions_2indep(taken, of, other_taken, other_of, method="newcomb", compare="diff")
    assert found.value == taken / of - other_taken / other_of
    assert (found.low, found.high) == pytest.approx(theirs, abs=1e-12)
    assert found.is_sure == (theirs[0] > 0 or theirs[1] < 0)


@pytest.mark.parametrize("seed", range(4))
def test_a_mean_s_interval_is_statsmodels_s(seed: int) -> None:
    answers = numpy.random.default_rng(seed).integers(0, 11, 5 + 60 * seed)

    middle, low, high = intervals.mean(answers.sum(), (answers**2).sum(), len(answers))

    assert middle == pytest.approx(answers.mean())
    assert (low, high) == pytest.approx(DescrStatsW(answers).zconfint_mean(alpha=0.05))


@pytest.mark.parametrize(("promoters", "detractors", "of"), [(60, 20, 100), (1, 0, 7), (0, 5, 40), (333, 333, 1000)])
def test_an_nps_s_interval_is_that_of_a_mean_of_ones(promoters: int, detractors: int, of: int) -> None:
    ones = numpy.repeat([100, -100, 0], [promoters, detractors, of - promoters - detractors])

    value, low, high = intervals.nps(promoters, detractors, of)

    assert value == pytest.approx(ones.mean())
    assert (low, high) == pytest.approx(norm.interval(0.95, ones.mean(), ones.std() / of**0.5), abs=1e-9)


@pytest.mark.parametrize("of", [1, 20])
def test_an_nps_never_leaves_its_scale(of: int) -> None:
    for promoters, detractors in ((of, 0), (0, of), (of - 1, 0), (0, of - 1)):
        _value, low, high = intervals.nps(promoters, detractors, of)
        assert -100 <= low <= high <= 100


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
