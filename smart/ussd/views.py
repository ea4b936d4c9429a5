"""The USSD gateways' addresses (P3): authenticate, translate, one call to the engine, translate back.

A trimmed DRF view (ADR 0007): it keeps the schema, the handler of errors and the dispatch; content negotiation,
parser and renderer classes are replaced by the dialect's own two functions.
"""

import logging
from abc import ABC, abstractmethod
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import translation
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from core.access import auth
from core.access.models import ApiClient
from core.lib import clock, problems
from smart.ussd import deadline, endings, engine, schema, sessions
from smart.ussd.dialects import africastalking, comviva, native
from smart.ussd.dialects.native import BadRequest
from smart.ussd.request import GatewayRequest, Reply

logger = logging.getLogger(__name__)

MAX_BODY = 16 * 1024
MAX_SESSION_ID = 128


class TooLarge(Exception):
    """The body is longer than any gateway's request."""


def read_body(request: HttpRequest) -> bytes:
    """The body, unless it is too large to be a key press. Raises TooLarge."""
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        body = request.body if length <= MAX_BODY else b""
    except (ValueError, RequestDataTooBig, UnreadablePostError):
        raise TooLarge from None
    if length > MAX_BODY or len(body) > MAX_BODY:
        raise TooLarge
    return body


class GatewayView(APIView, ABC):
    """What the dialects share: 401 without detail, 413, 422, and a polite end when time is short."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    http_method_names = ["post", "options"]
    question_type = "application/json"
    answer_type = "application/json"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Skip negotiation, parsers, throttles and renderers; anything but a POST takes DRF's own way."""
        if request.method != "POST":
            with translation.override("en"):  # to machines we speak English
                return super().dispatch(request, *args, **kwargs)  # type: ignore[return-value]
        try:
            body = read_body(request)
            try:
                with deadline.within(settings.USSD_DEADLINE_SECONDS - 0.3):
                    return self.serve(request, body, **kwargs)
            except (*problems.DATABASE_AWAY, sessions.Raced) as error:
                logger.warning("A dial was not answered in time: %s", type(error).__name__)
                return self.try_again(body)
        except TooLarge:
            return problems.response(413, "too_large", "The request is too large.")
        except auth.NotAuthenticated:
            return problems.response(401, "not_authenticated", "Not authenticated.", {"WWW-Authenticate": "Smart"})
        except BadRequest as error:
            return problems.response(422, "invalid", "The request does not fit its schema.", errors=error.errors)

    @abstractmethod
    def serve(self, request: HttpRequest, body: bytes, **kwargs: Any) -> HttpResponse:
        """Authenticate, translate, answer."""

    @abstractmethod
    def try_again(self, body: bytes) -> HttpResponse:
        """Answer while the database is too slow or away: nothing was done, and who calls may not be known either."""


def ask(request: GatewayRequest) -> Reply:
    """Ask the engine, now."""
    return engine.answer(request, now=clock.now())


class NativeView(GatewayView):
    """Our own dialect: signed JSON."""

    @extend_schema(
        operation_id="ussd_session_step",
        summary="One step of a USSD session",
        description=schema.NATIVE,
        parameters=[*schema.SIGNATURE, OpenApiParameter("session_id", str, OpenApiParameter.PATH)],
        request=schema.StepRequest,
        responses={200: schema.StepReply, **schema.PROBLEMS},
        examples=[
            OpenApiExample("Dial", {"msisdn": "77010000001", "dialed": "*555*1#", "sequence": 1}, request_only=True)
        ],
        tags=["USSD"],
    )
    def post(self, request: Request, session_id: str) -> HttpResponse:
        """What is documented; dispatch serves it before DRF comes to this."""
        return self.dispatch(request, session_id=session_id)

    def serve(self, request: HttpRequest, body: bytes, session_id: str = "", **kwargs: Any) -> HttpResponse:
        """Signed JSON in, JSON out."""
        caller = auth.by_signature(request, ApiClient.Kind.USSD, body)
        if len(session_id) > MAX_SESSION_ID or not native.is_storable(session_id):
            raise BadRequest(session_id=f"At most {MAX_SESSION_ID} characters.")
        return self.answer(ask(native.parse(body, session_id, caller)))

    def try_again(self, body: bytes) -> HttpResponse:
        """An end that asks to try again."""
        return self.answer(endings.try_again())

    def answer(self, reply: Reply) -> HttpResponse:
        """Wrap the reply."""
        return HttpResponse(native.render(reply), content_type="application/json")


class AfricasTalkingView(GatewayView):
    """The de-facto protocol of aggregators."""

    @extend_schema(
        operation_id="ussd_africastalking",
        summary="One step, as Africa's Talking asks it",
        request={"application/x-www-form-urlencoded": schema.AfricasTalkingRequest},
        responses={(200, "text/plain"): str, **schema.PROBLEMS},
        tags=["USSD"],
    )
    def post(self, request: Request) -> HttpResponse:
        """What is documented; dispatch serves it before DRF comes to this."""
        return self.dispatch(request)

    def serve(self, request: HttpRequest, body: bytes, **kwargs: Any) -> HttpResponse:
        """A form in, CON or END out."""
        caller = auth.by_key(request, ApiClient.Kind.USSD)
        form = africastalking.read(request, body)
        return self.answer(
            endings.farewell() if africastalking.is_notice(form) else ask(africastalking.parse(form, caller))
        )

    def try_again(self, body: bytes) -> HttpResponse:
        """An END that asks to try again."""
        return self.answer(endings.try_again())

    def answer(self, reply: Reply) -> HttpResponse:
        """Wrap the reply."""
        return HttpResponse(africastalking.render(reply), content_type="text/plain; charset=utf-8")


class ComvivaView(GatewayView):
    """Comviva's XML pull."""

    @extend_schema(
        operation_id="ussd_comviva",
        summary="One step, as Comviva asks it",
        request={"text/xml": str},
        responses={(200, "text/xml"): OpenApiResponse(str), **schema.PROBLEMS},
        tags=["USSD"],
    )
    def post(self, request: Request) -> HttpResponse:
        """What is documented; dispatch serves it before DRF comes to this."""
        return self.dispatch(request)

    def serve(self, request: HttpRequest, body: bytes, **kwargs: Any) -> HttpResponse:
        """XML in, XML out."""
        caller = auth.by_key(request, ApiClient.Kind.USSD)
        fields = comviva.read(body)
        return self.answer(
            endings.farewell() if comviva.is_notice(fields) else ask(comviva.parse(fields, caller)), fields
        )

    def try_again(self, body: bytes) -> HttpResponse:
        """An FB that asks to try again."""
        return self.answer(endings.try_again(), comviva.read(body))

    def answer(self, reply: Reply, fields: dict[str, str]) -> HttpResponse:
        """Wrap the reply."""
        answer = comviva.render(reply, fields["sessionId"], fields["msisdn"])
        return HttpResponse(answer, content_type="text/xml; charset=utf-8")
