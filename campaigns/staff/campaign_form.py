"""A campaign written down: whom, what, by which channel, when, how fast. Launched on its own page, not here."""

from itertools import permutations
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import StackedInline
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from campaigns.campaign import lifecycle
from campaigns.models import Campaign, Offer, Variant
from campaigns.offers import variants
from core.access import audit
from core.lib import clock
from core.staff.admin import WithPage
from core.staff.pages import actor
from enrollment.models import Channel
from messaging import texts

State = Campaign.State
_TEXTS = ("text_kk", "text_ru", "text_en")


def _orders() -> list[tuple[str, str]]:
    """Every order of channels, as a sentence."""
    return [
        (" ".join(order), _(", else ").join(str(Channel(code).label) for code in order))
        for count in range(1, len(Channel.values) + 1)
        for order in permutations(Channel.values, count)
    ]


class CampaignForm(forms.ModelForm):
    """Instants are Astana time; the audience is copied from a saved one."""

    channels = forms.ChoiceField(
        label=gettext_lazy("Channels, in order"),
        choices=_orders,
        widget=UnfoldAdminSelectWidget,
        help_text=gettext_lazy("The first that the member agreed to is taken."),
    )

    class Meta:
        model = Campaign
        fields = [
            "name", "saved_audience", "channels", "starts_at", "ends_at", "rate_per_minute", "daily_budget",
            "is_carried", "holdout", "exploration",
        ]  # fmt: skip
        help_texts = {
            "saved_audience": gettext_lazy("Copied when the campaign is saved: a later change of it changes nothing."),
            "starts_at": gettext_lazy("Astana time. Messages leave between 10:00 and 21:00."),
            "ends_at": gettext_lazy("Astana time. What has not left by then is cancelled."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "saved_audience" in self.fields:  # not when it is only looked at
            self.fields["saved_audience"].required = True
            self.initial["channels"] = " ".join(self.instance.channels or Channel.values[:2])

    def clean_channels(self) -> list[str]:
        """As the model has them."""
        return str(self.cleaned_data["channels"]).split()

    def clean(self) -> dict[str, Any]:
        """What the database would refuse, told at its field."""
        given = super().clean() or {}
        starts, ends = given.get("starts_at"), given.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", _("It ends before it starts."))
        elif ends and ends <= clock.now():
            self.add_error("ends_at", _("This is over already."))
        for name, most in (("holdout", 50), ("exploration", 100)):
            if (given.get(name) or 0) > most:
                self.add_error(name, _("At most %(most)s per cent.") % {"most": most})
        for name in ("rate_per_minute", "daily_budget"):
            if given.get(name) == 0:
                self.add_error(name, _("At least one, or empty."))
        return given


class VariantForm(forms.ModelForm):
    """An approved offer, with another text if there is one."""

    class Meta:
        model = Variant
        fields = ["offer", "label", "share", "text_kk", "text_ru", "text_en"]
        widgets = {name: UnfoldAdminTextareaWidget(attrs={"rows": 3}) for name in _TEXTS}
        help_texts = {
            "label": gettext_lazy("Such as A and B: the same offer may stand here more than once, with other texts."),
            "share": gettext_lazy("Of the members whom this offer is for, compared with its other variants."),
            "text_kk": gettext_lazy("Empty: the offer's own text."),
        }
        error_messages = {"offer": {"invalid_choice": gettext_lazy("This offer is not approved: choose one that is.")}}

    def clean(self) -> dict[str, Any]:
        """Hold each text to the rules of the offer's own (messaging.texts, campaigns.offers.drafts)."""
        given = super().clean() or {}
        offer = given.get("offer")
        for name in _TEXTS:
            if offer is None or not (given.get(name) or "").strip():
                continue
            try:
                given[name] = variants.check(given[name], offer=offer)
            except (texts.BadText, ValueError) as wrong:
                self.add_error(name, capfirst(str(wrong)))
        if given.get("share") == 0:
            self.add_error("share", _("At least 1."))
        return given


class Variants(forms.BaseInlineFormSet):
    """Every offer's variants have labels of their own."""

    def clean(self) -> None:
        """Raise ValidationError when two say the same name for the same offer: our words come before Django's."""
        seen: set[tuple[int, str]] = set()
        for form in self.forms:
            given = getattr(form, "cleaned_data", {})
            if not given.get("offer") or given.get("DELETE"):
                continue
            one = (given["offer"].pk, given.get("label", ""))
            if one in seen:
                raise ValidationError(_("Two variants of one offer have the same label: call the second B."))
            seen.add(one)
        super().clean()


class VariantInline(StackedInline):
    """What is sent."""

    model = Variant
    form = VariantForm
    formset = Variants
    extra = 0
    min_num = 1
    validate_min = False
    fields = ["offer", ("label", "share"), "text_kk", "text_ru", "text_en"]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Only what may be sent can be chosen."""
        if db_field.name == "offer":
            kwargs["queryset"] = Offer.objects.filter(state__in=lifecycle.SENDABLE).order_by("-decided_at", "-pk")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(Campaign)
class CampaignAdmin(WithPage):
    """Drafts are written here; from the launch on a campaign has its page, and nothing of it can be changed."""

    form = CampaignForm
    inlines = [VariantInline]
    list_display = ["name", "state", "starts_at", "ends_at", "built", "created_by"]
    list_filter = ["state"]
    search_fields = ["name"]
    ordering = ["-created_at", "-pk"]
    fieldsets = [
        (None, {"fields": ["name", "saved_audience", "channels"]}),
        (gettext_lazy("When and how fast"), {"fields": ["starts_at", "ends_at",
                                                        ("rate_per_minute", "daily_budget"), "is_carried"]}),
        (gettext_lazy("To learn from it"), {"fields": [("holdout", "exploration")]}),
    ]  # fmt: skip

    @staticmethod
    def page_of(obj: Campaign) -> str:
        """See campaigns.staff.campaigns."""
        return reverse("campaign:page", args=[obj.pk])

    def has_change_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        """Only a draft can be changed."""
        return super().has_change_permission(request, obj) and (obj is None or obj.state == State.DRAFT)

    def has_delete_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        """Only a draft can be deleted."""
        return super().has_delete_permission(request, obj) and obj is not None and obj.state == State.DRAFT

    def save_model(self, request: HttpRequest, obj: Campaign, form: Any, change: bool) -> None:
        """Save it with its audience as it is now, and record who did."""
        by, now = actor(request), clock.now()
        if not change:
            obj.created_by, obj.created_at = by, now
        obj.audience = obj.saved_audience.definition if obj.saved_audience else {}
        obj.save()
        audit.record(
            by=by,
            action="change_campaign" if change else "create_campaign",
            subject=f"campaign:{obj.pk}",
            details={"changed": form.changed_data, "audience": obj.audience},
            now=now,
        )
