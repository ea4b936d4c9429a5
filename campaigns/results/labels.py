"""Results in words: names of parts and measures in the reader's language, rows of files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.models import Campaign
from campaigns.results.figures import DIMENSIONS, Figures, OfferTally
from campaigns.results.publishing import PARTED, PublishedOffer
from core.staff.dates import instant
from enrollment.models import Channel, Language, Town
from messaging.kinds import WHY
from messaging.models import Message

MEASURES: dict[str, str | Promise] = {
    "placed": gettext_lazy("message made for"),
    "sent": gettext_lazy("sent out"),
    "delivered": gettext_lazy("delivered"),
    "failed": gettext_lazy("failed"),
    "expired": gettext_lazy("expired"),
    "withheld": gettext_lazy("withheld"),
    "unknown": gettext_lazy("unknown"),
    "waiting": gettext_lazy("waiting"),
    "opted_out": gettext_lazy("left within 48 h"),
    "redeemed": gettext_lazy("redeemed"),
}
HEADINGS: dict[str, str | Promise] = {
    "town": gettext_lazy("Town"),
    "hour": gettext_lazy("Hour of delivery"),
    "language": gettext_lazy("Language"),
    "variant": gettext_lazy("Variant"),
    "channel": gettext_lazy("Channel"),
}


TOO_FEW = gettext_lazy("too few to tell")
NOT_BY_ITSELF = gettext_lazy("not told by itself")
NONE = "—"
Cell = int | str | Promise


@dataclass(frozen=True, slots=True)
class ResultLine:
    """A part of an offer's results as a partner reads it: counts, or words for what is not told."""

    name: str
    counts: list[Cell]


class PartNames:
    """Names of parts, looked up once for a page or a file."""

    def __init__(self, campaign: Campaign | None = None) -> None:
        towns = list(Town.objects.all())
        self._towns: dict[Any, str] = {town.pk: str(town) for town in towns} | {town.code: str(town) for town in towns}
        self._variants: dict[Any, str] = {}
        if campaign is not None:
            self._variants = {one.pk: str(one) for one in campaign.variants.select_related("offer")}

    def of(self, dimension: str, key: Any) -> str:
        """A part in the reader's language; its key is an id (exact figures) or what is published of it."""
        if key is None or key == "":
            return _("not known")
        if dimension == "town":
            return self._towns.get(key, str(key))
        if dimension == "hour":
            return f"{int(key):02}:00"
        if dimension == "language":
            return str(Language(key).label)
        if dimension == "channel":
            return str(Channel(key).label)
        return self._variants.get(key, str(key))


def reason(state: str, why: str) -> str:
    """Why a message was not delivered."""
    words = str(dict(Message.State.choices).get(state, state))
    return f"{words}: {WHY.get(why, why)}" if why else words


def sorted_parts(dimension: str, parts: dict[Any, OfferTally]) -> list[tuple[Any, OfferTally]]:
    """Hours by the clock, all else the largest first."""
    if dimension == "hour":
        return sorted(((key, tally) for key, tally in parts.items() if key is not None), key=lambda part: part[0])
    return sorted(parts.items(), key=lambda part: (-part[1].placed, str(part[0])))


def exact_rows(campaign: Campaign, figures: Figures, counted_at: datetime) -> Iterator[list[object]]:
    """Everything staff know of a campaign, one row a part; the first is the headings, the last tells as of when."""
    names = PartNames(campaign)
    offers = {one.offer_id: str(one.offer) for one in campaign.variants.select_related("offer")}
    measures = [name for name in MEASURES if name != "redeemed"]
    yield [
        _("offer"), _("by"), _("part"), *(str(MEASURES[name]) for name in measures), str(MEASURES["redeemed"]),
        _("times redeemed"), _("redeemed with the code for all"),
    ]  # fmt: skip
    for offer, total in figures.totals.items():
        told = f"№{offer} {offers[offer]}" if offer else _("all offers")
        shared = figures.shared.get(offer, 0) if offer else sum(figures.shared.values())
        yield [told, "", _("total"), *_counts(total, measures), shared]
        for dimension in DIMENSIONS:
            for key, tally in sorted_parts(dimension, figures.parts[offer, dimension]):
                yield [told, str(HEADINGS[dimension]), names.of(dimension, key), *_counts(tally, measures), ""]
        for (state, why), count in sorted(figures.reasons[offer].items(), key=lambda one: -one[1]):
            yield [told, _("not delivered, why"), reason(state, why), count]
    yield [_("all offers"), "", _("holdout"), figures.held_out]
    yield [_("all offers"), "", _("counted at"), instant(counted_at)]


def _counts(tally: OfferTally, measures: list[str]) -> list[int]:
    return [*(getattr(tally, name) for name in measures), tally.redeemed, tally.redemptions]


def lines(published: PublishedOffer, dimension: str, names: PartNames) -> list[ResultLine]:
    """The parts of one dimension as a partner reads them, all others last; empty when none may be told."""
    measures = published.shown.parts.get(dimension, {})
    keys = {key for told, _others in measures.values() for key in told}
    order = measures["delivered"][0] if measures else {}
    if dimension == "hour":
        ordered = sorted(keys, key=lambda key: int(key or -1))
    else:
        ordered = sorted(keys, key=lambda key: (-order.get(key, 0), key))
    found = [ResultLine(names.of(dimension, key), [_part(*measures[one], key) for one in PARTED]) for key in ordered]
    if not any(others for _told, others in measures.values()):
        return found
    name = _("all others together") if found else _("all together")
    return [*found, ResultLine(name, [_others(*measures[one]) for one in PARTED])]


def _part(told: dict[str, int], others: int | None, key: str) -> Cell:
    """What is among the others may be large: the only small part would be seen, so the next one is hidden with it."""
    return told.get(key) or (TOO_FEW if others is None else NOT_BY_ITSELF)


def _others(told: dict[str, int], others: int | None) -> Cell:
    return others or (NONE if told else TOO_FEW)


def rounded_rows(rows: Iterable[PublishedOffer]) -> Iterator[list[object]]:
    """What a partner sees, one row a part; the first is the headings."""
    names = PartNames()
    measures = [name for name in MEASURES if name != "waiting"]
    yield [
        _("campaign"), _("offer"), _("as of"), _("by"), _("part"), *(str(MEASURES[name]) for name in measures)
    ]  # fmt: skip
    for one in rows:
        head: list[object] = [one.campaign.name, f"№{one.offer.pk} {one.offer}", one.day.isoformat()]
        yield [*head, "", _("total"), *(one.shown.totals.get(name, str(TOO_FEW)) for name in measures)]
        for dimension in DIMENSIONS:
            for line in lines(one, dimension, names):
                counts = dict(zip(PARTED, line.counts, strict=True))
                yield [*head, str(HEADINGS[dimension]), line.name, *(_cell(counts.get(name, "")) for name in measures)]


def _cell(count: Cell) -> int | str:
    return count if isinstance(count, int) else str(count)
