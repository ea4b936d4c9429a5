"""Subscribers, memberships, consent, towns and directory imports in the back office. No list shows a number."""

import re
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import SEARCH_VAR
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from core.lib import gsm
from core.lib.errors import Refusal
from core.lib.languages import LANGUAGES
from core.staff.admin import ReadOnlyAdmin, Undeletable
from core.staff.state_actions import WithActions, admin_action, subject
from enrollment import consent
from enrollment.models import (
    ConsentEvent,
    ConsentText,
    DirectoryImport,
    Fact,
    Interest,
    Membership,
    Region,
    SavedAudience,
    Subscriber,
    Town,
)

_MOST_PAGES = 2
_LIKE_A_NUMBER = re.compile("[0-9]{9,15}")  # an id is shorter; a number is no longer


@admin.register(Region)
class RegionAdmin(ReadOnlyAdmin):
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

    list_display = ["id", "masked_msisdn", "brand", "line_status", "language", "town", "line_activated_on", "ended_at"]
    list_select_related = ["town"]
    list_filter = ["brand", "line_status", "language"]
    search_fields = ["=pk"]
    search_help_text = _("By id; a number: care desk")
    ordering = ["-pk"]
    fields = [
        "masked_msisdn", "brand", "line_status", "tariff", "language", "language_is_chosen", "town", "birth_date",
        "gender", "line_activated_on", "created_at", "changed_at", "ended_at",
    ]  # fmt: skip

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """A number typed here belongs to the care desk: its page opens, without it."""
        if _LIKE_A_NUMBER.fullmatch(re.sub(r"[^0-9]", "", request.GET.get(SEARCH_VAR, ""))):
            messages.warning(request, _("Numbers are looked up here, with a reason, and stand in no address."))
            return redirect("care:find")
        return super().changelist_view(request, extra_context)

    @admin.display(description=_("number"))
    def masked_msisdn(self, subscriber: Subscriber) -> str:
        return subscriber.masked_msisdn


@admin.register(Membership)
class MembershipAdmin(ReadOnlyAdmin):
    """Stays in the programme."""

    list_display = ["id", "subscriber", "joined_at", "joined_by", "left_at", "left_reason"]
    list_select_related = ["subscriber"]
    list_filter = ["left_reason"]
    search_fields = ["=subscriber__pk"]
    ordering = ["-pk"]


@admin.register(ConsentEvent)
class ConsentEventAdmin(ReadOnlyAdmin):
    """Append-only (J3): the database refuses changes."""

    list_display = ["id", "subscriber", "purpose", "channel", "action", "at", "by", "text", "language"]
    list_select_related = ["subscriber", "text"]
    list_filter = ["purpose", "channel", "action"]
    search_fields = ["=subscriber__pk"]
    ordering = ["-pk"]


class PublishedAlready(Refusal):
    """A published version is frozen."""

    code = "consent_text_published"
    sentence = _("This version is published already.")


class TooLong(Refusal):
    """Who joins would have to turn pages."""

    code = "consent_text_too_long"
    sentence = _("Too long for two USSD screens: %(languages)s")


def _what_publishing_does(text: ConsentText) -> str:
    """Raises PublishedAlready or TooLong."""
    if text.published_at is not None:
        raise PublishedAlready
    long = [code for code in LANGUAGES if len(gsm.pages(text.in_language(code), "0 …")) > _MOST_PAGES]
    if long:
        raise TooLong(languages=", ".join(long))
    what = _(
        "Whoever joins is shown %(text)s from then on, unless a newer version is published."
        " It can no longer be changed."
    )
    return what % {"text": text}


def _publish(*, text: ConsentText, **who: Any) -> None:
    _what_publishing_does(text)
    consent.publish_consent_text(text=text, **who)


@admin.register(ConsentText)
class ConsentTextAdmin(WithActions):
    """What is shown before agreeing; a published version is frozen, a correction is a new one."""

    list_display = ["version", "published_at", "text_ru"]
    readonly_fields = ["published_at"]
    ordering = ["-version"]
    actions_detail = ["publish"]
    publish = admin_action(
        "enrollment.change_consenttext",
        "text",
        operation=_publish,
        does=_("Publish"),
        what=_what_publishing_does,
        done=_("Published: it is shown from now on."),
    )

    def has_change_permission(self, request: HttpRequest, obj: ConsentText | None = None) -> bool:
        """Only a draft can be changed."""
        return super().has_change_permission(request, obj) and (obj is None or obj.published_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: ConsentText | None = None) -> bool:
        """Only a draft can be deleted."""
        return super().has_delete_permission(request, obj) and obj is not None and obj.published_at is None


@admin.register(DirectoryImport)
class DirectoryImportAdmin(ReadOnlyAdmin):
    """Imports of the operator's export; a new one is uploaded at the imports page."""

    list_display = ["id", "file_name", "phase", "is_full", "lines", "created_by", "created_at", "finished_at"]
    list_filter = ["phase"]
    ordering = ["-pk"]
    fields = [
        "file_name", "phase", "refusal", "is_full", "allowed_ending", "allowed_by", "lines", "lines_done", "counts",
        "created_by", "created_at", "finished_at",
    ]  # fmt: skip


@admin.register(Interest)
class InterestAdmin(ReadOnlyAdmin):
    """Shipped data: enrollment/data/interests.csv."""

    list_display = ["code", "name_kk", "name_ru", "name_en"]
    ordering = ["bit"]


class FactForm(forms.ModelForm):
    """Its answers are words: audiences name them."""

    class Meta:
        model = Fact
        fields = ["code", "label", "values"]

    def clean_values(self) -> list[str]:
        """Return the list. Raises ValidationError for anything else."""
        values = self.cleaned_data["values"]
        are_words = isinstance(values, list) and all(isinstance(one, str) and 0 < len(one) <= 40 for one in values)
        if not are_words or len(set(values)) < len(values):
            raise forms.ValidationError(_('A list of words, each once, of 40 characters at most: ["yes", "no"].'))
        return list(values)


@admin.register(Fact)
class FactAdmin(Undeletable, ModelAdmin):
    """What surveys may ask for good; its answers are words that members have given and audiences name."""

    form = FactForm
    list_display = ["code", "label", "values"]
    ordering = ["code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Fact | None = None) -> list[str]:
        """Saved audiences name it by its code."""
        return ["code"] if obj is not None else []


@admin.register(SavedAudience)
class SavedAudienceAdmin(ModelAdmin):
    """Saved audiences; one is built and changed on the builder's page (campaigns.staff.audiences)."""

    list_display = ["name", "created_by", "changed_at"]
    search_fields = ["name"]
    ordering = ["name"]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return redirect("audiences:new")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return redirect("audiences:one", subject(self, request, object_id).pk)
