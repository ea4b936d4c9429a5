"""An admin form whose save puts a change in force if it only tightens, and proposes it otherwise."""

from abc import abstractmethod
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from core.access import proposals
from core.access.change_kinds import Fields
from core.lib import clock
from core.staff.state_actions import refusals_told


def submit(request: Any, **change: Any) -> None:
    """Submit a change in the name of the person who asks, and say what came of it."""
    with refusals_told(request):
        proposal = proposals.submit(**change, person=request.user, now=clock.now())
        if proposal is None:
            messages.success(request, _("This only tightens: it is in force."))
        else:
            messages.info(request, _("Proposed. It comes into force when another person confirms it."))


class ProposingAdmin(ModelAdmin):
    """Nothing is written by the form itself, nor into Django's own log: the operation has its audit row."""

    actions = None
    change_kind: str
    list_before_template = change_form_before_template = "proposals/waits.html"

    @abstractmethod
    def subject_of(self, obj: Any) -> str:
        """What the kind calls the object."""

    @abstractmethod
    def fields_of(self, obj: Any, formsets: list[Any]) -> Fields:
        """What the form and its lists say, as the kind keeps it."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """With what waits."""
        answer: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **self._waiting()})
        return answer

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With what waits."""
        context = {**(extra_context or {}), **self._waiting()}
        answer: HttpResponse = super().changeform_view(request, object_id, form_url, context)
        return answer

    def _waiting(self) -> dict[str, Any]:
        return {"waiting": proposals.waiting(now=clock.now(), kind=self.change_kind)}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Not before the lists are read, too."""

    def save_related(self, request: HttpRequest, form: Any, formsets: list[Any], change: bool) -> None:
        """Submit the whole."""
        obj = form.instance
        submit(request, kind=self.change_kind, subject=self.subject_of(obj), after=self.fields_of(obj, formsets))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Submit that it shall be no more."""
        submit(request, kind=self.change_kind, subject=self.subject_of(obj), after=None)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> list[Any]:
        """None: what the form says is not what has changed."""
        return []

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Nothing was added yet."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The operation's audit row tells it."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Nothing was deleted yet."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """To the list, which shows what waits; what came of it is said already."""
        return self.response_post_save_add(request, obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """To the list, which shows what waits; what came of it is said already."""
        return self.response_post_save_change(request, obj)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        """To the list, which shows what waits; what came of it is said already."""
        return self.response_post_save_change(request, None)
