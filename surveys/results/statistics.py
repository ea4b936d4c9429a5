"""Whether two things go together: Pearson's chi-square."""

from collections.abc import Sequence
from dataclasses import dataclass

import scipy

SURE = 0.05
_FEW = 5


@dataclass(frozen=True, slots=True)
class Test:
    """A test of independence: `p` is how often chance alone would make a difference as large."""

    statistic: float
    freedom: int
    p: float
    least_expected: float
    few_expected: float  # the share of cells that expect fewer than 5

    @property
    def is_sure(self) -> bool:
        """True when chance hardly explains it."""
        return self.p < SURE

    @property
    def is_shaky(self) -> bool:
        """True when too many cells expect too few for the probability to be trusted (Cochran's rule)."""
        return self.least_expected < 1 or self.few_expected > 0.2


def independence(table: Sequence[Sequence[float]], *, effective: float | None = None) -> Test | None:
    """Test a table of counts; None when there are not two rows and two columns with anything in them.

    Weighted counts are scaled to `effective` (Kish's size), so that weighting does not make it surer than it is.
    """
    rows = [list(row) for row in table if sum(row) > 0]
    columns = [index for index in range(len(rows[0]) if rows else 0) if sum(row[index] for row in rows) > 0]
    if len(rows) < 2 or len(columns) < 2:
        return None
    kept = [[row[index] for index in columns] for row in rows]
    total = sum(map(sum, kept))
    scale = 1.0 if effective is None else effective / total
    by_row = [sum(row) * scale for row in kept]
    by_column = [sum(row[index] for row in kept) * scale for index in range(len(columns))]
    whole = total * scale
    expected = [[one * other / whole for other in by_column] for one in by_row]
    statistic = sum(
        (value * scale - wanted) ** 2 / wanted
        for row, wanted_row in zip(kept, expected, strict=True)
        for value, wanted in zip(row, wanted_row, strict=True)
    )
    freedom = (len(kept) - 1) * (len(columns) - 1)
    flat = [wanted for row in expected for wanted in row]
    few = sum(wanted < _FEW for wanted in flat) / len(flat)
    # The first table loads scipy.special, 0.2 s and 25 MB that a web process serving key presses only does without.
    # scipy.stats.chi2_contingency would do all of the above for 80 MB more: it is the tests' oracle.
    p = float(scipy.special.chdtrc(freedom, statistic))
    return Test(statistic, freedom, p, min(flat), few)


def kish(weights: float, squares: float) -> float:
    """Kish's effective sample size, of the sum of weights and of their squares."""
    return weights * weights / squares if squares else 0.0
