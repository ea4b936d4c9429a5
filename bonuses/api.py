"""The charging system's interface (P3)."""

from datetime import UTC
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.decorators import method_decorator
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, PolymorphicProxySerializer, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from bonuses import charging
from core.access import auth
from core.access.models import ApiClient
from core.lib import clock, problems, strict
from core.lib.msisdn import InvalidMsisdn, Msisdn
from core.lib.msisdn import parse as parse_msisdn

MAX_BODY = 16 * 1024
_MAX_UNITS = 1_000_000


class SignedCharging(BaseAuthentication):
    """The charging system's signature; its nonce is remembered before anything is done."""

    def authenticate(self, request: Request) -> tuple[None, auth.Caller]:
        """Return no user and the caller; raises AuthenticationFailed without detail."""
        try:
            if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BODY:
                raise DebitTooLarge
        except ValueError:
            raise exceptions.ParseError from None
        try:
            caller = auth.by_signature(request._request, ApiClient.Kind.CHARGING, request._request.body)
            auth.remember_nonce(caller)
        except auth.NotAuthenticated:
            raise exceptions.AuthenticationFailed from None
        return None, caller

    def authenticate_header(self, request: Request) -> str:
        """Makes the answer 401."""
        return "Smart"


class SignedChargingScheme(OpenApiAuthenticationExtension):
    """How OpenAPI names the signature; its other three headers are parameters."""

    target_class = SignedCharging
    name = "signature"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the header that says whose signature it is."""
        return {"type": "apiKey", "in": "header", "name": "X-Smart-Key"}


class DebitTooLarge(exceptions.APIException):
    """The body is longer than any debit."""

    status_code = 413
    default_code = "too_large"
    default_detail = "The request is too large."


class IsCharging(BasePermission):
    """A caller was authenticated."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """True when SignedCharging let the caller through."""
        return isinstance(request.auth, auth.Caller)


class DebitSerializer(serializers.Serializer[Any]):
    """A charging request."""

    request_id = strict.PatternField(r"^[!-~]{1,64}\Z", help_text="Unique per client; a repetition is answered alike.")
    msisdn = strict.TextField(max_length=40)
    service = strict.TextField(
        max_length=16, trim_whitespace=False, help_text="`call`, `sms` or `data`; anything unlisted is refused."
    )
    destination = strict.TextField(
        max_length=16, trim_whitespace=False, help_text="`on_net` or `internet`; anything unlisted is refused."
    )
    visited_plmn = strict.PatternField(
        r"^([0-9]{5,6})?\Z",
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="MCC and MNC, `40102`.",
    )
    units = strict.WholeField(min_value=1, max_value=_MAX_UNITS)
    event_time = strict.InstantField(default_timezone=UTC, help_text="ISO 8601 with an offset.")
    allow_partial = strict.SwitchField(default=False)

    def validate_msisdn(self, value: str) -> Msisdn:
        """Read the number in any usual spelling."""
        try:
            return parse_msisdn(value)
        except InvalidMsisdn as error:
            raise serializers.ValidationError(str(error), code=error.code) from None


class DebitAnswerSerializer(serializers.Serializer[Any]):
    """What was debited and what is left."""

    request_id = serializers.CharField()
    units_asked = serializers.IntegerField()
    units_granted = serializers.IntegerField()
    units_left = serializers.IntegerField()


class DebitProblemSerializer(DebitAnswerSerializer):
    """Why nothing was debited: problem details, stored and repeated as they are."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.ChoiceField(list(charging.REFUSALS))
    instance = serializers.CharField(help_text="`urn:smart:request:` and the id of the request first answered so.")


class RequestIdReusedSerializer(problems.ProblemSerializer):
    """The one conflict that is not stored; its code alone tells it from a refusal."""

    code = serializers.ChoiceField([charging.RequestIdReused.code])  # type: ignore[assignment]


class DebitView(APIView):
    """Debits of the operator's charging system."""

    authentication_classes = [SignedCharging]
    permission_classes = [IsCharging]
    parser_classes = [strict.StrictJSONParser]

    @method_decorator(translation.override("en"))
    def dispatch(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """To machines we speak English."""
        return super().dispatch(*args, **kwargs)

    @extend_schema(
        operation_id="charging_debit",
        summary="Debit units",
        parameters=[
            OpenApiParameter(name, str, OpenApiParameter.HEADER, required=True)
            for name in ("X-Smart-Key", "X-Smart-Timestamp", "X-Smart-Nonce", "X-Smart-Signature")
        ],
        request=DebitSerializer,
        responses={
            201: DebitAnswerSerializer,
            (409, problems.CONTENT_TYPE): PolymorphicProxySerializer(
                "DebitConflict", [DebitProblemSerializer, RequestIdReusedSerializer], None
            ),
            **{(status, problems.CONTENT_TYPE): problems.ProblemSerializer for status in (400, 401, 413, 422)},
        },
        examples=[
            OpenApiExample(
                "A call",
                {
                    "request_id": "cdr-1",
                    "msisdn": "77010000001",
                    "service": "call",
                    "destination": "on_net",
                    "visited_plmn": "40102",
                    "units": 3,
                    "event_time": "2026-11-23T12:00:00+05:00",
                    "allow_partial": False,
                },
                request_only=True,
            )
        ],
        tags=["Charging"],
    )
    def post(self, request: Request) -> HttpResponse:
        """Debit units for a service, in order of lapse; the same request id answers the same bytes."""
        form = DebitSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        answer = charging.debit(
            client_id=request.auth.client_id,  # type: ignore[union-attr]
            request=charging.DebitRequest(
                request_id=data["request_id"],
                msisdn=data["msisdn"],
                service=data["service"],
                destination=data["destination"],
                visited_plmn=data.get("visited_plmn") or "",
                units=data["units"],
                event_at=data["event_time"],
                allow_partial=data["allow_partial"],
                body=_body(request._request),
            ),
            now=clock.now(),
        )
        kind = "application/json" if answer.status == 201 else problems.CONTENT_TYPE
        return HttpResponse(answer.body, status=answer.status, content_type=kind)


def _body(request: HttpRequest) -> bytes:
    return request.body
