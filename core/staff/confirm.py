"""The page that asks before an action of the back office acts: a link only shows it, its form acts."""

from typing import Any

from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.functional import Promise
from unfold.admin import ModelAdmin


def subject(admin: ModelAdmin, request: HttpRequest, object_id: object) -> Any:
    """Return the object an action is about. Raises Http404, for words instead of ids too."""
    found = admin.get_object(request, str(object_id))
    if found is None:
        raise Http404
    return found


def page_of(about: Model) -> str:
    """Return the address of the object's own page."""
    return reverse(f"admin:{about._meta.app_label}_{about._meta.model_name}_change", args=[about.pk])


def ask(
    admin: ModelAdmin,
    request: HttpRequest,
    about: Model,
    *,
    does: str | Promise,
    what: str,
    is_dangerous: bool = False,
    back: str = "",
    **sent: str,
) -> HttpResponse:
    """Ask by POST to the same address, or go back: `does` is the button, `what` what will happen, `sent` goes along.

    Back is the object's own page unless `back` names another.
    """
    context = {
        **admin.admin_site.each_context(request),
        "title": does,
        "about": about,
        "what": what,
        "is_dangerous": is_dangerous,
        "sent": sent,
        "back": back or page_of(about),
    }
    return render(request, "admin/confirm.html", context)
