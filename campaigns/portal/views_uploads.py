"""Files of offers in steps: upload, a progress bar, what every row was understood as, then confirm or discard."""

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRefresh

from campaigns.models import Upload
from campaigns.offers.uploads import operations as uploads
from campaigns.offers.uploads.words import CatalogueNames
from campaigns.portal import access
from campaigns.portal.access import PortalRequest
from campaigns.portal.forms import UploadForm
from core.lib import clock
from core.lib.errors import Refusal

_PAGE = 50
_LATEST = 20
_AT_WORK = (Upload.Phase.UPLOADED, Upload.Phase.PARSING, Upload.Phase.ACCEPTED)
_TEMPLATES = {
    "csv": (uploads.template_csv, "text/csv; charset=utf-8"),
    "xlsx": (uploads.template_xlsx, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


@require_http_methods(["GET", "HEAD", "POST"])
@access.page(access.EDITORS)
def upload_list(request: PortalRequest) -> HttpResponse:
    """Upload a file; the latest ones and how far they have come."""
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if request.method == "POST" and form.is_valid():
        try:
            upload = _receive(request, form.cleaned_data["file"])
        except Refusal as refusal:
            form.add_error("file", str(refusal))
        else:
            return redirect("partners:upload", upload.pk)
    latest = Upload.objects.filter(partner=request.partner).order_by("-pk")[:_LATEST]
    context = {"form": form, "uploads": latest}
    return render(request, "partners/uploads.html", context, status=422 if form.errors else 200)


@require_safe
@access.page(access.EDITORS)
def upload_page(request: PortalRequest, pk: int) -> HttpResponse:
    """The step that the upload has come to."""
    upload = access.own(request, Upload.objects.all(), pk)
    rows = upload.lines.select_related("offer").order_by("number")
    only_wrong = "wrong" in request.GET
    page = Paginator(rows.exclude(errors=[]) if only_wrong else rows, _PAGE).get_page(request.GET.get("page"))
    names = CatalogueNames() if page.object_list else None
    return render(
        request,
        "partners/upload.html",
        {
            "upload": upload,
            "is_at_work": upload.phase in _AT_WORK,
            "decide_by": upload.created_at + uploads.KEPT,
            "why": uploads.refusal_in_words(upload),
            "bad": upload.rows_done - upload.good,
            "only_wrong": only_wrong,
            "page": page,
            "rows": [
                (row, uploads.problems_in_words(row), uploads.understood_in_words(row, names=names)) for row in page
            ],
        },
    )


@require_safe
@access.page(access.EDITORS)
def progress(request: PortalRequest, pk: int) -> HttpResponse:
    """The progress bar, asked for again and again; when the file is read or imported, the page shows the rows."""
    upload = access.own(request, Upload.objects.all(), pk)
    if upload.phase not in _AT_WORK:
        return HttpResponseClientRefresh()
    return render(request, "partners/progress.html", {"upload": upload})


@require_POST
@access.page(access.EDITORS)
def confirm(request: PortalRequest, pk: int) -> HttpResponse:
    """Import what the preview showed, or let a worker do it: the page then shows how far it is."""
    upload = access.own(request, Upload.objects.all(), pk)
    try:
        count = uploads.confirm(upload=upload, by=request.by, now=clock.now())
    except Refusal as refusal:
        messages.error(request, str(refusal))
    else:
        if count is not None:
            done = _("Offers made of it: %(count)s. They are drafts: submit them.")
            messages.success(request, done % {"count": count})
    return redirect("partners:upload", upload.pk)


@require_POST
@access.page(access.EDITORS)
def discard(request: PortalRequest, pk: int) -> HttpResponse:
    upload = access.own(request, Upload.objects.all(), pk)
    try:
        uploads.discard(upload=upload, by=request.by, now=clock.now())
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect("partners:upload", upload.pk)
    messages.success(request, _("The file is discarded."))
    return redirect("partners:uploads")


@require_safe
@access.page(access.EDITORS)
def template(request: PortalRequest, kind: str) -> HttpResponse:
    """The file to begin with."""
    if kind not in _TEMPLATES:
        raise Http404
    make, content_type = _TEMPLATES[kind]
    response = HttpResponse(make(), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="offers.{kind}"'
    return response


def _receive(request: PortalRequest, file: UploadedFile) -> Upload:
    return uploads.receive(
        partner=request.partner, file_name=file.name or "", chunks=file.chunks, by=request.by, now=clock.now()
    )
