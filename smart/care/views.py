"""The care desk (P4): find a subscriber with a reason, see everything, act on the subscriber's behalf."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from core.access import audit
from core.lib import clock
from core.lib.errors import Refusal
from core.lib.msisdn import InvalidMsisdn, Msisdn, parse
from enrollment import operations as enrollment
from enrollment.models import Language, Subscriber
from smart import programme
from smart.care import history

LOOK_UP_SECONDS = 30 * 60  # how long a look-up's reason holds
_SESSION_KEY = "care_look_ups"
_SEE = "enrollment.view_subscriber"
_ACT = "enrollment.change_membership"


class FindForm(forms.Form):
    """A number in any usual spelling, and why it is looked up."""

    number = forms.CharField(
        label=gettext_lazy("Number"), max_length=40, widget=forms.TextInput({"autocomplete": "off"})
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=300, min_length=3)

    def clean_number(self) -> Msisdn:
        """Read the number."""
        try:
            return parse(self.cleaned_data["number"])
        except InvalidMsisdn as error:
            raise forms.ValidationError(str(error)) from None


class ReasonForm(forms.Form):
    """Why something is looked at or done."""

    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=300, min_length=3)


def desk(permission: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """A page of the back office for those who may."""

    def wrap(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        guarded = permission_required(permission, raise_exception=True)(view)
        return admin.site.admin_view(guarded)

    return wrap


def _by(request: HttpRequest) -> str:
    return f"care:{request.user.get_username()}"


def _page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    return render(request, template, {**admin.site.each_context(request), "title": title, **context})


@desk(_SEE)
def find(request: HttpRequest) -> HttpResponse:
    """Look a number up; found or not, the look-up is audited, without the number."""
    form = FindForm(request.POST or None)
    if form.is_valid():
        found = Subscriber.objects.holding(form.cleaned_data["number"]).first()
        reason = form.cleaned_data["reason"]
        audit.record(
            by=_by(request),
            action="look_up" if found else "look_up_in_vain",
            subject=f"subscriber:{found.pk}" if found else "",
            reason=reason,
            now=clock.now(),
        )
        if found is not None:
            _allow(request, found.pk)
            return redirect("care:subscriber", found.pk)
        form.add_error("number", _("No subscriber has this number."))
    return _page(request, "care/find.html", _("Care desk"), form=form)


def _allow(request: HttpRequest, subscriber_id: int) -> None:
    seen = request.session.get(_SESSION_KEY, {})
    fresh = {key: at for key, at in seen.items() if clock.now().timestamp() - at < LOOK_UP_SECONDS}
    request.session[_SESSION_KEY] = {**fresh, str(subscriber_id): clock.now().timestamp()}


def _is_allowed(request: HttpRequest, subscriber_id: int) -> bool:
    at = request.session.get(_SESSION_KEY, {}).get(str(subscriber_id), 0)
    return clock.now().timestamp() - at < LOOK_UP_SECONDS


def _get(subscriber_id: int) -> Subscriber:
    found = Subscriber.objects.select_related("town").filter(pk=subscriber_id).first()
    if found is None:
        raise Http404
    return found


@desk(_SEE)
def subscriber(request: HttpRequest, subscriber_id: int) -> HttpResponse:
    """Everything about one subscriber; who comes without a fresh look-up says why first."""
    found = _get(subscriber_id)
    if not _is_allowed(request, subscriber_id):
        form = ReasonForm(request.POST or None)
        if not form.is_valid():
            return _page(request, "care/reason.html", _("Why do you look?"), form=form)
        reason = form.cleaned_data["reason"]
        audit.record(
            by=_by(request), action="look_up", subject=f"subscriber:{found.pk}", reason=reason, now=clock.now()
        )
        _allow(request, subscriber_id)
        return redirect("care:subscriber", subscriber_id)
    return _page(
        request,
        "care/subscriber.html",
        f"#{found.pk} · {found.masked_msisdn}",
        history=history.of(found, now=clock.now()),
        languages=Language.choices,
        may_act=request.user.has_perm(_ACT),
    )


def _require_look_up(request: HttpRequest, subscriber_id: int) -> Subscriber:
    if not _is_allowed(request, subscriber_id):
        raise PermissionDenied
    return _get(subscriber_id)


@desk(_ACT)
def leave(request: HttpRequest, subscriber_id: int) -> HttpResponse:
    """Leave on the subscriber's behalf: names the units that will be lost, asks for the reason (J5)."""
    found = _require_look_up(request, subscriber_id)
    form = ReasonForm(request.POST or None)
    if form.is_valid():
        try:
            lost = programme.opt_out(
                subscriber=found, by=_by(request), reason=form.cleaned_data["reason"], now=clock.now()
            )
            messages.success(request, _("The subscriber has left. Units lost: %(units)s.") % {"units": lost})
        except Refusal as refusal:
            messages.error(request, str(refusal))
        return redirect("care:subscriber", subscriber_id)
    balance = history.of(found, now=clock.now()).balance
    at_stake = balance.units + (balance.waiting.units if balance.waiting else 0)
    title = _("Leave on the subscriber's behalf")
    return _page(request, "care/leave.html", title, form=form, at_stake=at_stake, subscriber=found)


@desk(_ACT)
@require_POST
def language(request: HttpRequest, subscriber_id: int) -> HttpResponse:
    """Set the subscriber's language (J8)."""
    found = _require_look_up(request, subscriber_id)
    try:
        chosen = request.POST.get("language", "")
        enrollment.choose_language(subscriber=found, language=chosen, now=clock.now())
        audit.record(
            by=_by(request),
            action="choose_language",
            subject=f"subscriber:{found.pk}",
            details={"language": chosen},
            now=clock.now(),
        )
        messages.success(request, _("The language is changed."))
    except Refusal as refusal:
        messages.error(request, str(refusal))
    return redirect("care:subscriber", subscriber_id)
