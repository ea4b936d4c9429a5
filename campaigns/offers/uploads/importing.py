"""Offers made of the rows of an upload, by the thousand; the same as approval.create makes of one draft."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import translation

from campaigns.models import Category, Offer, OfferEvent, Partner, UploadRow
from campaigns.offers import drafts
from campaigns.offers.drafts import Catalogue, Draft
from campaigns.offers.uploads import sql
from campaigns.offers.uploads.parsing import PartnersOffers
from core.lib import astana

_LOT = 500


def recheck(partner: Partner, rows: Sequence[UploadRow], wanted: Sequence[Draft], now: datetime) -> list[UploadRow]:
    """Judge rows and their drafts again as of now; return the wrong ones, with their errors set and not saved."""
    catalogue, standing, today = Catalogue(), PartnersOffers(partner), astana.day_of(now)
    wrong = []
    with translation.override("en"):  # details are kept untranslated
        for row, draft in zip(rows, wanted, strict=True):
            found = drafts.problems(draft, partner=partner, today=today, catalogue=catalogue)
            same, beside = standing.judge(draft, draft.digest)
            if found := [*found, *beside]:
                row.errors = [[one.name, one.code, one.details] for one in found]
                row.offer_id = same
                wrong.append(row)
    return wrong


def make_offers(
    partner: Partner, rows: Sequence[UploadRow], wanted: Sequence[Draft], *, by: str, now: datetime
) -> None:
    """Make an offer of each draft, with its first step, and note it in its row. Needs what has been rechecked."""
    categories = {category.code: category for category in Category.objects.all()}
    offers = Offer.objects.bulk_create(
        [_offer(partner, draft, categories, by, now) for draft in wanted], batch_size=_LOT
    )
    OfferEvent.objects.bulk_create(
        [OfferEvent(offer=offer, at=now, by=by, before="", after=offer.state, note="uploaded") for offer in offers],
        batch_size=_LOT,
    )
    sql.note_offers([row.pk for row in rows], [offer.pk for offer in offers])


def _offer(partner: Partner, draft: Draft, categories: dict[str, Category], by: str, now: datetime) -> Offer:
    said: dict[str, Any] = {name: getattr(draft, name) for name in Draft.__slots__}
    said |= {name: list(said[name]) for name in ("channels", "interests", "towns")}
    said["category"] = categories[draft.category]
    return Offer(partner=partner, digest=draft.digest, created_by=by, created_at=now, changed_at=now, **said)
