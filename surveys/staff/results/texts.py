"""Answers in people's own words, searched and paged; numbers in them are masked (M6)."""

import re
from collections.abc import Sequence
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from core.lib.logs import mask_numbers
from core.staff.pages import StaffRequest, framed, page
from surveys.models import Answer
from surveys.models.questions import Question
from surveys.results import figures
from surveys.results.filters import AGES, UNKNOWN, Filters, band_label, gender_label
from surveys.results.questions import Asked
from surveys.staff.results import query
from surveys.staff.results.query import SEE

_A_PAGE = 50


@page(SEE)
@require_safe
def look(request: StaffRequest, survey_id: int, code: str) -> HttpResponse:
    """The answers to one question, the latest first; `q` is what to search for."""
    given = query.wanted(request, survey_id, weighs=False)
    one = given.question(code)
    if one.kind != Question.Kind.TEXT:
        raise Http404
    sought = request.GET.get("q", "").strip()[:100]
    found = Paginator(_answers(given.survey.pk, one, given.filters, sought), _A_PAGE).get_page(request.GET.get("page"))
    return framed(
        request,
        "survey_results/texts.html",
        title=one.text(),
        code=code,
        sought=sought,
        found=found,
        lines=[_line(answer) for answer in found],
        **query.framing(given),
    )


def _answers(survey_id: int, one: Asked, filters: Filters, sought: str) -> QuerySet[Answer]:
    answers = Answer.objects.filter(question_id__in=one.ids).exclude(text="")
    if sought:
        answers = answers.filter(text__regex=_any_case(sought))
    if not filters.is_all:
        answers = answers.filter(response_id__in=_responses(survey_id, filters))
    return answers.select_related("response__town").order_by("-pk")


def _any_case(words: str) -> str:
    """The words in capitals or not: a database of locale C knows no Cyrillic ones."""
    return "".join(f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else re.escape(letter) for letter in words)


def _responses(survey_id: int, filters: Filters) -> RawSQL:
    """The responses that the filters leave, as a subquery."""
    where, given = filters.condition()
    statement = f"SELECT r.id FROM surveys_response r WHERE r.survey_id = %(survey)s AND {where}"
    # The statement is put together from our own constants; what was typed travels as parameters.
    return RawSQL(*figures.positional(statement, {**given, "survey": survey_id}))  # nosec B611


def _line(answer: Answer) -> dict[str, Any]:
    response = answer.response
    return {
        "text": mask_numbers(answer.text),
        "town": response.town or _("not known"),
        "age": band_label(_band(response.age, AGES)),
        "gender": gender_label(response.gender),
    }


def _band(age: int | None, bounds: Sequence[int]) -> int:
    return UNKNOWN if age is None else sum(age >= bound for bound in bounds)
