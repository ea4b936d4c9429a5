"""A question crossed with another, or with what people are known by, and in words whether they go together."""

from typing import Any

from django.http import HttpResponse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from core.staff.pages import StaffRequest, framed, page
from surveys.results import crossing
from surveys.results.crossing import Crossed
from surveys.results.questions import Asked
from surveys.results.statistics import Test
from surveys.staff.results import query
from surveys.staff.results.query import SEE, Wanted

PARTS = {
    "town": gettext_lazy("town"),
    "age": gettext_lazy("age"),
    "gender": gettext_lazy("gender"),
    "language": gettext_lazy("language"),
    "channel": gettext_lazy("answered by"),
}


@page(SEE)
@require_safe
def look(request: StaffRequest, survey_id: int) -> HttpResponse:
    """`row` is a question's code, `by` another's ("q:code") or a part's name."""
    if (waiting := query.counting(request, survey_id)) is not None:
        return waiting
    given = query.wanted(request, survey_id)
    askable = crossing.crossable(given.asked)
    row = next((one for one in askable if one.code == request.GET.get("row")), None)
    wished = request.GET.get("by", "")
    by = _by(askable, wished)
    context: dict[str, Any] = {}
    if row is not None and by is not None and by is not row:
        context = _context(given, row, by)
    return framed(
        request,
        "survey_results/cross.html",
        title=_("Cross-table: %(survey)s") % {"survey": given.survey},
        rows=[(one.code, one.text(), one is row) for one in askable],
        columns=[(f"q:{one.code}", one.text(), wished == f"q:{one.code}") for one in askable],
        parts=[(name, label, wished == name) for name, label in PARTS.items()],
        kept=[("row", request.GET.get("row", "")), ("by", wished)],
        is_itself=row is not None and by is row,
        **query.framing(given),
        **context,
    )


def _by(askable: list[Asked], wished: str) -> Asked | str | None:
    if wished in PARTS:
        return wished
    return next((one for one in askable if f"q:{one.code}" == wished), None)


def _context(given: Wanted, row: Asked, by: Asked | str) -> dict[str, Any]:
    crossed = crossing.cross(given.survey, row, by, given.filters, given.raked)
    return {
        "crossed": crossed,
        "row_text": row.text(),
        "by_text": by.text() if isinstance(by, Asked) else PARTS[by],
        "said": said(crossed),
        "lines": [
            (line.label, list(zip(line.counts, line.shares, strict=True)), told(line.test) if line.test else "")
            for line in crossed.lines
        ],
        "is_shaky": any(test.is_shaky for test in _tests(crossed)),
    }


def _tests(crossed: Crossed) -> list[Test]:
    return [test for test in (crossed.test, *(line.test for line in crossed.lines)) if test is not None]


def said(crossed: Crossed) -> str:
    """The whole table's test in words."""
    if crossed.columns_overlap:
        return _("Not tested: whoever took several of the columns' answers stands in several columns.")
    if crossed.is_several:
        return _("Several answers may be given to the question, so each is tested by itself: taken or not.")
    if crossed.test is None:
        return _("Nothing to compare: it takes two answers and two columns with somebody in them.")
    return told(crossed.test)


def told(test: Test) -> str:
    """A test in words, with its figures."""
    given = {
        "p": _("p < 0.001") if test.p < 0.001 else _("p = %(p)s") % {"p": number_format(test.p, 3)},
        "chi": number_format(test.statistic, 2),
        "freedom": test.freedom,
    }
    if test.is_sure:
        said = _("Differs more than chance explains (%(p)s; chi-square %(chi)s, degrees of freedom: %(freedom)s).")
        return said % given
    return _("Could be chance (%(p)s; chi-square %(chi)s, degrees of freedom: %(freedom)s).") % given
