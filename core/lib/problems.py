"""Errors of the REST API as problem details (RFC 9457) with stable codes."""

import json
import logging
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from psycopg_pool import PoolTimeout
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.views import set_rollback

from core.lib import logs
from core.lib.errors import Refusal

logger = logging.getLogger(__name__)

_OUR_CODES = {"authentication_failed": "not_authenticated"}
# The database is away, comes up, or is too busy: nothing was done, and trying again helps.
DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeout)
AGAIN = {"Retry-After": "5"}  # seconds: by then the pool has tried to connect anew
_AWAY = (503, "unavailable", "The service is not available for a moment. Please try again.")
CONTENT_TYPE = "application/problem+json"


def problem(status: int, code: str, title: str, **more: Any) -> dict[str, Any]:
    """Return the body of a problem: type, title, status, code, instance (the request's id) and what else is known."""
    body = {"type": f"urn:smart:problem:{code}", "title": title, "status": status, "code": code}
    return {**body, "instance": f"urn:smart:request:{logs.request_id.get()}", **more}


class ProblemSerializer(serializers.Serializer[Any]):
    """Problem details (RFC 9457)."""

    type = serializers.CharField(help_text="`urn:smart:problem:` and the code.")
    title = serializers.CharField(help_text="For people.")
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable; for programs.")
    instance = serializers.CharField(help_text="`urn:smart:request:` and the id by which our log is searched.")

    def get_fields(self) -> dict[str, Any]:
        """Add `errors`, a name the serializer itself has taken."""
        what = "By field, where the request does not fit its schema."
        return {**super().get_fields(), "errors": serializers.DictField(required=False, help_text=what)}


def response(status: int, code: str, title: str, headers: dict[str, str] | None = None, **more: Any) -> HttpResponse:
    """A problem outside DRF."""
    body = json.dumps(problem(status, code, title, **more), ensure_ascii=False, separators=(",", ":"))
    return HttpResponse(body, status=status, content_type=CONTENT_TYPE, headers=headers)


def unavailable() -> HttpResponse:
    """503 outside DRF: the database is away."""
    return response(*_AWAY, headers=AGAIN)


def problem_details(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: a Refusal or an API error in words; None (a 500, nothing told) for anything else."""
    set_rollback()
    if isinstance(error, DATABASE_AWAY):
        logger.warning("A request found no database: %s", type(error).__name__)
        return _response(problem(*_AWAY), AGAIN)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    if isinstance(error, Refusal):
        return _response(problem(error.status, error.code, str(error), **_plain(error.details)))
    if isinstance(error, exceptions.ValidationError):
        return _response(problem(422, "invalid", "The request does not fit its schema.", errors=error.detail))
    if isinstance(error, exceptions.APIException):
        challenge = getattr(error, "auth_header", None)
        headers = {"WWW-Authenticate": challenge} if challenge else {}
        code = _OUR_CODES.get(error.default_code, error.default_code)
        return _response(problem(error.status_code, code, str(error.detail)), headers)
    return None


def _plain(details: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in details.items() if isinstance(value, str | int | bool | None)}


def _response(body: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(body, status=body["status"], headers=headers, content_type=CONTENT_TYPE)
