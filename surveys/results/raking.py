"""Weights that make the answers' towns, ages and genders those of the members (iterative proportional fitting).

Worked on cells (town × age band × gender), of which there are a few hundred, never on responses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Cell = tuple[int, int, str]  # town's id (-1: not known), age band, gender
LEAST, MOST = 0.2, 5.0  # weights are kept between, one on average: nobody speaks for many
_ROUNDS = 200
_CLOSE = 0.0005  # of a margin's share: 0.05 points


@dataclass(frozen=True, slots=True)
class Raked:
    """A weight for each cell that answered, one on average; how many answers they are worth; what is amiss."""

    weights: Mapping[Cell, float] = field(default_factory=dict)
    answered: int = 0
    effective: float = 0.0  # Kish's
    trimmed: int = 0  # cells whose weight was held at a bound
    off: float = 0.0  # the largest a margin's share is off at the end
    converged: bool = False
    empty: tuple[tuple[int, int | str], ...] = ()  # (which of the three, part) of members, none of whom answered
    strangers: tuple[tuple[int, int | str], ...] = ()  # parts that answered and have no member now


def rake(answered: Mapping[Cell, int], base: Mapping[Cell, int]) -> Raked:
    """Weigh the answered cells to the base's three margins."""
    total = sum(answered.values())
    margins = [_margin(base, place) for place in range(3)]
    got = [_margin(answered, place) for place in range(3)]
    empty = tuple((place, part) for place in range(3) for part in margins[place] if part not in got[place])
    strangers = tuple((place, part) for place in range(3) for part in got[place] if part not in margins[place])
    wanted = [_wanted(margins[place], got[place], total) for place in range(3)]
    if not total or not sum(base.values()):
        return Raked(answered=total, empty=empty, strangers=strangers)
    weights = dict.fromkeys(answered, 1.0)
    off = 1.0
    for _round in range(_ROUNDS):
        for place, targets in enumerate(wanted):
            now = _weighed(answered, weights, place)
            factors = {part: targets[part] / now[part] for part in targets if now.get(part)}
            weights = {cell: weight * factors.get(cell[place], 1.0) for cell, weight in weights.items()}
        weights = _trimmed(weights, answered, total)
        off = _off(answered, weights, wanted, total)
        if off < _CLOSE:
            break
    squares = sum(count * weights[cell] ** 2 for cell, count in answered.items())
    held = sum(weight <= LEAST * 1.000001 or weight >= MOST * 0.999999 for weight in weights.values())
    return Raked(
        weights=weights,
        answered=total,
        effective=total * total / squares,
        trimmed=held,
        off=off,
        converged=off < _CLOSE,
        empty=empty,
        strangers=strangers,
    )


def _margin(cells: Mapping[Cell, int], place: int) -> dict[int | str, int]:
    found: dict[int | str, int] = {}
    for cell, count in cells.items():
        if count:
            found[cell[place]] = found.get(cell[place], 0) + count
    return found


def _wanted(margin: Mapping[int | str, int], got: Mapping[int | str, int], total: int) -> dict[int | str, float]:
    """How much each part that answered should weigh; parts the base has none of keep their own share."""
    own = sum(count for part, count in got.items() if part not in margin)
    whole = sum(count for part, count in margin.items() if part in got)
    known = {part: (total - own) * count / whole for part, count in margin.items() if part in got}
    return known | {part: float(count) for part, count in got.items() if part not in margin}


def _weighed(answered: Mapping[Cell, int], weights: Mapping[Cell, float], place: int) -> dict[int | str, float]:
    found: dict[int | str, float] = {}
    for cell, count in answered.items():
        found[cell[place]] = found.get(cell[place], 0.0) + count * weights[cell]
    return found


def _trimmed(weights: dict[Cell, float], answered: Mapping[Cell, int], total: int) -> dict[Cell, float]:
    """Held between the bounds, the mean kept at one by the cells that are not at a bound."""
    held = {cell: min(MOST, max(LEAST, weight)) for cell, weight in weights.items()}
    for _again in range(20):
        mean = sum(count * held[cell] for cell, count in answered.items()) / total
        if abs(mean - 1) < 1e-9:
            break
        held = {cell: min(MOST, max(LEAST, weight / mean)) for cell, weight in held.items()}
    return held


def _off(
    answered: Mapping[Cell, int], weights: Mapping[Cell, float], wanted: list[dict[int | str, float]], total: int
) -> float:
    return max(
        abs(_weighed(answered, weights, place).get(part, 0.0) - target) / total
        for place, targets in enumerate(wanted)
        for part, target in targets.items()
    )
