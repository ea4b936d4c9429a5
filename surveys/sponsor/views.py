"""A sponsor's surveys: what was written down for it, and nothing else (surveys.results.publishing)."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from campaigns.portal import access
from campaigns.portal.access import PortalRequest
from surveys.models import Question
from surveys.results import publishing, questions
from surveys.results.publishing import ENOUGH, LEAST, STEP, ShownQuestion
from surveys.results.questions import Asked

_A_PAGE = 20


@require_safe
@access.page()
def survey_list(request: PortalRequest) -> HttpResponse:
    """The surveys the partner sponsors."""
    found = Paginator(publishing.for_sponsor(request.partner.pk), _A_PAGE).get_page(request.GET.get("page"))
    rows = [(survey, publishing.read(survey)) for survey in found]
    return render(request, "survey_results/sponsor_list.html", {"page": found, "rows": rows, "enough": ENOUGH})


@require_safe
@access.page()
def survey_page(request: PortalRequest, pk: int) -> HttpResponse:
    """One of them; another partner's is 404. A query changes nothing."""
    survey = get_object_or_404(publishing.for_sponsor(request.partner.pk), pk=pk)
    published = publishing.read(survey)
    asked = {one.code: one for one in questions.of(survey)}
    told = published.shown.questions if published is not None else []
    context = {
        "survey": survey,
        "published": published,
        "questions": [_question(asked[one.code], one) for one in told if one.code in asked],
        "least": LEAST,
        "step": STEP,
        "enough": ENOUGH,
    }
    return render(request, "survey_results/sponsor_page.html", context)


def _question(asked: Asked, told: ShownQuestion) -> dict[str, Any]:
    """A question's rounded answers: label, count (None: small or nothing) and per cent of what is shown."""
    names = publishing.labels(asked)
    if asked.is_nps:
        names = {
            "promoters": _("promoters, 9–10"),
            "passives": _("passives, 7–8"),
            "detractors": _("detractors, 0–6"),
        }
    whole = told.answered if told.is_several else sum(told.rows.values()) + (told.others or 0)
    if asked.kind == Question.Kind.NUMBER:
        names = {key: name for key, name in names.items() if key in told.rows}
    rows = [(names[key], told.rows.get(key), _share(told.rows.get(key), whole)) for key in names]
    if told.others is not None:
        rows.append((_("all others together"), told.others, _share(told.others, whole)))
    return {"text": asked.text(), "told": told, "rows": rows, "nps": publishing.nps(told)}


def _share(count: int | None, whole: int) -> int | None:
    return None if count is None or not whole else min(100, round(100 * count / whole))
