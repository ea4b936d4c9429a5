"""A survey set up: whom, in which languages, how invited, when, for how much, how many of each kind.

A draft is changed freely. From the launch on only the name, a later end, the pace and the reminder may be: what people
were told and who they are must not move under them.
"""

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline

from core.access import audit
from core.lib import clock
from core.staff.admin import WithPage
from core.staff.pages import actor
from surveys.models import Quota, Response, Survey
from surveys.questionnaire import drafting
from surveys.staff import records
from surveys.staff.forms import CHANGEABLE, MOVING, QuotaForm, SurveyForm, TimesForm

__all__ = ["records"]  # registers responses and invitations
State = Survey.State


class QuotaInline(TabularInline):
    """How many of each kind; a member belongs to the first that fits."""

    model = Quota
    form = QuotaForm
    extra = 0
    fields = ["town", "age_from", "age_to", "gender", "wanted"]
    hide_title = True
    verbose_name_plural = gettext_lazy(
        "Quotas: a member counts for the first that fits; without any, everybody may answer"
    )

    def _is_draft(self, survey: Survey | None) -> bool:
        return survey is None or survey.state == State.DRAFT

    def has_add_permission(self, request: HttpRequest, obj: Survey | None = None) -> bool:
        """Only while it is a draft."""
        return super().has_add_permission(request, obj) and self._is_draft(obj)

    def has_change_permission(self, request: HttpRequest, obj: Survey | None = None) -> bool:
        """Only while it is a draft."""
        return super().has_change_permission(request, obj) and self._is_draft(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Survey | None = None) -> bool:
        """Only while it is a draft."""
        return super().has_delete_permission(request, obj) and self._is_draft(obj)


_COMPLETED = Subquery(
    Response.objects.filter(survey=OuterRef("pk"), state=Response.State.COMPLETED)
    .order_by()
    .values("survey")
    .annotate(count=Count("*"))
    .values("count")
)


@admin.register(Survey)
class SurveyAdmin(WithPage):
    """The list, and the form; what is done to a survey is done on its page."""

    form = SurveyForm
    inlines = [QuotaInline]
    list_display = ["linked", "state", "starts_at", "ends_at", "invited", "completed", "created_by"]
    list_display_links = None
    list_filter = ["state"]
    search_fields = ["name", "title_kk", "title_ru", "title_en"]
    ordering = ["-created_at", "-pk"]
    list_per_page = 30
    fieldsets = [
        (None, {"fields": ["name", "languages", "title_kk", "title_ru", "title_en"]}),
        (gettext_lazy("Whom, and how they are invited"), {"fields": ["saved_audience", "channels", "invitation_kk",
                                                                    "invitation_ru", "invitation_en"]}),
        (gettext_lazy("When and how fast"), {"fields": ["starts_at", "ends_at",
                                                        ("rate_per_minute", "remind_after_days")]}),
        (gettext_lazy("The reward, and whom it is for"), {"fields": [("reward_units", "rewards_full"),
                                                                    ("fast_seconds", "sponsor")]}),
    ]  # fmt: skip
    after_launch = [
        (None, {"fields": ["name", "ends_at", ("rate_per_minute", "remind_after_days")],
                "description": gettext_lazy("The survey is launched: whom it asks, by which channels, in which"
                                            " languages and how many of each kind can no longer be changed.")}),
    ]  # fmt: skip

    @staticmethod
    def page_of(obj: Survey) -> str:
        """See surveys.staff.detail."""
        return reverse("survey:page", args=[obj.pk])

    def get_queryset(self, request: HttpRequest) -> Any:
        """With the answers it has, in the list's one query."""
        return super().get_queryset(request).annotate(completed_count=Coalesce(_COMPLETED, 0))

    @admin.display(description=gettext_lazy("survey"), ordering="name")
    def linked(self, survey: Survey) -> str:
        """Its name, leading to its page."""
        return format_html('<a class="sm-link" href="{}">{}</a>', self.page_of(survey), survey.name)

    @admin.display(description=gettext_lazy("answered to the end"), ordering="completed_count")
    def completed(self, survey: Survey) -> int:
        """How many have answered to the end."""
        return int(survey.completed_count)  # type: ignore[attr-defined]

    def get_fieldsets(self, request: HttpRequest, obj: Survey | None = None) -> Any:
        """Of a launched one only what may still be changed."""
        return self.after_launch if obj is not None and obj.state in MOVING else self.fieldsets

    def get_form(self, request: HttpRequest, obj: Survey | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Of a launched one only the fields that may still be changed, whatever is posted."""
        if obj is not None and obj.state in MOVING:
            kwargs["form"] = TimesForm
        return super().get_form(request, obj, change=change, **kwargs)

    def get_inlines(self, request: HttpRequest, obj: Survey | None) -> Any:
        """A launched one's quotas are on its page."""
        return [] if obj is not None and obj.state in MOVING else self.inlines

    def has_change_permission(self, request: HttpRequest, obj: Survey | None = None) -> bool:
        """Not when it is over."""
        is_over = obj is not None and obj.state in (State.FINISHED, State.CANCELLED)
        return super().has_change_permission(request, obj) and not is_over

    def has_delete_permission(self, request: HttpRequest, obj: Survey | None = None) -> bool:
        """Only a draft whose questions were never published."""
        if obj is None or obj.state != State.DRAFT or not super().has_delete_permission(request, obj):
            return False
        return not obj.versions.filter(published_at__isnull=False).exists()

    def save_model(self, request: HttpRequest, obj: Survey, form: Any, change: bool) -> None:
        """Save it, a draft with its audience as it is now, and record who did."""
        by, now = actor(request), clock.now()
        if not change:
            obj.created_by, obj.created_at = by, now
        if obj.state == State.DRAFT:
            obj.audience = obj.saved_audience.definition if obj.saved_audience else {}
            obj.save()
        else:
            obj.save(update_fields=list(CHANGEABLE))
            self._set_pace(obj)
        if not change:
            drafting.new_draft(survey=obj, by=by, now=now)
        audit.record(
            by=by,
            action="change_survey" if change else "create_survey",
            subject=f"survey:{obj.pk}",
            details={"changed": form.changed_data, "audience": obj.audience},
            now=now,
        )

    def _set_pace(self, survey: Survey) -> None:
        """What senders keep to."""
        if survey.stream is not None:
            survey.stream.rate_per_minute = survey.rate_per_minute
            survey.stream.save(update_fields=["rate_per_minute"])
