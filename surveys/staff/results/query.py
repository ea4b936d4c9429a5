"""What every page of the results begins with: the survey, its questions, what is filtered, the weights."""

from dataclasses import dataclass, replace
from typing import Any

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django_htmx.http import HttpResponseClientRedirect

from core.lib import alphabet, clock
from core.staff.pages import StaffRequest, framed, page
from enrollment.models import Channel, Language, Town
from surveys.models import Survey
from surveys.results import figures, filters, questions
from surveys.results.filters import AGES, GENDERS, UNKNOWN, Filters, band_label, gender_label
from surveys.results.questions import Asked
from surveys.results.raking import LEAST, MOST, Raked

SEE = "surveys.view_response"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the results."""

    survey: Survey
    asked: list[Asked]
    filters: Filters
    raked: Raked | None

    def question(self, code: str) -> Asked:
        """The question of a code; 404 where there is none."""
        found = next((one for one in self.asked if one.code == code), None)
        if found is None:
            raise Http404
        return found


def wanted(request: StaffRequest, survey_id: int, *, weighs: bool = True) -> Wanted:
    """Read an address of the results; 404 for a survey that was never launched."""
    survey = get_object_or_404(Survey.objects.select_related("stream"), pk=survey_id, launched_at__isnull=False)
    asked = questions.of(survey)
    found = filters.parse(request.GET, asked)
    raked = figures.weights(survey, found, now=clock.now()) if found.weights and weighs else None
    return Wanted(survey, asked, found, raked)


def counting(request: StaffRequest, survey_id: int) -> HttpResponse | None:
    """A page with a bar while the members to weigh to are counted; None when that need not be waited for."""
    given = wanted(request, survey_id, weighs=False)
    if not given.filters.weights or "counted" in request.GET or figures.base_is_known(given.survey, given.filters):
        return None
    return framed(
        request,
        "survey_results/counting.html",
        title=_("Results: %(survey)s") % {"survey": given.survey},
        survey=given.survey,
        query=given.filters.query(),
        here=request.get_full_path(),
    )


@page(SEE)
@require_safe
def count(request: StaffRequest, survey_id: int) -> HttpResponse:
    """Count the members to weigh to, then open the page that waits for it (`then`)."""
    given = wanted(request, survey_id, weighs=False)
    figures.base(given.survey, given.filters, now=clock.now())
    then = request.GET.get("then", "")
    if not then.startswith(reverse("survey_results:page", args=[survey_id])):
        raise Http404
    return HttpResponseClientRedirect(f"{then}&counted=1")


def framing(given: Wanted) -> dict[str, Any]:
    """What the filters' form and the words above the figures are made of."""
    found = given.filters
    return {
        "survey": given.survey,
        "filters": found,
        "query": found.query(),
        "pairs": [(name, value) for name, values in QueryDict(found.query()).lists() for value in values],
        "words": found.words(given.asked),
        "weighed": weighed(given.raked) if given.raked is not None else None,
        "choices": _choices(given),
    }


def _choices(given: Wanted) -> dict[str, Any]:
    """The form's fields: (value, label, is chosen)."""
    found = given.filters
    ages = [*range(len(AGES) + 1), UNKNOWN]
    versions = given.survey.versions.filter(published_at__isnull=False).order_by("number")
    answers = [
        (one.text(), [(f"{one.code}:{key}", one.label(key), found.answer == (one.code, key)) for key in one.choices()])
        for one in given.asked
        if one.step == 1 and one.choices()
    ]
    towns = sorted(Town.objects.all(), key=lambda town: alphabet.place(str(town)))
    return {
        "towns": [(town.pk, str(town), town.pk in found.towns) for town in towns],
        "ages": [(band, band_label(band), band in found.ages) for band in ages],
        "genders": [(one or "u", gender_label(one), one in found.genders) for one in GENDERS],
        "languages": [(one.value, one.label, one.value in found.languages) for one in Language],
        "channels": [(one.value, one.label, one.value in found.channels) for one in Channel],
        "versions": [(one.number, found.version == one.number) for one in versions],
        "answers": answers,
        "weights": [
            ("", _("not weighted"), not found.weights),
            ("members", _("to all members"), found.weights == "members"),
            ("audience", _("to the survey's audience"), found.weights == "audience"),
        ],
    }


def weighed(raked: Raked) -> dict[str, Any]:
    """What is said of the weights."""
    towns = {town.pk: str(town) for town in Town.objects.all()}

    def name(place: int, part: int | str) -> str:
        if place == 0:
            return f"{_('town')}: {towns.get(int(part)) or _('not known')}"
        return f"{_('age')}: {band_label(int(part))}" if place == 1 else f"{_('gender')}: {gender_label(str(part))}"

    return {
        "raked": raked,
        "least": LEAST,
        "most": MOST,
        "off": 100 * raked.off,
        "empty": [name(place, part) for place, part in raked.empty],
        "strangers": [name(place, part) for place, part in raked.strangers],
    }


def narrowed(found: Filters, **changes: Any) -> str:
    """The query of filters with something changed."""
    return replace(found, **changes).query()
