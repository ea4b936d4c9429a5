"""Subscribers, memberships, consent, towns and directory imports in the back office. No list shows a number."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action

from enrollment.models import ConsentEvent, ConsentText, DirectoryImport, Membership, Region, Subscriber, Town
from smart.lib import clock, confirm, gsm
from smart.lib.admin import ReadOnlyAdmin

_MOST_PAGES = 2


@admin.register(Region)
class RegionAdmin(ReadOnlyAdmin):
    """Shipped data."""

    list_display = ["code", "name_kk", "name_ru", "name_en"]


@admin.register(Town)
class TownAdmin(ReadOnlyAdmin):
    """Shipped data: enrollment/data/towns.csv."""

    list_display = ["code", "name_kk", "name_ru", "name_en", "region"]
    list_select_related = ["region"]
    list_filter = ["region"]
    search_fields = ["name_kk", "name_ru", "name_en", "former", "code"]


@admin.register(Subscriber)
class SubscriberAdmin(ReadOnlyAdmin):
    """What the directory says. A number is looked for at the care desk, with a reason, never in an address bar."""

    list_display = ["pk", "masked_msisdn", "brand", "line_status", "language", "town", "line_activated_on", "ended_at"]
    list_select_related = ["town"]
    list_filter = ["brand", "line_status", "language"]
    search_fields = ["=pk"]
    search_help_text = _("By id. Look a number up at the care desk.")
    ordering = ["-pk"]
    fields = [
        "masked_msisdn", "brand", "line_status", "tariff", "language", "language_is_chosen", "town", "birth_date",
        "gender", "line_activated_on", "created_at", "changed_at", "ended_at",
    ]  # fmt: skip

    @admin.display(description=_("number"))
    def masked_msisdn(self, subscriber: Subscriber) -> str:
        """Masked."""
        return subscriber.masked_msisdn


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Stays in the programme."""

    list_display = ["pk", "subscriber", "joined_at", "joined_by", "left_at", "left_reason"]
    list_select_related = ["subscriber"]
    list_filter = ["left_reason"]
    search_fields = ["=subscriber__pk"]
    ordering = ["-pk"]


@admin.register(ConsentEvent)
class ConsentEventAdmin(ReadOnlyAdmin):
    """Append-only (J3): the database refuses changes."""

    list_display = ["pk", "subscriber", "purpose", "channel", "action", "at", "by", "text", "language"]
    list_select_related = ["subscriber", "text"]
    list_filter = ["purpose", "channel", "action"]
    search_fields = ["=subscriber__pk"]
    ordering = ["-pk"]


@admin.register(ConsentText)
class ConsentTextAdmin(ModelAdmin):
    """What is shown before agreeing; a published version is frozen, a correction is a new one."""

    list_display = ["version", "published_at", "text_ru"]
    readonly_fields = ["published_at"]
    ordering = ["-version"]
    actions_detail = ["publish"]

    def has_change_permission(self, request: HttpRequest, obj: ConsentText | None = None) -> bool:
        """Only a draft can be changed."""
        return super().has_change_permission(request, obj) and (obj is None or obj.published_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: ConsentText | None = None) -> bool:
        """Only a draft can be deleted."""
        return super().has_delete_permission(request, obj) and obj is not None and obj.published_at is None

    @action(description=_("Publish"), permissions=["publish"])
    def publish(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Show this version from now on."""
        text = confirm.subject(self, request, object_id)
        long = [code for code in ("kk", "ru", "en") if len(gsm.pages(text.in_language(code), "0 …")) > _MOST_PAGES]
        if text.published_at is not None:
            messages.info(request, _("This version is published already."))
        elif long:
            messages.error(request, _("Too long for two USSD screens: %(languages)s") % {"languages": ", ".join(long)})
        elif request.method != "POST":
            what = _(
                "Whoever joins is shown %(text)s from then on, unless a newer version is published."
                " It can no longer be changed."
            ) % {"text": text}
            return confirm.ask(self, request, text, does=_("Publish"), what=what)
        else:
            ConsentText.objects.filter(pk=text.pk, published_at=None).update(published_at=clock.now())
            messages.success(request, _("Published: it is shown from now on."))
        return redirect(confirm.page_of(text))

    def has_publish_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may write one may publish one."""
        return request.user.has_perm("enrollment.change_consenttext")


@admin.register(DirectoryImport)
class DirectoryImportAdmin(ReadOnlyAdmin):
    """Imports of the operator's export; a new one is uploaded at the imports page."""

    list_display = ["pk", "file_name", "phase", "is_full", "lines", "created_by", "created_at", "finished_at"]
    list_filter = ["phase"]
    ordering = ["-pk"]
    fields = [
        "file_name", "phase", "refusal", "is_full", "may_vanish", "lines", "lines_done", "counts", "created_by",
        "created_at", "finished_at",
    ]  # fmt: skip
