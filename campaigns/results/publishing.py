"""What partners see: rounded, written down once a day, and the same from then on however it is asked (P2, ADR 0021).

Partners' pages and files read these rows and nothing else, so they cannot tell more than what is written here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from campaigns.models import Campaign, Offer, Partner, PublishedResult
from campaigns.results import figures, rounding, store
from campaigns.results.figures import Figures
from core.jobs import operations as jobs
from core.jobs.operations import Step
from core.lib import astana
from enrollment.models import Town

MEASURES = ("placed", "sent", "delivered", "failed", "expired", "withheld", "unknown", "opted_out", "redeemed")
PARTED = ("delivered", "redeemed")  # told by town, hour, language, variant too
# Rounded up where the borders of two cells would show more delivered than sent: a look at what is shown, not at counts.
_WITHIN = (("sent", "delivered"), ("placed", "sent"))
LONGEST = timedelta(days=300)  # nothing is left open for longer
_BEFORE_THEY_GO = timedelta(days=2)  # what is counted from messages is final before they are dropped


@dataclass(frozen=True, slots=True)
class OfferTotals:
    """An offer's rounded results. What is not in `totals` or in a part is too small to be told."""

    totals: dict[str, int] = field(default_factory=dict)
    # dimension → measure → ({key: count}, all others together)
    parts: dict[str, dict[str, tuple[dict[str, int], int | None]]] = field(default_factory=dict)

    @property
    def rate(self) -> float | None:
        """The share redeemed, of what is shown; None when a part of it is not."""
        redeemed, delivered = self.totals.get("redeemed"), self.totals.get("delivered")
        return redeemed / delivered if redeemed and delivered else None


def publish_daily(*, now: datetime) -> int | None:
    """Write down, once an Astana day, what partners see that day; return how many results, None when it was done."""

    def chunk(watermark: int) -> Step:
        """One campaign a transaction."""
        campaign = _open_campaigns(now).filter(pk__gt=watermark).order_by("pk").first()
        if campaign is None:
            return Step(affected=0, watermark=watermark, is_last=True)
        return Step(affected=publish(campaign=campaign, now=now), watermark=campaign.pk, is_last=False)

    return jobs.run_slot(name="publish_results", slot=astana.day_of(now).isoformat(), now=now, chunk=chunk)


def _open_campaigns(now: datetime) -> QuerySet[Campaign]:
    """Those not counted for good; not what was final before figures were kept, once its messages are gone."""
    begun = Campaign.objects.filter(launched_at__isnull=False).exclude(state=Campaign.State.SCHEDULED)
    kept = begun.exclude(counted__is_final=True)
    return kept.exclude(published__is_final=True, launched_at__lt=astana.start_of(_oldest_month(now)))


@transaction.atomic
def publish(*, campaign: Campaign, now: datetime) -> int:
    """Write down a campaign's results by offer, and for staff the exact ones they are made of; return how many.

    Both become final together. What is final already stays: the database refuses its change.
    """
    offers = list(Offer.objects.filter(variants__campaign=campaign).distinct())
    is_final = _is_over(campaign, offers, now)
    counted = store.count_for_publishing(campaign=campaign, is_final=is_final, now=now)
    settled = set(PublishedResult.objects.filter(campaign=campaign, is_final=True).values_list("offer_id", flat=True))
    names = _Names(campaign)
    open_ones = [offer for offer in offers if offer.pk not in settled]
    for offer in open_ones:
        shown = rounded(counted, offer=offer.pk, campaign=campaign.pk, names=names)
        PublishedResult.objects.update_or_create(
            campaign=campaign,
            offer=offer,
            defaults={"day": astana.day_of(now), "figures": asdict(shown), "is_final": is_final},
        )
    return len(open_ones)


def _is_over(campaign: Campaign, offers: list[Offer], now: datetime) -> bool:
    """Nothing can be added any more: every message ended two days ago, no code redeems. Or messages are about to go."""
    if campaign.finished_at is None:
        return False
    settled = max(campaign.finished_at + figures.OPT_OUT_WITHIN, figures.redeemable_until(campaign, offers))
    return now >= min(settled, campaign.finished_at + LONGEST) or _messages_go(campaign, now + _BEFORE_THEY_GO)


def _messages_go(campaign: Campaign, at: datetime) -> bool:
    """Whether the month of its first messages may be dropped at that time (messaging.outbox.drop_old_months)."""
    began = campaign.launched_at or campaign.starts_at
    return astana.month_of(began) < _oldest_month(at)


def _oldest_month(now: datetime) -> date:
    """The first month whose messages are kept; one before all where they are kept for good."""
    if not settings.MESSAGES_KEPT_MONTHS:
        return date(1970, 1, 1)
    month = astana.month_of(now)
    for _ in range(settings.MESSAGES_KEPT_MONTHS):
        month = astana.previous_month(month)
    return month


class _Names:
    """Keys of parts as they are written down: codes and labels that stay, no ids."""

    def __init__(self, campaign: Campaign) -> None:
        self._known: Mapping[str, Mapping[Any, str]] = {
            "town": dict(Town.objects.values_list("pk", "code")),
            "variant": dict(campaign.variants.values_list("pk", "label")),
        }

    def of(self, dimension: str, key: Any) -> str:
        """A part's key; "" for what is not known."""
        if key is None:
            return ""
        known = self._known.get(dimension)
        return known[key] if known else str(key)


def rounded(counted: Figures, *, offer: int, campaign: int, names: "_Names") -> OfferTotals:
    """Round every cell of an offer's results; each cell's name is its secret's for good."""
    total, cell = counted.totals[offer], f"{campaign}/{offer}"
    totals = {name: rounding.shown(getattr(total, name), cell=f"{cell}/{name}") for name in MEASURES}
    shared = counted.shared.get(offer, 0)
    totals["redeemed"] = rounding.shown(total.redeemed + shared, cell=f"{cell}/redeemed")
    parts: dict[str, dict[str, tuple[dict[str, int], int | None]]] = {}
    for dimension in figures.DIMENSIONS:
        found = counted.parts[offer, dimension]
        parts[dimension] = {
            measure: rounding.parts(
                {names.of(dimension, key): getattr(tally, measure) for key, tally in found.items()},
                cell=f"{cell}/{measure}/{dimension}",
            )
            for measure in PARTED
        }
    for wider, narrower in _WITHIN:
        totals[wider] = max(totals[wider] or 0, totals[narrower] or 0) or None
    return OfferTotals({name: value for name, value in totals.items() if value is not None}, parts)


@dataclass(frozen=True, slots=True)
class PublishedOffer:
    """A row as its partner reads it."""

    campaign: Campaign
    offer: Offer
    day: date
    is_final: bool
    shown: OfferTotals


def for_partner(partner: Partner) -> QuerySet[PublishedResult]:
    """The partner's own results, the newest campaign first."""
    own = PublishedResult.objects.filter(offer__partner=partner)
    return own.select_related("campaign", "offer").order_by("-campaign__starts_at", "-campaign_id", "offer_id")


def read(row: PublishedResult) -> PublishedOffer:
    """Read a row back."""
    parts = {
        dimension: {measure: (told, others) for measure, (told, others) in measures.items()}
        for dimension, measures in row.figures["parts"].items()
    }
    return PublishedOffer(row.campaign, row.offer, row.day, row.is_final, OfferTotals(row.figures["totals"], parts))
