"""Directory imports in the back office: upload, see what would change, confirm, watch."""

from secrets import token_hex
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core.lib import clock
from core.lib.errors import Refusal
from core.staff import tables
from core.staff.pages import StaffRequest, framed, page
from core.staff.state_actions import refusals_told
from enrollment.directory import operations
from enrollment.models import DirectoryImport
from smart.directory import imports

_SEE, _ADD = "enrollment.view_directoryimport", "enrollment.add_directoryimport"
Phase = DirectoryImport.Phase
# In the order of the preview, with what each count means.
COUNTS = {
    "new": gettext_lazy("new lines"),
    "changed": gettext_lazy("changed lines"),
    "unchanged": gettext_lazy("unchanged lines"),
    "recycled": gettext_lazy("numbers with a new owner"),
    "vanishing": gettext_lazy("lines no longer there"),
    "members": gettext_lazy("memberships"),
    "memberships_ending": gettext_lazy("memberships that end"),
    "ending_vanished": gettext_lazy("of them because the line is missing"),
    "ending_terminated": gettext_lazy("of them because it is terminated"),
    "ending_brand": gettext_lazy("of them because it is of another brand"),
    "ending_owner": gettext_lazy("of them because it has a new owner"),
    "duplicates": gettext_lazy("identical lines again"),
    "superseded": gettext_lazy("lines with another of the same number below"),
    "rejected": gettext_lazy("rejected lines"),
    "unreadable": gettext_lazy("of them without a number that can be read"),
    "warnings": gettext_lazy("fields left as they were"),
}


class ExportForm(forms.Form):
    """An export and what it is."""

    file = forms.FileField(label=gettext_lazy("Export (CSV)"))
    is_full = forms.BooleanField(
        label=gettext_lazy("This is the full export: lines missing from it are gone"), required=False, initial=True
    )


class AllowForm(forms.Form):
    """The number of memberships that end, keyed in by whoever answers for it."""

    ending = forms.IntegerField(label=gettext_lazy("Memberships that end"), min_value=0)

    def __init__(self, *args: Any, expected: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._expected = expected

    def clean_ending(self) -> int:
        """Take no other number than the one shown."""
        ending: int = self.cleaned_data["ending"]
        if ending != self._expected:
            raise forms.ValidationError(_("This is not the number of memberships that would end."))
        return ending


@page(_SEE)
def list_view(request: StaffRequest) -> HttpResponse:
    """Earlier imports, and the upload of another."""
    form = ExportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and request.user.has_perm(_ADD) and form.is_valid():
        try:
            run = _upload(request, form.cleaned_data)
        except Refusal as refusal:
            form.add_error("file", str(refusal))
        else:
            return redirect("imports:one", run.pk)
    runs = [(run, operations.phase_in_words(run)) for run in DirectoryImport.objects.order_by("-pk")[:20]]
    return framed(
        request,
        "imports/list.html",
        title=_("Directory imports"),
        form=form,
        runs=runs,
        may_add=request.user.has_perm(_ADD),
    )


def _upload(request: StaffRequest, data: dict[str, Any]) -> DirectoryImport:
    file: UploadedFile = data["file"]
    path = imports.keep_upload(file.chunks, token_hex(8))
    try:
        return imports.begin(
            path=path,
            file_name=file.name or "",
            is_full=data["is_full"],
            by=request.by,
            now=clock.now(),
            takes_up=False,
        )
    except Refusal:
        path.unlink(missing_ok=True)
        raise


@page(_SEE)
def one(request: StaffRequest, import_id: int) -> HttpResponse:
    """An import: its progress, its preview, its end."""
    return _page(request, get_object_or_404(DirectoryImport, pk=import_id))


def _page(request: StaffRequest, run: DirectoryImport, form: AllowForm | None = None) -> HttpResponse:
    counts = [(name, meaning, run.counts.get(name, 0)) for name, meaning in COUNTS.items()]
    return framed(
        request,
        "imports/one.html",
        title=str(run),
        run=run,
        phase=operations.phase_in_words(run),
        is_dry=operations.is_dry_run(run),
        counts=counts,
        hindrance=_hindrance(run) if _awaits_decision(run) else "",
        form=form or AllowForm(expected=_ending(run)),
        is_moving=run.phase in (Phase.UPLOADED, Phase.APPLYING) or (run.phase == Phase.STAGED and run.is_confirmed),
        may_decide=_awaits_decision(run) and request.user.has_perm(_ADD),
    )


def _ending(run: DirectoryImport) -> int:
    return int(run.counts.get("memberships_ending", 0))


def _hindrance(run: DirectoryImport) -> str:
    """Why what is shown would be refused; "" when it would not."""
    try:
        operations.check_losses(run)
    except Refusal as refusal:
        return str(refusal)
    return ""


def _awaits_decision(run: DirectoryImport) -> bool:
    """True for a staged upload; a file imported by command is decided on where the command was given."""
    return run.phase == Phase.STAGED and not run.is_confirmed and imports.is_upload(run)


@page(_SEE)
def progress(request: StaffRequest, import_id: int) -> HttpResponse:
    """How far it is, for the bar."""
    run = get_object_or_404(DirectoryImport, pk=import_id)
    return JsonResponse({"phase": f"{run.phase}:{run.is_confirmed}", "percent": run.percent})


@page(_ADD)
@require_POST
def confirm(request: StaffRequest, import_id: int) -> HttpResponse:
    """Apply what the preview showed."""
    run = get_object_or_404(DirectoryImport, pk=import_id)
    if not imports.is_upload(run):
        raise Http404
    with refusals_told(request):
        operations.check_losses(run)
        DirectoryImport.objects.filter(pk=run.pk, phase=Phase.STAGED).update(is_confirmed=True)
    return redirect("imports:one", import_id)


@page(_ADD)
@require_POST
def allow(request: StaffRequest, import_id: int) -> HttpResponse:
    """Let as many memberships end as the preview shows; whoever keys in their number answers for it."""
    run = get_object_or_404(DirectoryImport, pk=import_id)
    if not _awaits_decision(run):
        raise Http404
    form = AllowForm(request.POST, expected=_ending(run))
    if not form.is_valid():
        return _page(request, run, form)
    imports.allow_ending(run=run, ending=form.cleaned_data["ending"], by=request.by, now=clock.now())
    return redirect("imports:one", import_id)


@page(_ADD)
@require_POST
def discard(request: StaffRequest, import_id: int) -> HttpResponse:
    """Drop a staged import; nothing was changed by it."""
    run = get_object_or_404(DirectoryImport, pk=import_id)
    if not _awaits_decision(run):
        raise Http404
    operations.refuse(run=run, why=_("Discarded."))
    imports.forget_upload(run)
    return redirect("imports:list")


@page(_SEE)
def report(request: StaffRequest, import_id: int) -> FileResponse:
    """Download the report: line, field, reason."""
    run = get_object_or_404(DirectoryImport, pk=import_id)
    return tables.kept(run.report, name=f"report-{run.pk}.csv")
