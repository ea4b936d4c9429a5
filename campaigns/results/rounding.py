"""Counts as a partner may see them: in hundreds, none under a thousand, and no single member to be seen (ADR 0021).

Where one hundred ends and the next begins is a secret of each cell, the same for good. So a count shown is never a
hundred off and right on average; one member more or less changes it once in a hundred cells, and nobody can tell which.
"""

from collections.abc import Mapping

from django.utils.crypto import salted_hmac

STEP = 100
LEAST = 1_000


def shown(count: int, *, cell: str) -> int | None:
    """Round a cell's count; None when it is too small to be shown. `cell` names what is counted, for good."""
    whole = (count - _offset(cell)) // STEP
    return (whole + 1) * STEP if whole * STEP >= LEAST else None


def parts(counts: Mapping[str, int], *, cell: str) -> tuple[dict[str, int], int | None]:
    """Round a total's parts; return those that may be shown, and all others together.

    The others are two parts at least and are shown under the same rule, so that a hidden part is not what the total
    leaves: the smallest shown ones join them until that holds.
    """
    exact = {key: count for key, count in counts.items() if count}
    told = {key: value for key, count in exact.items() if (value := shown(count, cell=f"{cell}:{key}")) is not None}
    smallest = sorted(told, key=lambda key: (told[key], key), reverse=True)
    while True:
        hidden = [key for key in exact if key not in told]
        others = shown(sum(exact[key] for key in hidden), cell=f"{cell}:others")
        if not hidden or (len(hidden) > 1 and others is not None) or not smallest:
            return told, others if hidden else None
        del told[smallest.pop()]


def _offset(cell: str) -> int:
    return int.from_bytes(salted_hmac("campaigns.results.rounding", cell, algorithm="sha256").digest()[:8]) % STEP
