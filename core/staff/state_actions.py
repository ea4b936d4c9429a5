"""What is done to an object on a page of its own: GET asks, POST acts, a refusal is told where one goes back to."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin
from unfold.dataclasses import UnfoldAction
from unfold.enums import ActionVariant

from core.lib import clock
from core.lib.errors import Refusal
from core.staff import confirm
from core.staff.pages import StaffRequest, page

Words = str | Promise


@contextmanager
def refusals_told(request: HttpRequest) -> Iterator[None]:
    """Turn a refusal into a message; what comes after the refused call is left out."""
    try:
        yield
    except Refusal as refusal:
        messages.error(request, str(refusal))


@dataclass(frozen=True, kw_only=True)
class StateAction:
    """One thing that can be done to an object.

    The operation takes the object by its name, `by`, `now` and what the form asks for. `what` and `done` may depend on
    the object and on what the operation returned; `what` raises the refusal that the operation would.
    """

    operation: Callable[..., Any]
    does: Words  # the button
    what: Words | Callable[[Any], Words] = ""  # will happen
    done: Words | Callable[[Any], Words] = ""
    title: Words = ""  # of the page, where it is not the button
    states: tuple[str, ...] = ()  # where it can be done; empty: the operation alone judges
    wrong_state: type[Refusal] = Refusal
    form: type[forms.Form] | None = None
    initial: Callable[[Any], dict[str, Any]] = lambda _about: {}
    is_dangerous: bool = False
    level: int = messages.SUCCESS

    def run(
        self, request: StaffRequest, *, back: str, then: str = "", about: object = None, **subject: Any
    ) -> HttpResponse:
        """Ask, or do it and go on to `then`; the page asks about the subject itself unless `about` says it better."""
        (thing,) = subject.values()
        posted = request.POST if request.method == "POST" else None
        form = self.form(posted, initial=self.initial(thing)) if self.form else None
        with refusals_told(request):
            if posted is not None and (form is None or form.is_valid()):
                asked = form.cleaned_data if form else {}
                outcome = self.operation(**subject, **asked, by=request.by, now=clock.now())
                done = self.done(outcome) if callable(self.done) else self.done
                messages.add_message(request, self.level, str(done) or _("Done: %(what)s.") % {"what": self.does})
                return redirect(then or back)
            if self.states and thing.state not in self.states:
                raise self.wrong_state(state=thing.get_state_display())
            return confirm.ask(
                request,
                does=self.does,
                what=self.what(thing) if callable(self.what) else self.what,
                back=back,
                title=self.title,
                about=thing if about is None else about,
                form=form,
                is_dangerous=self.is_dangerous,
            )
        return redirect(back)


def admin_action(permission: str, takes: str, **fields: Any) -> Callable[..., HttpResponseBase]:
    """A StateAction of these fields as a method for `actions_detail`; the operation takes the object as `takes`."""
    action = StateAction(**fields)

    def run(self: ModelAdmin, request: StaffRequest, object_id: object) -> HttpResponse:
        about = subject(self, request, object_id)
        return action.run(request, back=page_of(about), **{takes: about})

    method: Any = method_decorator(page(permission))(run)
    method.short_description, method.attrs, method.variant = (
        action.does,
        {},
        ActionVariant.DEFAULT,
    )  # unfold's
    return method


class WithActions(ModelAdmin):
    """Shows the buttons of those actions that one may do.

    unfold's own list of permissions would be looked up in the database by `manage.py check`, which has none.
    """

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        """Without those that are not permitted."""
        found = super().get_actions_detail(request, object_id)
        return [action for action in found if request.user.has_perms(action.method.permissions)]


def subject(admin: ModelAdmin, request: HttpRequest, object_id: object) -> Any:
    """The object an address is about. Raises Http404, for words instead of ids too."""
    found = admin.get_object(request, str(object_id))
    if found is None:
        raise Http404
    return found


def page_of(about: Any) -> str:
    """The address of the object's own page in the admin."""
    return reverse(f"admin:{about._meta.app_label}_{about._meta.model_name}_change", args=[about.pk])
