"""The page that asks before something is done: a link only shows it, its form acts."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise

from core.staff.pages import framed


def ask(
    request: HttpRequest,
    *,
    does: str | Promise,
    what: str | Promise,
    back: str,
    title: str | Promise = "",
    about: object = "",
    form: forms.Form | None = None,
    is_dangerous: bool = False,
) -> HttpResponse:
    """Ask by POST to the same address, or go back: `does` is the button, `what` what will happen."""
    return framed(
        request,
        "staff/confirm.html",
        title=title or does,
        does=does,
        what=what,
        back=back,
        about=about,
        form=form,
        is_dangerous=is_dangerous,
    )
