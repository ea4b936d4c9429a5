"""Results for partners' software: the very rows that the portal shows (ADR 0021)."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api import serializers
from campaigns.api.views import PartnerView, problems_of
from campaigns.models import PartnerClient
from campaigns.results import publishing
from campaigns.results.publishing import PublishedOffer


class ResultsView(PartnerView):
    """What the partner's offers came to."""

    scope = PartnerClient.Scope.RESULTS

    @extend_schema(
        operation_id="partner_results",
        summary="Read results",
        responses={200: serializers.ResultsSerializer, **problems_of()},
        tags=["Partners"],
    )
    def get(self, request: Request) -> Response:
        """Rounded totals and parts; the same however often it is asked in a day."""
        rows = publishing.for_partner(self.caller.partner)
        return Response({"results": [_shape(publishing.read(row)) for row in rows]})


def _shape(result: PublishedOffer) -> dict[str, Any]:
    return {
        "offerId": str(result.offer.pk),
        "campaign": result.campaign.name,
        "day": result.day.isoformat(),
        "isFinal": result.is_final,
        "totals": result.shown.totals,
        "parts": {
            dimension: {measure: _parts(told, others) for measure, (told, others) in measures.items()}
            for dimension, measures in result.shown.parts.items()
        },
    }


def _parts(told: dict[str, int], others: int | None) -> list[dict[str, Any]]:
    rest = [] if others is None else [{"count": others}]
    return [*({"key": key, "count": count} for key, count in told.items()), *rest]
