"""What came back of surveys, to be looked at: who was asked and how far each came. Surveys are written and run on their
own pages (surveys.staff).
"""

from django.contrib import admin

from core.staff.admin import ReadOnlyAdmin
from surveys.models import Invitation, Response


@admin.register(Response)
class ResponseAdmin(ReadOnlyAdmin):
    """Ways through surveys. What a member answered is in no list: results tell it of many together."""

    list_display = ["id", "survey", "subscriber", "state", "channel", "language", "started_at", "ended_at", "units",
                    "is_fast"]  # fmt: skip
    list_select_related = ["survey", "subscriber"]
    list_filter = ["state", "channel", "is_fast", "survey"]
    search_fields = ["=subscriber__pk", "=pk"]
    ordering = ["-pk"]
    fields = [
        "survey", "version", "subscriber", "state", "channel", "language", "town", "gender", "age", "quota", "path",
        "asked", "started_at", "asked_at", "ended_at", "is_fast", "units", "grant",
    ]  # fmt: skip


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Members who were asked; the messages themselves are in the outbox."""

    list_display = ["id", "survey", "subscriber", "channel", "invited_at", "reminded_at"]
    list_select_related = ["survey", "subscriber"]
    list_filter = ["channel", "survey"]
    search_fields = ["=subscriber__pk", "=pk"]
    ordering = ["-pk"]
