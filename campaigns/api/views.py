"""Partners' addresses: authenticate, translate, one operation, translate back. Another's object is not there."""

from dataclasses import replace
from typing import Any

from django.db import transaction
from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.decorators import method_decorator
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from campaigns.api import serializers
from campaigns.api.auth import HasScope, PartnerCaller, PartnerProof
from campaigns.api.problems import problem_details
from campaigns.api.serializers import OfferSerializer
from campaigns.codes import pool, redemption
from campaigns.models import Offer, Partner, PartnerClient, Redemption
from campaigns.offers import approval
from campaigns.offers.drafts import Draft
from core.lib import clock, problems, strict

Scope = PartnerClient.Scope


def problems_of(*statuses: int) -> dict[tuple[int, str], type[serializers.PartnerProblemSerializer]]:
    """The refusals of an address, with those of every address."""
    every = (400, 401, 403, 413, 422, 429, *statuses)
    return {(status, problems.CONTENT_TYPE): serializers.PartnerProblemSerializer for status in sorted(set(every))}


_EXAMPLE = OpenApiExample(
    "A discount with a code of one's own",
    {
        "lifecycleStatus": "submitted",
        "title": {"ru": "Скидка 30% на всё меню"},
        "text": {"ru": "Кофейня «Арбат»: -30% на всё меню. Код {code}."},
        "category": "food",
        "validFor": {"startDateTime": "2026-12-01T00:00:00+05:00", "endDateTime": "2026-12-10T23:59:59+05:00"},
        "channels": ["sms", "ussd"],
        "towns": ["almaty"],
        "discount": 30,
        "codes": "unique",
    },
    request_only=True,
)


class PartnerView(APIView):
    """What the addresses share: who calls, in which scope, and how refusals look."""

    authentication_classes = [PartnerProof]
    permission_classes = [HasScope]
    parser_classes = [strict.StrictJSONParser]
    scope: str = Scope.OFFERS

    @method_decorator(translation.override("en"))
    def dispatch(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """To machines we speak English."""
        return super().dispatch(*args, **kwargs)

    def get_exception_handler(self) -> Any:
        """Errors as a list."""
        return problem_details

    @property
    def caller(self) -> PartnerCaller:
        """Whose software it is; PartnerProof has found it."""
        assert isinstance(self.request.auth, PartnerCaller)
        return self.request.auth

    def offer(self, offer_id: int, *, is_locked: bool = False) -> Offer:
        """The partner's own offer. Raises Http404 for anybody else's."""
        known = Offer.objects.select_related("category", "partner").filter(partner=self.caller.partner, pk=offer_id)
        found = (known.select_for_update(of=["self"]) if is_locked else known).first()
        if found is None:
            raise Http404
        return found


class OffersView(PartnerView):
    """All offers of the partner."""

    @extend_schema(
        operation_id="partner_offers",
        summary="List offers",
        parameters=[serializers.ListSerializer],
        responses={200: serializers.PageSerializer, **problems_of()},
        tags=["Partners"],
    )
    def get(self, request: Request) -> Response:
        """The partner's offers, latest first."""
        wanted = serializers.ListSerializer(data=request.query_params)
        wanted.is_valid(raise_exception=True)
        limit = wanted.validated_data["limit"]
        found = Offer.objects.select_related("category").filter(partner=self.caller.partner).order_by("-pk")
        if state := wanted.validated_data.get("lifecycleStatus"):
            found = found.filter(state=state)
        if cursor := wanted.validated_data.get("cursor"):
            found = found.filter(pk__lt=cursor)
        page = list(found[: limit + 1])
        last = str(page[limit - 1].pk) if len(page) > limit else None
        return Response({"results": OfferSerializer(page[:limit], many=True).data, "next": last})

    @extend_schema(
        operation_id="partner_offer_create",
        summary="Create an offer",
        request=serializers.NewOfferSerializer,
        responses={201: OfferSerializer, **problems_of(409)},
        examples=[_EXAMPLE],
        tags=["Partners"],
    )
    def post(self, request: Request) -> Response:
        """Make an offer; an identical one is a conflict that tells the other's id, so repeating is harmless."""
        form = serializers.NewOfferSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        draft = Draft(**form.changes())
        offer = self._create(draft, is_submitted=form.validated_data["lifecycleStatus"] == "submitted")
        answer = OfferSerializer(offer).data
        return Response(answer, status=201, headers={"Location": answer["href"]})

    @transaction.atomic
    def _create(self, draft: Draft, *, is_submitted: bool) -> Offer:
        """Create it, and submit it if so wished; two alike that come at once stand in line."""
        partner = Partner.objects.select_for_update(no_key=True).get(pk=self.caller.partner.pk)
        now = clock.now()
        offer = approval.create(partner=partner, draft=draft, by=self.caller.by, now=now)
        return approval.submit(offer=offer, by=self.caller.by, now=now) if is_submitted else offer


class OfferView(PartnerView):
    @extend_schema(
        operation_id="partner_offer",
        summary="Read an offer",
        responses={200: OfferSerializer, **problems_of(404)},
        tags=["Partners"],
    )
    def get(self, request: Request, offer_id: int) -> Response:
        """The offer, with its state and why it was rejected."""
        return Response(OfferSerializer(self.offer(offer_id)).data)

    @extend_schema(
        operation_id="partner_offer_update",
        summary="Change an offer",
        request=serializers.OfferChangeSerializer,
        responses={200: OfferSerializer, **problems_of(404, 409)},
        tags=["Partners"],
    )
    def patch(self, request: Request, offer_id: int) -> Response:
        """Change what is given and leave the rest; what was approved goes back to approval."""
        form = serializers.OfferChangeSerializer(data=request.data)
        with transaction.atomic():
            offer = self.offer(offer_id, is_locked=True)
            form.is_valid(raise_exception=True)
            draft = replace(Draft.of(offer), **form.changes())
            offer = approval.edit(offer=offer, draft=draft, by=self.caller.by, now=clock.now())
        return Response(OfferSerializer(offer).data)


class SubmitView(PartnerView):
    """An offer on its way to approval."""

    @extend_schema(
        operation_id="partner_offer_submit",
        summary="Submit an offer",
        request=None,
        responses={200: OfferSerializer, **problems_of(404, 409)},
        tags=["Partners"],
    )
    def post(self, request: Request, offer_id: int) -> Response:
        """Ask for approval of a draft, or anew of what was rejected."""
        offer = approval.submit(offer=self.offer(offer_id), by=self.caller.by, now=clock.now())
        return Response(OfferSerializer(offer).data)


class CodesView(PartnerView):
    """The pool of an offer with codes of one's own."""

    @extend_schema(
        operation_id="partner_offer_codes",
        summary="Bring your own codes",
        request=serializers.CodesSerializer,
        responses={201: serializers.CodesTakenSerializer, **problems_of(404, 409)},
        tags=["Partners"],
    )
    def post(self, request: Request, offer_id: int) -> Response:
        """Put the partner's own codes into the offer's pool, all or none; without any we make them."""
        offer = self.offer(offer_id)
        form = serializers.CodesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return Response({"added": pool.bring_own(offer=offer, codes=form.validated_data["codes"])}, status=201)


class RedemptionsView(PartnerView):
    """Codes at tills."""

    scope = Scope.REDEEM

    @extend_schema(
        operation_id="partner_redeem",
        summary="Redeem a code",
        request=serializers.RedeemSerializer,
        responses={201: serializers.RedemptionSerializer, **problems_of(409)},
        examples=[OpenApiExample("A till", {"code": "KB3H-X8CE", "receipt": "till-7/000123"}, request_only=True)],
        tags=["Partners"],
    )
    def post(self, request: Request) -> Response:
        """Redeem a member's code; the same receipt again answers the same."""
        form = serializers.RedeemSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        done = redemption.redeem(
            partner=self.caller.partner,
            code=form.validated_data["code"],
            receipt=form.validated_data.get("receipt", ""),
            by=self.caller.by,
            now=clock.now(),
        )
        return Response(serializers.RedemptionSerializer(_redemption(done)).data, status=201)


def _redemption(done: Redemption) -> dict[str, Any]:
    offer = done.offer
    told = {
        "id": offer.pk,
        "href": serializers.href(offer),
        "name": offer.title_in("ru"),
        "discount": offer.discount,
    }
    return {"id": done.pk, "offer": told, "redeemedAt": done.at, "receipt": done.receipt}
