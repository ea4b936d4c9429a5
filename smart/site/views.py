"""The front page, the language switch, and the answer to whether we are up."""

import sys
from collections.abc import Callable

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.views import defaults
from django.views.decorators.http import require_safe

from core.lib import problems

CODES = ("*555#", "*555*1#", "*555*00#", "*111*3#", "*555*6#", "*555*2#")


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """What SMART is and where to go."""
    return render(request, "front.html", {"local": settings.DEMO, "care": settings.CARE_NUMBERS})


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404, to machines as problem details."""
    if request.path.startswith("/api/"):
        return problems.response(404, "not_found", "There is no such address.")
    return defaults.page_not_found(request, exception)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403, to machines as problem details."""
    if request.path.startswith("/api/"):
        return problems.response(403, "permission_denied", "You may not do this.")
    return defaults.permission_denied(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, to machines as problem details."""
    if request.path.startswith("/api/"):
        return problems.response(400, "bad_request", "The request cannot be understood.")
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, to machines as problem details; what went wrong is in the log only. 503 while the database is away."""
    is_api = request.path.startswith("/api/")
    # Django calls this where it caught the error.
    if isinstance(sys.exception(), problems.DATABASE_AWAY):
        return problems.unavailable() if is_api else _away()
    if is_api:
        return problems.response(500, "internal_error", "Something went wrong. Please try again.")
    return defaults.server_error(request)


def _away() -> HttpResponse:
    return HttpResponse(render_to_string("503.html"), status=503, headers=problems.AGAIN)


class NotAllowedMiddleware:
    """Says 405 in words, where Django says nothing: an address that is posted to, opened from the history."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not request.path.startswith("/api/"):
            response.content = render_to_string("405.html", request=request)
        return response


@require_safe
def icon(request: HttpRequest) -> HttpResponse:
    """Where browsers look for the icon; found when asked, for `manage.py` runs before the files are collected."""
    return redirect(static("icon.svg"))


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Up, and the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")
