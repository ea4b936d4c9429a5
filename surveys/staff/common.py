"""What the survey pages share: who may, which survey, its versions, its problems by question."""

from django.http import Http404
from django.shortcuts import get_object_or_404

from surveys.models import Survey, Version
from surveys.questionnaire import drafting

SEE, CHANGE, WRITE = "surveys.view_survey", "surveys.change_survey", "surveys.change_question"


def survey_or_404(survey_id: int) -> Survey:
    """The survey. Raises Http404."""
    return get_object_or_404(Survey.objects.select_related("saved_audience", "stream"), pk=survey_id)


def draft_or_404(survey: Survey) -> Version:
    """The version being written. Raises Http404."""
    version = drafting.draft_of(survey)
    if version is None:
        raise Http404
    return version


def versions_of(survey: Survey) -> list[Version]:
    """Its versions, the newest first, so that the draft stands before all."""
    found = list(survey.versions.order_by("-number"))
    for version in found:
        version.survey = survey
    return found


def counted_problems(version: Version) -> list[tuple[str, list[str]]]:
    """What is in the way of publishing, by question: (code, sentences); code "" for the whole."""
    found: dict[str, list[str]] = {}
    for problem in drafting.problems(version):
        found.setdefault(problem.code, []).append(str(problem.what))
    return list(found.items())
