"""The care desk (P4): find a subscriber with a reason, see everything, act on the subscriber's behalf."""

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from bonuses import lifecycle as bonuses
from core.access import audit
from core.lib import clock
from core.lib.msisdn import InvalidMsisdn, Msisdn, parse
from core.staff.pages import StaffRequest, framed, page
from core.staff.state_actions import StateAction, refusals_told
from enrollment import joining
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


@page(_SEE, desk="care")
def find(request: StaffRequest) -> HttpResponse:
    """Look a number up; found or not, the look-up is audited, without the number."""
    form = FindForm(request.POST or None)
    if form.is_valid():
        found = Subscriber.objects.holding(form.cleaned_data["number"]).first()
        reason = form.cleaned_data["reason"]
        audit.record(
            by=request.by,
            action="look_up" if found else "look_up_in_vain",
            subject=f"subscriber:{found.pk}" if found else "",
            reason=reason,
            now=clock.now(),
        )
        if found is not None:
            _allow(request, found.pk)
            return redirect("care:subscriber", found.pk)
        form.add_error("number", _("No subscriber has this number."))
    return framed(request, "care/find.html", title=_("Care desk"), form=form)


def _allow(request: StaffRequest, subscriber_id: int) -> None:
    seen = request.session.get(_SESSION_KEY, {})
    fresh = {key: at for key, at in seen.items() if clock.now().timestamp() - at < LOOK_UP_SECONDS}
    request.session[_SESSION_KEY] = {**fresh, str(subscriber_id): clock.now().timestamp()}


def _is_allowed(request: StaffRequest, subscriber_id: int) -> bool:
    at = request.session.get(_SESSION_KEY, {}).get(str(subscriber_id), 0)
    return clock.now().timestamp() - at < LOOK_UP_SECONDS


def _get(subscriber_id: int) -> Subscriber:
    found = Subscriber.objects.select_related("town").filter(pk=subscriber_id).first()
    if found is None:
        raise Http404
    return found


@page(_SEE, desk="care")
def subscriber(request: StaffRequest, subscriber_id: int) -> HttpResponse:
    """Everything about one subscriber; who comes without a fresh look-up says why first."""
    found = _get(subscriber_id)
    if not _is_allowed(request, subscriber_id):
        form = ReasonForm(request.POST or None)
        if not form.is_valid():
            return framed(request, "care/reason.html", title=_("Why do you look?"), form=form)
        reason = form.cleaned_data["reason"]
        audit.record(by=request.by, action="look_up", subject=f"subscriber:{found.pk}", reason=reason, now=clock.now())
        _allow(request, subscriber_id)
        return redirect("care:subscriber", subscriber_id)
    return framed(
        request,
        "care/subscriber.html",
        title=f"#{found.pk} · {found.masked_msisdn}",
        history=history.of(found, now=clock.now()),
        languages=Language.choices,
        may_act=request.user.has_perm(_ACT),
    )


def _require_look_up(request: StaffRequest, subscriber_id: int) -> Subscriber:
    if not _is_allowed(request, subscriber_id):
        raise PermissionDenied
    return _get(subscriber_id)


def _what_leaving_does(subscriber: Subscriber) -> str:
    balance = bonuses.balance(subscriber=subscriber, now=clock.now())
    at_stake = balance.units + (balance.waiting.units if balance.waiting else 0)
    what = _("Every consent is withdrawn and %(at_stake)s units are lost. This cannot be undone.")
    return what % {"at_stake": at_stake}


LEAVE = StateAction(
    operation=programme.opt_out,
    title=gettext_lazy("Leave on the subscriber's behalf"),
    does=gettext_lazy("End the membership"),
    what=_what_leaving_does,
    done=lambda lost: _("The subscriber has left. Units lost: %(units)s.") % {"units": lost},
    form=ReasonForm,
    is_dangerous=True,
)


@page(_ACT, desk="care")
def leave(request: StaffRequest, subscriber_id: int) -> HttpResponse:
    """Leave on the subscriber's behalf: names the units that will be lost, asks for the reason (J5)."""
    found = _require_look_up(request, subscriber_id)
    return LEAVE.run(request, back=reverse("care:subscriber", args=[subscriber_id]), subscriber=found)


@page(_ACT, desk="care")
@require_POST
def language(request: StaffRequest, subscriber_id: int) -> HttpResponse:
    """Set the subscriber's language (J8)."""
    found = _require_look_up(request, subscriber_id)
    chosen = request.POST.get("language", "")
    with refusals_told(request):
        joining.choose_language(subscriber=found, language=chosen, now=clock.now())
        audit.record(
            by=request.by,
            action="choose_language",
            subject=f"subscriber:{found.pk}",
            details={"language": chosen},
            now=clock.now(),
        )
        messages.success(request, _("The language is changed."))
    return redirect("care:subscriber", subscriber_id)
