"""Publishing the questions that were written, and beginning a correction of those that are published."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from core.lib import clock
from core.lib.errors import Refusal
from core.staff.pages import page
from surveys.models import Survey
from surveys.questionnaire import drafting
from surveys.staff.common import SEE, WRITE, ask, by, survey_or_404


@page(SEE, WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def publish(request: HttpRequest, survey_id: int) -> HttpResponse:
    """Ask, saying what publishing means; when the form is posted freeze the draft."""
    survey = survey_or_404(survey_id)
    back = reverse("survey:questions", args=[survey.pk])
    version = drafting.draft_of(survey)
    if version is None:
        raise Http404
    version.survey = survey
    try:
        if request.method != "POST":
            wrong = drafting.problems(version)
            if wrong:
                raise drafting.NotPublishable(what="; ".join(str(one) for one in wrong))
            return ask(request, survey, does=_("Publish the questions"), what=_meaning(survey), back=back)
        drafting.publish(version=version, by=by(request), now=clock.now())
        messages.success(request, _("The questions are published."))
    except Refusal as refusal:
        messages.error(request, str(refusal))
        return redirect(back)
    return redirect("survey:page", survey.pk)


def _meaning(survey: Survey) -> str:
    """What publishing does to a survey as it stands."""
    if survey.state == Survey.State.DRAFT:
        return _(
            "These questions can no longer be changed; a correction is a new version. Nobody is asked before the survey"
            " is launched."
        )
    return _(
        "From now on whoever begins is asked these questions; who has begun goes on with the version begun. They can no"
        " longer be changed; a correction is a new version."
    )


@page(SEE, WRITE)
@require_POST
def correct(request: HttpRequest, survey_id: int) -> HttpResponse:
    """Begin a version as a copy of the newest, or go to the one that is being written."""
    survey = survey_or_404(survey_id)
    if survey.state in (Survey.State.FINISHED, Survey.State.CANCELLED):
        messages.error(request, _("The survey is over: nobody would be asked."))
    else:
        drafting.new_draft(survey=survey, by=by(request), now=clock.now())
    return redirect("survey:questions", survey.pk)
