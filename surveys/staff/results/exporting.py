"""Answers as files: CSV as it is read, XLSX and SPSS made by a worker while a bar shows how far it is."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from core.lib import clock
from core.staff import tables
from core.staff.pages import StaffRequest, framed, page
from surveys.models import Export
from surveys.results import exporting, rows
from surveys.staff.results import query
from surveys.staff.results.query import SEE

_MOVING = (Export.State.WAITING, Export.State.MAKING)


@page(SEE)
@require_safe
def as_csv(request: StaffRequest, survey_id: int) -> Any:
    """The answers as CSV, row by row: in words, or with `codes` as programs read them."""
    given = query.wanted(request, survey_id)
    exporting.record(survey=given.survey, kind="csv", asked=given.filters.query(), by=request.by, now=clock.now())
    columns = rows.columns(given.survey, given.asked, get_language() or "ru", given.raked)
    told = rows.coded if request.GET.get("codes") else rows.worded
    table = told(columns, rows.rows(given.survey, given.asked, given.filters, given.raked))
    return tables.answer(table, kind="csv", name=f"survey-{survey_id}")


@page(SEE)
@require_POST
def ask(request: StaffRequest, survey_id: int) -> HttpResponse:
    """Ask for a file; its page shows how far it is."""
    given = query.wanted(request, survey_id, weighs=False)
    kind = request.POST.get("kind", "")
    if kind not in Export.Kind.values:
        raise Http404
    export = exporting.ask(
        survey=given.survey,
        kind=kind,
        asked=given.filters.query(),
        language=get_language() or "ru",
        by=request.by,
        now=clock.now(),
    )
    return redirect("survey_results:file", survey_id, export.pk)


@page(SEE)
@require_safe
def look(request: StaffRequest, survey_id: int, export_id: int) -> HttpResponse:
    """How far a file is, and the file."""
    export = _export(survey_id, export_id)
    return framed(
        request,
        "survey_results/file.html",
        title=_("Answers as a file: %(survey)s") % {"survey": export.survey},
        export=export,
        is_moving=export.state in _MOVING,
    )


@page(SEE)
@require_safe
def progress(request: StaffRequest, survey_id: int, export_id: int) -> HttpResponse:
    """The bar alone; when the file is there, the page comes anew."""
    export = _export(survey_id, export_id)
    if export.state not in _MOVING:
        return HttpResponseClientRefresh()
    return render(request, "survey_results/bar.html", {"export": export, "is_moving": True})


@page(SEE)
@require_safe
def fetch(request: StaffRequest, survey_id: int, export_id: int) -> Any:
    export = _export(survey_id, export_id)
    if export.state != Export.State.DONE:
        raise Http404
    return tables.kept(export.path, name=f"survey-{survey_id}.{export.kind}")


def _export(survey_id: int, export_id: int) -> Export:
    return get_object_or_404(Export.objects.select_related("survey"), pk=export_id, survey_id=survey_id)
