"""Dials, as the care desk keeps them."""

from django.contrib import admin

from core.staff.admin import ReadOnlyAdmin
from smart.ussd.models import Dial


@admin.register(Dial)
class DialAdmin(ReadOnlyAdmin):
    """Finished USSD sessions with their screens."""

    list_display = ["id", "dialed", "subscriber", "client", "language", "opened_at", "closed_at"]
    list_select_related = ["subscriber", "client"]
    search_fields = ["=subscriber__pk"]
    ordering = ["-month", "-pk"]
