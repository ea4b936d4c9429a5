"""Exact figures kept: of a campaign that is over for good, of a large one as it was last counted (P1).

Counting a million messages takes seconds. So a page of a large campaign opens with what was counted last and asks for
it to be counted anew; a row's lock sees to it that this happens once, and a minute's rest that it happens seldom.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from campaigns.models import Campaign, CountedResult
from campaigns.results import figures
from campaigns.results.figures import DIMENSIONS, Compared, Figures, OfferTally

AT_ONCE = 50_000  # messages made: up to here whoever asks counts
REST = timedelta(minutes=1)  # between two countings of a large campaign


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a campaign without waiting. Figures None: it was never counted."""

    figures: Figures | None
    counted_at: datetime | None
    is_final: bool = False
    is_due: bool = False  # it is worth counting anew


def known(campaign: Campaign, *, now: datetime) -> Known:
    """A small campaign's figures of this instant, a large one's last ones, final ones for good."""
    row = CountedResult.objects.filter(campaign=campaign).first()
    if row is not None and row.is_final:
        return Known(read(row.figures), row.counted_at, is_final=True)
    if campaign.built <= AT_ONCE:
        return Known(figures.of(campaign), now)
    if row is None or row.counted_at is None:
        return Known(None, None, is_due=True)
    return Known(read(row.figures), row.counted_at, is_due=_is_due(row, now))


def count_anew(*, campaign: Campaign, now: datetime) -> bool:
    """Count and keep, unless that was done within the minute; False while somebody else is at it."""
    _make(campaign)  # by itself: nobody waits for another's first counting
    with transaction.atomic():
        row = CountedResult.objects.select_for_update(skip_locked=True).filter(campaign=campaign).first()
        if row is None:
            return False
        if not row.is_final and _is_due(row, now):
            _keep(row, figures.of(campaign), now=now)
        return True


@transaction.atomic
def count_for_publishing(*, campaign: Campaign, is_final: bool, now: datetime) -> Figures:
    """Count and keep, for good when nothing can be added any more; what is final is not counted again."""
    _make(campaign)
    row = CountedResult.objects.select_for_update().get(campaign=campaign)
    if row.is_final:
        return read(row.figures)
    counted = figures.of(campaign)
    _keep(row, counted, now=now, is_final=is_final)
    return counted


def _make(campaign: Campaign) -> None:
    CountedResult.objects.bulk_create([CountedResult(campaign=campaign)], ignore_conflicts=True)


def _is_due(row: CountedResult, now: datetime) -> bool:
    return row.counted_at is None or now - row.counted_at >= REST


def _keep(row: CountedResult, counted: Figures, *, now: datetime, is_final: bool = False) -> None:
    row.figures, row.counted_at, row.is_final = written(counted), now, is_final
    row.save(update_fields=["figures", "counted_at", "is_final"])


def written(counted: Figures) -> dict[str, Any]:
    """Figures as JSON. Measures stand by name and only where they are not nothing: old rows outlive new measures."""
    return {
        "totals": [[offer, _short(tally)] for offer, tally in counted.totals.items()],
        "parts": [
            [offer, dimension, key, _short(tally)]
            for (offer, dimension), parts in counted.parts.items()
            for key, tally in parts.items()
        ],
        "reasons": [
            [offer, state, why, count]
            for offer, reasons in counted.reasons.items()
            for (state, why), count in reasons.items()
        ],
        "held_out": counted.held_out,
        "uplift": None if counted.uplift is None else asdict(counted.uplift),
        "leaving": None if counted.leaving is None else asdict(counted.leaving),
        "shared": [[offer, count] for offer, count in counted.shared.items()],
    }


def _short(tally: OfferTally) -> dict[str, int]:
    return {name: count for name, count in asdict(tally).items() if count}


def read(kept: Any) -> Figures:
    """Figures as they were written."""
    totals = {offer: OfferTally(**tally) for offer, tally in kept["totals"]}
    parts: dict[tuple[int | None, str], dict[Any, OfferTally]] = {
        (offer, dimension): {} for offer in totals for dimension in DIMENSIONS
    }
    for offer, dimension, key, tally in kept["parts"]:
        parts[offer, dimension][key] = OfferTally(**tally)
    reasons: dict[int | None, dict[tuple[str, str], int]] = {offer: {} for offer in totals}
    for offer, state, why, count in kept["reasons"]:
        reasons[offer][state, why] = count
    return Figures(
        totals=totals,
        parts=parts,
        reasons=reasons,
        held_out=kept["held_out"],
        uplift=_compared(kept["uplift"]),
        shared=dict(kept["shared"]),
        leaving=_compared(kept.get("leaving")),
    )


def _compared(kept: dict[str, int] | None) -> Compared | None:
    """Rows of before leaving was compared say "redeemed" of who did it."""
    return None if kept is None else Compared(**{name.replace("redeemed", "did"): n for name, n in kept.items()})
