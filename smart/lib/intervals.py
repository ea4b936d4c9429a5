"""How sure a difference between two shares is."""

from dataclasses import dataclass
from math import sqrt

_Z = 1.959963984540054  # 95 %


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


def share(taken: int, of: int) -> tuple[float, float, float]:
    """A share and its 95 % interval (Wilson's): right for few and for none too."""
    if not of:
        return 0.0, 0.0, 1.0
    rate, square = taken / of, _Z * _Z
    middle = (taken + square / 2) / (of + square)
    half = _Z * sqrt(rate * (1 - rate) * of + square / 4) / (of + square)
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
