"""How sure a share, a difference of two, a mean and an NPS are: intervals that hold the true one in 95 of 100 cases."""

from dataclasses import dataclass
from math import sqrt

Z = 1.959963984540054  # 95 %


@dataclass(frozen=True, slots=True)
class Difference:
    """The first share less the second, with the interval that holds the true one in 95 of 100 cases."""

    value: float
    low: float
    high: float

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def share(taken: float, of: float) -> tuple[float, float, float]:
    """A share and its 95 % interval (Wilson's): right for few and for none too."""
    if not of:
        return 0.0, 0.0, 1.0
    rate, square = taken / of, Z * Z
    middle = (taken + square / 2) / (of + square)
    half = Z * sqrt(rate * (1 - rate) * of + square / 4) / (of + square)
    return rate, max(0.0, middle - half), min(1.0, middle + half)


def difference(taken: int, of: int, other_taken: int, other_of: int) -> Difference:
    """Compare two independent shares by Newcombe's interval, which Wilson's two make."""
    first, first_low, first_high = share(taken, of)
    second, second_low, second_high = share(other_taken, other_of)
    value = first - second
    return Difference(
        value,
        value - sqrt((first - first_low) ** 2 + (second_high - second) ** 2),
        value + sqrt((first_high - first) ** 2 + (second - second_low) ** 2),
    )


def mean(total: float, squares: float, of: float) -> tuple[float, float, float]:
    """A mean and its 95 % interval, from the sum, the sum of squares and how many (effectively) there are."""
    if not of:
        return 0.0, 0.0, 0.0
    middle = total / of
    spread = max(0.0, squares / of - middle * middle) * (of / (of - 1) if of > 1 else 0.0)
    half = Z * sqrt(spread / of)
    return middle, middle - half, middle + half


def nps(promoters: float, detractors: float, of: float) -> tuple[float, float, float]:
    """The net promoter score, −100 to 100, and its 95 % interval: the difference of two shares of the same people."""
    if not of:
        return 0.0, -100.0, 100.0
    first, second = promoters / of, detractors / of
    value = first - second
    half = Z * sqrt(max(0.0, first + second - value * value) / of)
    return 100 * value, 100 * max(-1.0, value - half), 100 * min(1.0, value + half)
