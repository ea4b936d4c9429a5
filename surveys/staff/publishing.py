"""Publishing the questions that were written, and beginning a correction of those that are published."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from core.lib import clock
from core.staff.pages import StaffRequest, page
from core.staff.state_actions import StateAction
from surveys.models import Survey, Version
from surveys.questionnaire import drafting
from surveys.staff.common import SEE, WRITE, draft_or_404, survey_or_404


def _what_publishing_does(survey: Survey) -> str:
    """Raises NotPublishable, with all that is in the way."""
    drafting.check(draft_or_404(survey))
    if survey.state == Survey.State.DRAFT:
        return _(
            "These questions can no longer be changed; a correction is a new version. Nobody is asked before the survey"
            " is launched."
        )
    return _(
        "From now on whoever begins is asked these questions; who has begun goes on with the version begun. They can no"
        " longer be changed; a correction is a new version."
    )


def _publish(*, survey: Survey, **who: Any) -> Version:
    return drafting.publish(version=draft_or_404(survey), **who)


PUBLISH = StateAction(
    operation=_publish,
    does=gettext_lazy("Publish the questions"),
    what=_what_publishing_does,
    done=gettext_lazy("The questions are published."),
)


@page(SEE, WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def publish(request: StaffRequest, survey_id: int) -> HttpResponse:
    """Freeze the draft."""
    survey = survey_or_404(survey_id)
    back, then = reverse("survey:questions", args=[survey.pk]), reverse("survey:page", args=[survey.pk])
    return PUBLISH.run(request, back=back, then=then, survey=survey)


@page(SEE, WRITE)
@require_POST
def correct(request: StaffRequest, survey_id: int) -> HttpResponse:
    """Begin a version as a copy of the newest, or go to the one that is being written."""
    survey = survey_or_404(survey_id)
    if survey.state in (Survey.State.FINISHED, Survey.State.CANCELLED):
        messages.error(request, _("The survey is over: nobody would be asked."))
    else:
        drafting.new_draft(survey=survey, by=request.by, now=clock.now())
    return redirect("survey:questions", survey.pk)
