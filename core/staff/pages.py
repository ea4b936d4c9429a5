"""A page of the back office that is no admin form: signed in, permitted, inside the admin's frame."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

View = Callable[..., HttpResponse]


def page(*permissions: str) -> Callable[[View], View]:
    """Open the view to staff who hold all of these; others get 403, strangers the sign-in page."""

    def wrap(view: View) -> View:
        guarded: View = admin.site.admin_view(permission_required(permissions, raise_exception=True)(view))
        return guarded

    return wrap


def framed(request: HttpRequest, template: str, *, title: object, **context: Any) -> HttpResponse:
    """Answer with the template inside the admin's frame."""
    return render(request, template, {**admin.site.each_context(request), "title": title, **context})
