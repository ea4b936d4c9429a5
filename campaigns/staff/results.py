"""What became of campaigns, exactly, for staff: a page each, charts, files (P1)."""

import json
from collections.abc import Sequence
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from campaigns.models import Campaign
from campaigns.results import figures, labels, store
from campaigns.results.figures import Compared, Figures, OfferTally
from core.lib import clock
from core.staff import tables
from core.staff.pages import StaffRequest, framed, page

_SEE = "campaigns.view_campaign"
_A_PAGE = 30
_IN_CHART = 24  # every hour; the largest towns
_COLORS = {"redeemed": "#15803d", "delivered": "#0369a1"}  # the first is drawn over the second


def _launched() -> QuerySet[Campaign]:
    return Campaign.objects.filter(launched_at__isnull=False)


@page(_SEE)
@require_safe
def index(request: StaffRequest) -> HttpResponse:
    """The campaigns that were launched, the newest first."""
    found = Paginator(_launched().order_by("-starts_at", "-pk"), _A_PAGE).get_page(request.GET.get("page"))
    return framed(request, "results/list.html", title=_("Results"), page=found)


@page(_SEE)
@require_safe
def look(request: StaffRequest, pk: int) -> HttpResponse:
    """One campaign's results; `offer` in the query narrows the parts to one of its offers.

    A large campaign's are those counted last; the page then has them counted anew and opens again.
    """
    campaign = get_object_or_404(_launched(), pk=pk)
    known = store.known(campaign, now=clock.now())
    return framed(
        request,
        "results/page.html",
        title=_("Results: %(campaign)s") % {"campaign": campaign},
        campaign=campaign,
        known=known,
        **(_figures(campaign, known.figures, request.GET.get("offer", "")) if known.figures else {}),
    )


@page(_SEE)
@require_POST
def count(request: StaffRequest, pk: int) -> HttpResponse:
    """Count a large campaign anew, then open its page again; a bar while somebody else counts."""
    campaign = get_object_or_404(_launched(), pk=pk)
    if store.count_anew(campaign=campaign, now=clock.now()):
        return HttpResponseClientRefresh()
    return render(request, "results/counting.html", {"campaign": campaign, "is_counted_elsewhere": True})


def _figures(campaign: Campaign, counted: Figures, wanted: str) -> dict[str, Any]:
    names = labels.PartNames(campaign)
    offers = {one.offer_id: str(one.offer) for one in campaign.variants.select_related("offer")}
    offer = int(wanted) if wanted.isascii() and wanted.isdigit() and int(wanted) in offers else None
    return {
        "figures": counted,
        "total": counted.totals[None],
        "rate": 100 * counted.totals[None].rate,
        "offers": [
            (key, name, *_counts(counted.totals[key]), counted.shared.get(key, 0)) for key, name in offers.items()
        ],
        "chosen": offer,
        "measures": list(labels.MEASURES.values()),
        "parts": _parts(counted, offer, names),
        "reasons": _reasons(counted, offer),
        "uplift": _compared(counted.uplift),
        "leaving": _compared(counted.leaving),
    }


def _parts(counted: Figures, offer: int | None, names: labels.PartNames) -> list[dict[str, Any]]:
    """Each dimension as a table and a chart."""
    found = []
    for dimension in figures.DIMENSIONS:
        parts = [
            (names.of(dimension, key), tally)
            for key, tally in labels.sorted_parts(dimension, counted.parts[offer, dimension])
        ]
        rows = [(name, *_counts(tally)) for name, tally in parts]
        found.append({"heading": labels.HEADINGS[dimension], "rows": rows, "chart": _chart(parts)})
    return found


def _counts(tally: OfferTally) -> tuple[list[int], float]:
    """A row of a table: the measures, and the share redeemed in per cent."""
    return [getattr(tally, measure) for measure in labels.MEASURES], 100 * tally.rate


def _chart(parts: Sequence[tuple[str, OfferTally]]) -> str:
    shown = parts[:_IN_CHART]
    return json.dumps(
        {
            "labels": [name for name, _tally in shown],
            "datasets": [
                {
                    "label": str(labels.MEASURES[measure]),
                    "data": [getattr(tally, measure) for _name, tally in shown],
                    "backgroundColor": color,
                }
                for measure, color in _COLORS.items()
            ],
        }
    )


def _reasons(counted: Figures, offer: int | None) -> list[tuple[str, int]]:
    found = [(labels.reason(state, why), count) for (state, why), count in counted.reasons[offer].items()]
    return sorted(found, key=lambda one: -one[1])


def _compared(found: Compared | None) -> dict[str, Any] | None:
    """A comparison with the holdout in per cent and points of it."""
    if found is None:
        return None
    difference = found.difference
    return {
        "counts": found,
        "members_rate": 100 * found.members_did / found.members,
        "held_out_rate": 100 * found.held_out_did / found.held_out,
        "points": 100 * difference.value,
        "low": 100 * difference.low,
        "high": 100 * difference.high,
        "is_sure": difference.is_sure,
    }


@page(_SEE)
@require_safe
def export(request: StaffRequest, pk: int, kind: str) -> HttpResponseBase:
    """All figures of a campaign as a file, and when they were counted; the page while there are none."""
    campaign = get_object_or_404(_launched(), pk=pk)
    known = store.known(campaign, now=clock.now())
    if known.figures is None or known.counted_at is None:
        return redirect("results:page", pk)
    rows, name = labels.exact_rows(campaign, known.figures, known.counted_at), f"campaign-{campaign.pk}"
    return tables.answer(rows, kind=kind, name=name)
