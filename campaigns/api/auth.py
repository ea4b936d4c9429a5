"""Whose software is calling, and what its key may do."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.cache import cache
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from campaigns.models import Partner, PartnerClient
from core.access import auth
from core.access.models import ApiClient

FAILURES = 10  # a minute, of one key from one address
FAILURES_OF_ALL = 100  # a minute, of all keys from one address
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class PartnerCaller:
    """A partner's software; `by` is its name in every trail."""

    partner: Partner
    scopes: frozenset[str]
    by: str


class RequestTooLarge(exceptions.APIException):
    """The body is longer than the address takes."""

    status_code = 413
    default_code = "too_large"
    default_detail = "The request is too large."


class TooManyFailures(exceptions.APIException):
    """Wrong proofs came so often that none is looked at for a minute."""

    status_code = 429
    default_code = "too_many_failures"
    default_detail = "Too many wrong keys. Try again in a minute."
    retry_after = _MINUTE


class MissingScope(exceptions.PermissionDenied):
    """The key is right, but not for this."""

    default_code = "missing_scope"
    default_detail = "This key may not be used for that."


class PartnerProof(BaseAuthentication):
    """A bare key (HTTP Basic or X-Api-Key), or the signature that every interface knows."""

    def authenticate(self, request: Request) -> tuple[None, PartnerCaller]:
        """Return no user and the caller; raises AuthenticationFailed without detail."""
        _require_size(request)
        counters = _counters(request)
        if any(cache.get(name, 0) >= most for name, most in counters.items()):
            raise TooManyFailures
        try:
            return None, _caller(request)
        except auth.NotAuthenticated:
            for name in counters:
                cache.add(name, 0, _MINUTE)
                _one_more(name)
            raise exceptions.AuthenticationFailed from None

    def authenticate_header(self, request: Request) -> str:
        """Makes the answer 401."""
        return 'Basic realm="SMART"'


class PartnerProofScheme(OpenApiAuthenticationExtension):
    """How OpenAPI names the proofs; the signature's other three headers stand in docs/api.md."""

    target_class = PartnerProof
    name = ["partnerBasic", "partnerKey", "partnerSignature"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        """Return them in the order of `name`."""
        return [
            {"type": "http", "scheme": "basic"},
            {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
            {"type": "apiKey", "in": "header", "name": "X-Smart-Key"},
        ]


class HasScope(BasePermission):
    """The key's scopes hold the one the view names."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Raises MissingScope for a key that may do other things."""
        if not isinstance(request.auth, PartnerCaller):
            return False
        if getattr(view, "scope", None) not in request.auth.scopes:
            raise MissingScope
        return True


def _require_size(request: Request) -> None:
    """Raises RequestTooLarge; a signed body is read whole, so it keeps to the usual measure everywhere."""
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if not _is_signed(request):
        most = getattr(request.parser_context["view"], "most_bytes", most)
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        raise exceptions.ParseError from None
    if length > most:
        raise RequestTooLarge


def _is_signed(request: Request) -> bool:
    return "HTTP_X_SMART_SIGNATURE" in request.META


def _caller(request: Request) -> PartnerCaller:
    kind = ApiClient.Kind.PARTNER
    if _is_signed(request):
        caller = auth.by_signature(request._request, kind, request._request.body)
        auth.remember_nonce(caller)
    else:
        caller = auth.by_key(request._request, kind)
    client = (
        PartnerClient.objects.select_related("partner")
        .filter(client_id=caller.client_id, partner__is_active=True)
        .first()
    )
    if client is None:
        raise auth.NotAuthenticated
    return PartnerCaller(client.partner, frozenset(client.scopes), f"api:{caller.name}")


def _counters(request: Request) -> dict[str, int]:
    """The counts of failures that this request falls under, with their limits: hints of this process, no truth."""
    address = auth.client_address(request._request)
    key_id = auth.key_id_of(request._request)
    return {f"partner-failures:{address}:{key_id}": FAILURES, f"partner-failures:{address}": FAILURES_OF_ALL}


def _one_more(name: str) -> None:
    try:
        cache.incr(name)
    except ValueError:  # its minute ended in between
        cache.add(name, 1, _MINUTE)
