"""The front page, the language switch, and the answer to whether we are up."""

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

# What is shown on this machine only; a production base has no such accounts.
DEMO_ACCOUNTS = ("admin", "marketing", "care")
DEMO_PASSWORD = "smart-demo-2026"

CODES = ("*555#", "*555*1#", "*555*00#", "*111*3#", "*555*2#")


@require_GET
def front(request: HttpRequest) -> HttpResponse:
    """What SMART is and where to go."""
    local = {"accounts": DEMO_ACCOUNTS, "password": DEMO_PASSWORD} if settings.LOCAL else None
    return render(request, "front.html", {"local": local, "care": settings.CARE_NUMBERS})


@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """Up, and the database answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")
