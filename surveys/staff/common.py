"""What the survey pages share: who may, which survey, its versions, its problems by question."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from surveys.models import Survey, Version
from surveys.questionnaire import drafting

SEE, CHANGE, WRITE = "surveys.view_survey", "surveys.change_survey", "surveys.change_question"


def by(request: HttpRequest) -> str:
    """Who acts, for the audit trail."""
    return f"staff:{request.user.get_username()}"


def survey_or_404(survey_id: int) -> Survey:
    """The survey. Raises Http404."""
    return get_object_or_404(Survey.objects.select_related("saved_audience", "stream"), pk=survey_id)


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


def ask(
    request: HttpRequest, about: object, *, does: str, what: str, back: str, is_dangerous: bool = False
) -> HttpResponse:
    """Ask before acting, as core.staff.confirm does, about what has no form of the admin's."""
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": does,
        "about": about,
        "what": what,
        "is_dangerous": is_dangerous,
        "sent": {},
        "back": back,
    }
    return render(request, "admin/confirm.html", context)
