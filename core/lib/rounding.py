"""Counts as somebody outside may see them: in steps, none that is small, and no single person to be seen (ADR 0021).

Where one step ends and the next begins is a secret of each cell, the same for good. So a count shown is never a step
off and right on average; one person more or less changes it once in as many cells as a step has, and nobody can tell
which.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.crypto import salted_hmac


@dataclass(frozen=True, slots=True)
class Rounding:
    """How coarse: counts in `step`s, none below `least`; `salt` keeps rooms' secrets apart."""

    step: int
    least: int
    salt: str

    def shown(self, count: int, *, cell: str) -> int | None:
        """Round a cell's count; None when it is too small to be shown. `cell` names what is counted, for good."""
        whole = (count - self._offset(cell)) // self.step
        return (whole + 1) * self.step if whole * self.step >= self.least else None

    def parts(self, counts: Mapping[str, int], *, cell: str) -> tuple[dict[str, int], int | None]:
        """Round a total's parts; return those that may be shown, and all others together (None: there are none).

        The others are two parts at least and are shown under the same rule, so that a hidden part is not what the
        total leaves: the smallest shown ones join them until that holds. Whether a part is there at all is decided
        by its secret border too: otherwise the first person in a part would be seen, since others join for him.
        """
        exact = {key: count for key, count in counts.items() if count > self._offset(f"{cell}:{key}")}
        told = {
            key: value for key, count in exact.items() if (value := self.shown(count, cell=f"{cell}:{key}")) is not None
        }
        smallest = sorted(told, key=lambda key: (told[key], key), reverse=True)
        while True:
            hidden = [key for key in exact if key not in told]
            rest = sum(count for key, count in counts.items() if key not in told)
            others = self.shown(rest, cell=f"{cell}:others")
            if not hidden or (len(hidden) > 1 and others is not None) or not smallest:
                return told, others
            del told[smallest.pop()]

    def lines(self, counts: Mapping[str, int], *, cell: str) -> tuple[dict[str, int], int | None]:
        """Round lines that are each shown elsewhere too: those that may be shown, and the rest if it is two or more.

        None joins what is hidden, so that the lines' sum, less the lines shown elsewhere, tells of no hidden one.
        """
        border = {key: self._offset(f"{cell}:{key}") for key in counts}
        told = {
            key: value
            for key, count in counts.items()
            if (value := self.shown(count, cell=f"{cell}:{key}")) is not None
        }
        rest = {key: count for key, count in counts.items() if key not in told}
        is_several = sum(count > border[key] for key, count in rest.items()) > 1
        return told, self.shown(sum(rest.values()), cell=f"{cell}:others") if is_several else None

    def _offset(self, cell: str) -> int:
        return int.from_bytes(salted_hmac(self.salt, cell, algorithm="sha256").digest()[:8]) % self.step
