"""Refusals to partners' software: problem details whose `errors` is a list of field, code and words."""

from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import exceptions
from rest_framework.response import Response

from campaigns.api.auth import TooManyFailures
from campaigns.api.serializers import NAMES, href
from campaigns.codes.pool import BadCodes
from campaigns.codes.redemption import TooManyGuesses
from campaigns.models import Offer
from campaigns.offers.approval import BadOffer
from core.lib import problems


def problem_details(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler of this interface; what it does not know is the common one's."""
    if isinstance(error, BadOffer):
        return _bad_offer(error)
    if isinstance(error, BadCodes):
        told = [_error(f"codes.{one.line - 1}" if one.line else "codes", one.code, str(one)) for one in error.problems]
        return _response(422, error.code, "The codes cannot be taken.", errors=told)
    if isinstance(error, exceptions.ValidationError):
        errors = list(_flat(error.detail, ""))
        return _response(422, "invalid", "The request does not fit its schema.", errors=errors)
    answer = problems.problem_details(error, context)
    if answer is not None and isinstance(error, TooManyGuesses):
        answer["Retry-After"] = str(error.details["seconds"])
    if answer is not None and isinstance(error, TooManyFailures):
        answer["Retry-After"] = str(error.retry_after)
    return answer


def _bad_offer(error: BadOffer) -> Response:
    """An offer that is there already is a conflict with its id; anything else is told field by field."""
    if [one.code for one in error.problems] == ["same_offer"]:
        same = Offer(pk=error.problems[0].details["offer"])
        return _response(409, "same_offer", str(error.problems[0]), id=str(same.pk), href=href(same))
    told = [_error(NAMES.get(one.name, one.name), one.code, str(one)) for one in error.problems]
    return _response(422, error.code, "The offer cannot be taken.", errors=told)


def _error(field: str, code: str, detail: str) -> dict[str, str]:
    return {"field": field, "code": code, "detail": detail}


def _flat(detail: Any, path: str) -> Iterator[dict[str, str]]:
    """DRF's nested errors as a list; what concerns the whole stands under the path of the whole."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from _flat(inner, path if name == "non_field_errors" else f"{path}.{name}".lstrip("."))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flat(inner, path)
    else:
        yield _error(path, getattr(detail, "code", "invalid"), str(detail))


def _response(status: int, code: str, title: str, **more: Any) -> Response:
    return Response(problems.problem(status, code, title, **more), status=status, content_type=problems.CONTENT_TYPE)
