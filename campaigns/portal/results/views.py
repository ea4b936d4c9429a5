"""A partner's results and statements, as pages and files: what was published, and nothing else (ADR 0021)."""

from datetime import date
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from campaigns.models import Statement
from campaigns.portal import access
from campaigns.portal.access import PortalRequest
from campaigns.results import labels, publishing, statement
from campaigns.results.figures import DIMENSIONS
from campaigns.results.rounding import LEAST
from core.staff import tables

_A_PAGE = 10
_MEASURES = [name for name in labels.MEASURES if name != "waiting"]


@require_safe
@access.page()
def page(request: PortalRequest) -> HttpResponse:
    """Results by campaign and offer, and the statements."""
    found = Paginator(publishing.for_partner(request.partner), _A_PAGE).get_page(request.GET.get("page"))
    names = labels.PartNames()
    context = {
        "page": found,
        "results": [_result(publishing.read(row), names) for row in found],
        "least": LEAST,
        "too_few": labels.TOO_FEW,
        "statements": Statement.objects.filter(partner=request.partner).order_by("-month"),
    }
    return render(request, "partners/results.html", context)


def _result(published: publishing.PublishedOffer, names: labels.PartNames) -> dict[str, object]:
    shown = published.shown
    return {
        "published": published,
        "totals": [(name, labels.MEASURES[name], shown.totals.get(name)) for name in _MEASURES],
        "rate": None if shown.rate is None else 100 * shown.rate,
        "parts": [
            (labels.HEADINGS[dimension], lines)
            for dimension in DIMENSIONS
            if (lines := labels.lines(published, dimension, names))
        ],
    }


@require_safe
@access.page()
def export(request: PortalRequest, kind: str) -> Any:
    """All of it as a file."""
    rows = labels.rounded_rows(publishing.read(row) for row in publishing.for_partner(request.partner))
    return tables.answer(rows, kind=kind, name="results")


@require_safe
@access.page()
def statement_file(request: PortalRequest, year: int, month: int, kind: str) -> Any:
    """A month's statement as a file; a month that has none is 404."""
    if not 1 <= month <= 12 or not 1 <= year <= 9999:
        raise Http404
    own = Statement.objects.select_related("partner").filter(partner=request.partner)
    found = get_object_or_404(own, month=date(year, month, 1))
    name = f"statement-{found.month:%Y-%m}"
    if kind == "pdf":
        return tables.as_pdf(statement.pdf(found), name=name)
    return tables.answer(statement.rows(found), kind=kind, name=name)
