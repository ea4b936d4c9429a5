"""Try it: a telephone that asks a survey's questions, draft or published, and records nothing.

Where the walk stands is in the page alone, signed: the keys pressed so far, replayed with each further one.
"""

from datetime import datetime, timedelta
from typing import Any

from django.core import signing
from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from bonuses import lifecycle as bonuses
from core.lib import astana, clock
from core.lib.numbers import whole
from core.staff.pages import StaffRequest, framed, page
from enrollment.models import Language
from surveys.fieldwork import lifecycle
from surveys.models import Question, Response, Survey, Version
from surveys.questionnaire import scripts
from surveys.responses.answering import Position
from surveys.responses.screens import ending
from surveys.staff.common import SEE, survey_or_404, versions_of
from surveys.staff.walkthrough import BROKEN, Walk

MOST_KEYS = 200
_MOST_TYPED = 182
_MOST_OFFERED = 50
_SALT = "survey.try"


@page(SEE)
@require_safe
def choose(request: StaffRequest) -> HttpResponse:
    """Which survey to try: the newest that have questions."""
    written = Exists(Question.objects.filter(version__survey=OuterRef("pk")))
    found = Survey.objects.filter(written).order_by("-created_at", "-pk")[:_MOST_OFFERED]
    return framed(request, "surveys/choose.html", title=_("Try it"), surveys=found)


@page(SEE)
@require_http_methods(["GET", "HEAD", "POST"])
def walk(request: StaffRequest, survey_id: int) -> HttpResponse:
    """Choose a version and a language; then each key pressed is posted with the way so far."""
    survey = survey_or_404(survey_id)
    versions = [one for one in versions_of(survey) if one.questions.exists()]
    context: dict[str, Any] = {
        "survey": survey,
        "versions": versions,
        "languages": [(code, str(Language(code).label)) for code in survey.languages],
        "language": survey.language_for((get_language() or "")[:2]),
    }
    if request.method == "POST":
        context |= _gone(request, survey, versions)
    if request.htmx and "walk" in context:
        return render(request, "surveys/phone.html", context)
    return framed(request, "surveys/try.html", title=_("Try it: %(survey)s") % {"survey": survey}, **context)


def _gone(request: StaffRequest, survey: Survey, versions: list[Version]) -> dict[str, Any]:
    """Where the walk stands after this request; nothing when it cannot be told, so that it is begun anew."""
    now = clock.now()
    state = _read(request.POST.get("way", "")) if "key" in request.POST else _begun(request, now)
    version = next((one for one in versions if one.number == state.get("version")), None)
    if version is None or state["language"] not in survey.languages:
        return {}
    at = max(0, round((now - datetime.fromisoformat(state["since"])).total_seconds()))
    if "key" in request.POST and len(state["keys"]) < MOST_KEYS:
        state["keys"].append([request.POST["key"].replace("\0", "")[:_MOST_TYPED], at])
    gone = Walk(scripts.of(version), state["language"], [(str(key), int(when)) for key, when in state["keys"]])
    return {
        "walk": gone,
        "version": version,
        "language": state["language"],
        "screen": gone.screen or _ended(survey, gone, now),
        "way": signing.dumps(state, salt=_SALT, compress=True),
        "time": _time(gone.seconds),
        "ending": _ENDINGS.get(gone.ended),
    }


def _begun(request: StaffRequest, now: datetime) -> dict[str, Any]:
    number = request.POST.get("version", "")
    return {
        "version": whole(number) or 0,
        "language": request.POST.get("language", ""),
        "since": now.isoformat(),
        "keys": [],
    }


def _read(way: str) -> dict[str, Any]:
    """What was signed; nothing when it was not by us."""
    try:
        return dict(signing.loads(way, salt=_SALT))
    except signing.BadSignature:
        return {}


_ENDINGS = {
    Response.State.COMPLETED: "completed",
    Response.State.SCREENED_OUT: "screened_out",
    BROKEN: BROKEN,
}


def _ended(survey: Survey, gone: Walk, now: datetime) -> str:
    """The last screen, with the reward where it is earned."""
    if gone.ended == BROKEN:
        return str(_("This answer leads to a question that does not exist."))
    units, lapses_at = _reward(survey, now) if gone.ended == Response.State.COMPLETED else (0, None)
    return ending(
        Position(
            response_id=0, survey=survey, language=gone.language, turn=0, ended=gone.ended, units=units,
            lapses_at=lapses_at,
        )
    )  # fmt: skip


def _reward(survey: Survey, now: datetime) -> tuple[int, datetime | None]:
    """What completing it would earn now, and until when."""
    try:
        terms = bonuses.terms_for(bonuses.Kind.SURVEY, astana.month_of(now))
    except bonuses.NoTerms:
        return 0, None
    return lifecycle.units_of(survey, now), now + timedelta(hours=terms.valid_hours)


def _time(seconds: int) -> str:
    return f"{seconds // 60}:{seconds % 60:02d}"
