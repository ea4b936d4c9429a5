"""A survey's page: what was decided, what is asked, what a launch would do, the launch itself, and how far it is."""

from datetime import datetime
from functools import partial
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import resolve, reverse
from django.utils.formats import localize
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe
from django_htmx.http import HttpResponseClientRefresh

from campaigns.staff import audiences
from core.lib import clock
from core.lib.errors import Refusal
from core.staff.dates import instant
from core.staff.pages import StaffRequest, framed, page
from core.staff.state_actions import StateAction
from enrollment.audience.selection import Counts
from surveys.fieldwork import lifecycle
from surveys.models import Survey
from surveys.questionnaire import scripts
from surveys.staff import flow_map, summary
from surveys.staff.common import CHANGE, SEE, WRITE, counted_problems, survey_or_404, versions_of
from surveys.staff.forms import MOVING

State = Survey.State
# Why somebody who fits is not invited, in words; the codes are those of surveys.fieldwork.lifecycle.counts.
_WHY: dict[str, str | Promise] = {
    **audiences.WHY,
    "no_language": gettext_lazy("read none of the languages it is asked in"),
    "answered": gettext_lazy("have begun or answered it already"),
    "invited": gettext_lazy("have been invited to it already"),
    "no_group": gettext_lazy("are of no kind that answers are wanted of"),
    "group_full": gettext_lazy("are of a kind that has answered enough"),
}


@page(SEE)
@require_safe
def look(request: StaffRequest, survey_id: int) -> HttpResponse:
    """Everything about it on one page."""
    survey = survey_or_404(survey_id)
    versions = versions_of(survey)
    draft = next((one for one in versions if one.published_at is None), None)
    asked = next((one for one in versions if one.published_at is not None), None)
    may_act = request.user.has_perm(CHANGE)
    return framed(
        request,
        "surveys/page.html",
        title=survey.name,
        survey=survey,
        parts=summary.parts(survey),
        draft=draft,
        asked=asked,
        sheets=[(one, flow_map.ways(scripts.of(one), survey.languages)) for one in (draft, asked) if one is not None],
        problems=counted_problems(draft) if draft else [],
        invitations=summary.invitations(survey),
        quotas=summary.quotas(survey),
        actions=[name for name, action in ACTIONS.items() if may_act and survey.state in action.states],
        may_edit=may_act and survey.state in (State.DRAFT, *MOVING),
        may_write=request.user.has_perm(WRITE) and survey.state in (State.DRAFT, *MOVING),
        may_make_cells=request.user.has_perm("surveys.add_quota") and survey.state == State.DRAFT,
        is_moving=survey.state in MOVING,
        results=_results(survey),
        **(summary.progress(survey) if survey.launched_at else {}),
    )


def _results(survey: Survey) -> str:
    """The address of its results; "" where there is no such page, or nothing to tell yet."""
    if survey.launched_at is None:
        return ""
    address = f"{reverse('survey:page', args=[survey.pk])}results/"
    is_page = "admin" not in resolve(address).namespaces  # the admin takes every other address under its own
    return address if is_page else ""


@page(SEE)
@require_safe
def forecast(request: StaffRequest, survey_id: int) -> HttpResponse:
    """What a launch would do now, and everything that is in its way: a piece of the page, for it takes a moment."""
    survey = survey_or_404(survey_id)
    now = clock.now()
    context: dict[str, Any] = {"survey": survey}
    try:
        told = lifecycle.forecast(survey=survey, now=now)
        context |= {"forecast": told, "counts": told.counts}
    except lifecycle.SurveyNotReady:
        context["in_the_way"] = list(lifecycle.in_the_way(survey, now))
        context["counts"] = _counted(survey, now)
    if context["counts"] is not None:
        left_out = sorted(context["counts"].excluded.items(), key=lambda one: -one[1])
        context["reasons"] = [(_WHY.get(code, code), number) for code, number in left_out]
    return render(request, "surveys/forecast.html", context)


def _counted(survey: Survey, now: datetime) -> Counts | None:
    """Whom it would reach; None where its audience cannot be read."""
    try:
        return lifecycle.counts(survey=survey, now=now)
    except Refusal:
        return None


@page(SEE)
@require_safe
def progress(request: StaffRequest, survey_id: int) -> HttpResponse:
    """How far it is; when its state is another than the page knows, the page comes anew."""
    survey = survey_or_404(survey_id)
    if request.GET.get("state") != survey.state:
        return HttpResponseClientRefresh()
    context = {
        "survey": survey,
        "is_moving": survey.state in MOVING,
        "quotas": summary.quotas(survey),
        **summary.progress(survey),
    }
    return render(request, "surveys/progress.html", context)


def _what_launching_does(survey: Survey) -> str:
    """Raises Refusal when it cannot be launched."""
    now = clock.now()
    told = lifecycle.forecast(survey=survey, now=now)
    return _(
        "About %(members)s members are invited, %(segments)s segments, from %(starts)s on; if all wanted answers come,"
        " they earn %(units)s units. It can be paused and cancelled; its audience, channels, languages, texts, reward"
        " and quotas can no longer be changed."
    ) % {
        "members": localize(told.counts.reachable, use_l10n=True),
        "segments": localize(told.segments, use_l10n=True),
        "starts": instant(max(survey.starts_at, now)),
        "units": localize(told.units, use_l10n=True),
    }


_action = partial(StateAction, wrong_state=lifecycle.SurveyStateRefusal)
ACTIONS = {
    "launch": _action(
        operation=lifecycle.launch, states=(State.DRAFT,), does=gettext_lazy("Launch"), what=_what_launching_does
    ),
    "pause": _action(
        operation=lifecycle.pause,
        states=(State.SCHEDULED, State.RUNNING),
        does=gettext_lazy("Pause"),
        what=gettext_lazy("Nobody more is invited and nobody begins until it is resumed; who has begun may go on."),
    ),
    "resume": _action(
        operation=lifecycle.resume,
        states=(State.PAUSED,),
        does=gettext_lazy("Resume"),
        what=gettext_lazy("It goes on where it stood; nobody is invited twice."),
    ),
    "cancel": _action(
        operation=lifecycle.cancel,
        states=(State.DRAFT, *MOVING),
        does=gettext_lazy("Cancel the survey"),
        what=gettext_lazy(
            "It ends now: nobody answers any more, and invitations that have not left are cancelled. Answers stay. This"
            " cannot be undone."
        ),
        is_dangerous=True,
    ),
}


@page(SEE, CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def act(request: StaffRequest, survey_id: int, name: str) -> HttpResponse:
    """Launch, pause, resume or cancel it."""
    if name not in ACTIONS:
        raise Http404
    survey = survey_or_404(survey_id)
    return ACTIONS[name].run(request, back=reverse("survey:page", args=[survey.pk]), survey=survey)
