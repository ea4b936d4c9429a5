"""The USSD gateways' addresses (P3): one trimmed DRF view, made for each dialect from its declaration.

Trimmed (ADR 0007): it keeps the schema, the handler of errors and the dispatch; content negotiation, parser and
renderer classes are replaced by the dialect's own functions.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils import translation
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from core.access import auth
from core.access.auth import Caller
from core.access.models import ApiClient
from core.lib import problems
from core.lib.problems import ProblemSerializer
from smart.ussd import exchange
from smart.ussd.dialect import BadRequest, Dialect, Incoming

MAX_BODY = 16 * 1024


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


class GatewayView(APIView):
    """What the dialects share: 401 without detail, 413, 422."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    dialect: ClassVar[Dialect[Any]]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Skip negotiation, parsers, throttles and renderers; a method of no dialect takes DRF's own way."""
        if request.method not in self.dialect.methods:
            with translation.override("en"):  # to machines we speak English
                return super().dispatch(request, *args, **kwargs)  # type: ignore[return-value]
        try:
            incoming = incoming_of(request, kwargs)
            answer = exchange.answer(self.dialect, incoming, lambda: self._caller(request, incoming.body))
        except TooLarge:
            return problems.response(413, "too_large", "The request is too large.")
        except auth.NotAuthenticated:
            return problems.response(401, "not_authenticated", "Not authenticated.", {"WWW-Authenticate": "Smart"})
        except BadRequest as error:
            return problems.response(422, "invalid", "The request does not fit its schema.", errors=error.errors)
        return HttpResponse(answer, content_type=self.dialect.content_type)

    def _caller(self, request: HttpRequest, body: bytes) -> Caller:
        """Raises NotAuthenticated."""
        if self.dialect.proof == ApiClient.Proof.SIGNATURE:
            return auth.by_signature(request, ApiClient.Kind.USSD, body)
        return auth.by_key(request, ApiClient.Kind.USSD)


def incoming_of(request: HttpRequest, address: dict[str, str]) -> Incoming:
    """Take from Django's request what dialects read. Raises TooLarge."""
    return Incoming(
        method=request.method or "",
        content_type=request.META.get("CONTENT_TYPE", ""),
        query=request.META.get("QUERY_STRING", ""),
        body=read_body(request),
        header=lambda name: request.headers.get(name, ""),
        address=address,
    )


def view_of(dialect: Dialect[Any]) -> type[GatewayView]:
    """Make the view of a dialect: a handler a method, which is what OpenAPI describes."""
    kind = type(dialect)
    names = [method.lower() for method in dialect.methods]
    members = {
        "__doc__": kind.__doc__,
        "__module__": __name__,
        "dialect": dialect,
        "http_method_names": [*names, "options"],
    }
    return type(f"{kind.__name__}View", (GatewayView,), members | {name: _handler(dialect) for name in names})


_SIGNATURE = [
    OpenApiParameter(name, str, OpenApiParameter.HEADER, required=True)
    for name in ("X-Smart-Key", "X-Smart-Timestamp", "X-Smart-Nonce", "X-Smart-Signature")
]
_PROBLEMS = {(status, problems.CONTENT_TYPE): ProblemSerializer for status in (401, 413, 422)}


def _handler(dialect: Dialect[Any]) -> Callable[..., HttpResponse]:
    def handle(self: GatewayView, request: Request, **kwargs: Any) -> HttpResponse:
        """What is documented; dispatch serves it before DRF comes to this."""
        return self.dispatch(request, **kwargs)

    operation = dialect.operation
    signature = _SIGNATURE if dialect.proof == ApiClient.Proof.SIGNATURE else []
    return extend_schema(
        operation_id=operation.operation_id or f"ussd_{dialect.name}",
        summary=operation.summary,
        description=operation.description or type(dialect).__doc__,
        parameters=[*signature, *operation.parameters],
        request=operation.request,
        responses={**operation.responses, **_PROBLEMS},
        examples=[*operation.examples],
        tags=["USSD"],
    )(handle)
