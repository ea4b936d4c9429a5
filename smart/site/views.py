"""The front page and the icon."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.http import require_safe

CODES = ("*555#", "*555*1#", "*555*00#", "*111*3#", "*555*6#", "*555*2#")


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """What SMART is and where to go."""
    return render(request, "front.html", {"local": settings.DEMO, "care": settings.CARE_NUMBERS})


@require_safe
def icon(request: HttpRequest) -> HttpResponse:
    """Where browsers look for the icon; found when asked, for `manage.py` runs before the files are collected."""
    return redirect(static("icon.svg"))
