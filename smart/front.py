"""The front page, the language switch, and the answer to whether we are up."""

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

CODES = ("*555#", "*555*1#", "*555*00#", "*111*3#", "*555*2#")


@require_GET
def front(request: HttpRequest) -> HttpResponse:
    """What SMART is and where to go."""
    return render(request, "front.html", {"local": settings.DEMO, "care": settings.CARE_NUMBERS})


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """Up, and the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")
