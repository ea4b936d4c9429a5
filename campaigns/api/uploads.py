"""Offers by the file: upload, look at what was understood, confirm. The file's rules are those of offers.uploads."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.serializers import MOST_A_PAGE, NAMES, FieldErrorSerializer, UnderstoodSerializer, understood
from campaigns.api.views import PartnerView, problems_of
from campaigns.models import Upload, UploadRow
from campaigns.offers.uploads import operations
from campaigns.offers.uploads.table import MOST_BYTES
from core.lib import clock

_ROW_MAX = 2**31 - 1
_AROUND_THE_FILE = 64 * 1024  # a form's boundaries and headers


class FileSerializer(serializers.Serializer[Any]):
    """A file of offers."""

    file = serializers.FileField(help_text="CSV or XLSX, as the portal's template; 5 MB, 5,000 rows at most.")


class RowSerializer(serializers.Serializer[Any]):
    """A row as it was understood."""

    row = serializers.IntegerField(help_text="As a spreadsheet counts it.")
    offer = serializers.CharField(allow_null=True, help_text="The offer made of it, or there already.")
    understood = UnderstoodSerializer(help_text="What confirming makes an offer of.")

    def get_fields(self) -> dict[str, Any]:
        """Add `errors`, a name the serializer itself has taken."""
        return {**super().get_fields(), "errors": FieldErrorSerializer(many=True)}


class UploadSerializer(serializers.Serializer[Any]):
    """How far an upload has come."""

    id = serializers.CharField()
    href = serializers.CharField()
    fileName = serializers.CharField()
    status = serializers.ChoiceField(Upload.Phase.choices)
    rows = serializers.IntegerField()
    rowsRead = serializers.IntegerField()
    rowsGood = serializers.IntegerField(help_text="Rows without errors: confirming makes an offer of each.")
    reason = serializers.CharField(
        help_text="Why nothing was made of the file, or why it waits for a decision again; else empty."
    )


class UploadedSerializer(UploadSerializer):
    """An upload with a page of its rows."""

    results = RowSerializer(many=True)
    next = serializers.CharField(allow_null=True, help_text="`cursor` of the next page of rows; null on the last.")


class ImportedSerializer(serializers.Serializer[Any]):
    """What became of it."""

    added = serializers.IntegerField()


class RowsSerializer(serializers.Serializer[Any]):
    """Which rows to list."""

    limit = serializers.IntegerField(min_value=1, max_value=MOST_A_PAGE, default=MOST_A_PAGE)
    cursor = serializers.IntegerField(min_value=0, max_value=_ROW_MAX, default=0, help_text="`next` of a page.")


class UploadView(PartnerView):
    """Finds the partner's own uploads."""

    def upload(self, upload_id: int) -> Upload:
        """Raises Http404 for anybody else's."""
        found = Upload.objects.filter(partner=self.caller.partner, pk=upload_id).first()
        if found is None:
            raise Http404
        return found


class UploadsView(UploadView):
    """Where files go."""

    parser_classes = [MultiPartParser]
    most_bytes = MOST_BYTES + _AROUND_THE_FILE

    @extend_schema(
        operation_id="partner_upload",
        summary="Upload a file of offers",
        request={"multipart/form-data": FileSerializer},
        responses={202: UploadSerializer, **problems_of()},
        tags=["Partners"],
    )
    def post(self, request: Request) -> Response:
        """Take a file; it is read within seconds, and nothing becomes an offer before it is confirmed."""
        form = FileSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        file = form.validated_data["file"]
        upload = operations.receive(
            partner=self.caller.partner, file_name=file.name, chunks=file.chunks, by=self.caller.by, now=clock.now()
        )
        answer = _upload(upload)
        return Response(answer, status=202, headers={"Location": answer["href"]})


class UploadedView(UploadView):
    @extend_schema(
        operation_id="partner_upload_status",
        summary="See what was understood of a file",
        parameters=[RowsSerializer],
        responses={200: UploadedSerializer, **problems_of(404)},
        tags=["Partners"],
    )
    def get(self, request: Request, upload_id: int) -> Response:
        """How far it is, with its rows and what is wrong with each."""
        upload = self.upload(upload_id)
        wanted = RowsSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        limit = wanted.validated_data["limit"]
        lines = upload.lines.filter(number__gt=wanted.validated_data["cursor"]).order_by("number")
        page = list(lines[: limit + 1])
        last = str(page[limit - 1].number) if len(page) > limit else None
        return Response({**_upload(upload), "results": [_row(line) for line in page[:limit]], "next": last})


class ConfirmView(UploadView):
    """A decision about what was shown."""

    @extend_schema(
        operation_id="partner_upload_confirm",
        summary="Make offers of a file's rows",
        request=None,
        responses={200: ImportedSerializer, 202: UploadSerializer, **problems_of(404, 409)},
        tags=["Partners"],
    )
    def post(self, request: Request, upload_id: int) -> Response:
        """Make a draft of every row without errors, all or none, once.

        Many rows take seconds: the answer is then 202, `status` is `accepted`, and `imported` when they are made. It is
        `parsed` again, with a `reason`, when rows have become wrong since they were shown.
        """
        upload = self.upload(upload_id)
        count = operations.confirm(upload=upload, by=self.caller.by, now=clock.now())
        if count is None:
            answer = _upload(self.upload(upload_id))
            return Response(answer, status=202, headers={"Location": answer["href"]})
        return Response({"added": count})


def _upload(upload: Upload) -> dict[str, Any]:
    return {
        "id": str(upload.pk),
        "href": f"/api/partners/v1/uploads/{upload.pk}/",
        "fileName": upload.file_name,
        "status": upload.phase,
        "rows": upload.rows,
        "rowsRead": upload.rows_done,
        "rowsGood": upload.good,
        "reason": operations.refusal_in_words(upload),
    }


def _row(line: UploadRow) -> dict[str, Any]:
    sentences = operations.problems_in_words(line)
    errors = [
        {"field": NAMES.get(name, name), "code": code, "detail": sentence}
        for (name, code, _details), sentence in zip(line.errors, sentences, strict=True)
    ]
    return {
        "row": line.number,
        "errors": errors,
        "offer": str(line.offer_id) if line.offer_id else None,
        "understood": understood(operations.draft_of(line)),
    }
