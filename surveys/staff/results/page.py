"""A survey's results on one page: how far people came, and what they answered to each question."""

import json
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from core.lib import clock
from core.staff.pages import StaffRequest, framed, page
from surveys.fieldwork import lifecycle as invitations
from surveys.models import Response, Survey
from surveys.models.questions import Question
from surveys.results import figures
from surveys.results.figures import Answers, AnswerShare, Funnel, Told
from surveys.staff.results import query
from surveys.staff.results.query import SEE, Wanted

_MOVING = (Survey.State.SCHEDULED, Survey.State.RUNNING, Survey.State.PAUSED)
_BAR, _INTERVAL = "#0369a1", "#f59e0b"
_LABEL = 28  # letters of an answer in a chart
_OPTIONS = json.dumps(
    {
        "indexAxis": "y",
        "animation": False,
        "maintainAspectRatio": False,
        "plugins": {"legend": {"display": False}},
        "scales": {"x": {"min": 0, "grid": {"color": "#e5e7eb"}}, "y": {"grid": {"color": "#e5e7eb"}}},
    }
)


@page(SEE)
@require_safe
def look(request: StaffRequest, survey_id: int) -> HttpResponse:
    """Everything: two statements for how far people came, one for all answers, two more for weights."""
    if (waiting := query.counting(request, survey_id)) is not None:
        return waiting
    given = query.wanted(request, survey_id)
    counted = figures.answers(given.survey, given.asked, given.filters, given.raked)
    funnel = figures.funnel(given.survey, given.asked, given.filters, counted)
    return framed(
        request,
        "survey_results/page.html",
        title=_("Results: %(survey)s") % {"survey": given.survey},
        questions=[_question(given, counted, funnel, place) for place in range(len(given.asked))],
        options=_OPTIONS,
        without_fast=query.narrowed(given.filters, without_fast=True),
        is_over=given.survey.state not in _MOVING,
        **query.framing(given),
        **_live(given, funnel),
    )


@page(SEE)
@require_safe
def live(request: StaffRequest, survey_id: int) -> HttpResponse:
    """The counts alone, which the page asks for anew while the survey runs."""
    given = query.wanted(request, survey_id, weighs=False)
    funnel = figures.funnel(given.survey, given.asked, given.filters)
    context = {"survey": given.survey, "query": given.filters.query(), **_live(given, funnel)}
    return render(request, "survey_results/live.html", context)


def _live(given: Wanted, funnel: Funnel) -> dict[str, Any]:
    sent = invitations.invitations_by_state(given.survey, clock.now())
    states = [(Response.State(state).label, funnel.count(state)) for state in Response.State if state != "completed"]
    invited = given.survey.invited
    return {
        "funnel": funnel,
        "delivered": sent.get("delivered", 0),
        "states": states,
        "begun_rate": 100 * funnel.begun / invited if invited and not given.filters.words(given.asked) else None,
        "completion": 100 * funnel.completion,
        "minutes": None if funnel.median_seconds is None else funnel.median_seconds / 60,
        "is_moving": given.survey.state in _MOVING,
    }


def _question(given: Wanted, counted: Answers, funnel: Funnel, place: int) -> dict[str, Any]:
    """One question's row of the funnel, its figures and its chart."""
    one, standing = given.asked[place], funnel.by_question[place]
    told = counted.told(one)
    told.rows = _without_empty_ends(told)
    return {
        "asked": one,
        "text": one.text(),
        "kind": Question.Kind(one.kind).label,
        "standing": standing,
        "answered_rate": 100 * standing.answered / standing.asked if standing.asked else None,
        "left_rate": 100 * standing.left_here / standing.asked if standing.asked else None,
        "seconds": None if standing.median_ms is None else standing.median_ms / 1000,
        "told": told,
        "rows": [(one.label(row.key), row.count, 100 * row.share, 100 * row.low, 100 * row.high) for row in told.rows],
        "chart": chart(told) if told.rows and told.answered else "",
        "height": 60 + 26 * len(told.rows),
        "groups": _groups(told),
    }


def _without_empty_ends(told: Told) -> list[AnswerShare]:
    """A number's rows from the least that was answered to the most."""
    taken = [place for place, row in enumerate(told.rows) if row.count]
    if told.asked.kind != Question.Kind.NUMBER or not taken:
        return told.rows
    return told.rows[taken[0] : taken[-1] + 1]


def _groups(told: Told) -> list[tuple[str, float, float]]:
    """Promoters, passives and detractors: how many, and per cent."""
    if told.groups is None:
        return []
    names = (_("promoters, 9–10"), _("passives, 7–8"), _("detractors, 0–6"))
    return [(name, count, 100 * count / told.weighted) for name, count in zip(names, told.groups, strict=True)]


def chart(told: Told) -> str:
    """Shares as bars, each with its 95 % interval as a thin bar over it."""
    labels = [told.asked.label(row.key) for row in told.rows]
    return json.dumps(
        {
            "labels": [label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…" for label in labels],
            "datasets": [
                {
                    "label": _("interval, 95 per cent"),
                    "data": [[round(100 * row.low, 1), round(100 * row.high, 1)] for row in told.rows],
                    "backgroundColor": _INTERVAL,
                    "grouped": False,
                    "barThickness": 4,
                },
                {
                    "label": "%",
                    "data": [round(100 * row.share, 1) for row in told.rows],
                    "backgroundColor": _BAR,
                    "grouped": False,
                    "maxBarThickness": 18,
                },
            ],
        }
    )
