"""What an error says: to people in words, inside the back office in its frame; to machines as problem details."""

import logging
import sys
from collections.abc import Callable

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views import defaults

from core.lib import problems
from core.staff.pages import framed

logger = logging.getLogger(__name__)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404, to machines as problem details."""
    if request.path.startswith("/api/"):
        return problems.response(404, "not_found", "There is no such address.")
    return _page(request, 404, _("There is no such page"))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403, to machines as problem details."""
    if request.path.startswith("/api/"):
        return problems.response(403, "permission_denied", "You may not do this.")
    sentence = _("It is for people with other duties. If it is yours, ask an administrator for the role.")
    return _page(request, 403, _("You may not open this page"), sentence)


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without its token: forged, or opened before the last sign-in."""
    sentence = _("Open its page anew and send it again; nothing was changed.")
    return _page(request, 403, _("The form was not accepted"), sentence)


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
    try:
        if _has_frame(request):
            sentence = _("Please try again. What happened is in our log.")
            return _page(request, 500, _("Something went wrong"), sentence)
    except Exception:  # the frame reads the database, and may be what went wrong
        logger.exception("The back office's frame cannot be shown around an error")
    return defaults.server_error(request)


def _away() -> HttpResponse:
    return HttpResponse(render_to_string("503.html"), status=503, headers=problems.AGAIN)


def _page(request: HttpRequest, status: int, title: str, sentence: str = "") -> HttpResponse:
    """Say it in words, to staff inside the back office's frame."""
    if _has_frame(request):
        return framed(request, "staff/error.html", title=title, sentence=sentence, status=status)
    return render(request, "error.html", {"title": title, "sentence": sentence}, status=status)


def _has_frame(request: HttpRequest) -> bool:
    return request.path.startswith("/admin/") and hasattr(request, "user") and admin.site.has_permission(request)


class NotAllowedMiddleware:
    """Says 405 in words, where Django says nothing: an address that is posted to, opened from the history."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not request.path.startswith("/api/"):
            sentence = _("It only takes what a page sends to it. Go back to that page; nothing was changed.")
            response.content = _page(request, 405, _("This address cannot be opened"), sentence).content
        return response
