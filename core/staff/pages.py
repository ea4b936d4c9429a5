"""A page of the back office that is no admin form: signed in, permitted, inside the admin's frame."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django_htmx.middleware import HtmxDetails

View = Callable[..., HttpResponseBase]


class StaffRequest(HttpRequest):
    """A request of somebody of the staff: what views behind `page` get."""

    user: User
    htmx: HtmxDetails
    by: str  # who acts, as operations and the audit trail take it


def actor(request: HttpRequest, desk: str = "staff") -> str:
    """Who acts, for the hooks of an admin form, whose request has no `by`."""
    return f"{desk}:{request.user.get_username()}"


def page(permission: str, *others: str, desk: str = "staff") -> Callable[[View], View]:
    """Open the view to staff who hold all of these; others get 403, strangers the sign-in page."""
    permissions = (permission, *others)

    def decorate(view: View) -> View:
        @wraps(view)
        def opened(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
            request.by = actor(request, desk)
            return view(request, *args, **kwargs)

        guarded: Any = admin.site.admin_view(permission_required(permissions, raise_exception=True)(opened))
        guarded.permissions = permissions  # by which the test of the URL table knows the page
        return guarded

    return decorate


def framed(
    request: HttpRequest, template: str, *, title: object, status: int | None = None, **context: Any
) -> HttpResponse:
    """Answer with the template inside the admin's frame."""
    return render(request, template, {**admin.site.each_context(request), "title": title, **context}, status=status)
