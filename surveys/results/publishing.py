"""What a sponsor sees of its survey: totals in tens, written down at most once a day (P2, docs/surveys-results.md).

Sponsors' pages read these rows and nothing else. A row is renewed only when a hundred more have completed the survey,
so what two days differ in is never one person's answer.
"""

from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet

from core.jobs import operations as jobs
from core.jobs.operations import Step
from core.lib import astana
from core.lib.rounding import Rounding
from surveys.models import PublishedResult, Response, Survey
from surveys.models.questions import Question
from surveys.results import figures, questions
from surveys.results.filters import Filters
from surveys.results.questions import Asked

STEP = 10
LEAST = 10  # no cell below it is told: none under 5 either, and none of 5 to 9
ENOUGH = 100  # completed surveys, and answers to a question
_TENS = Rounding(step=STEP, least=LEAST, salt="surveys.results.publishing")
_COMPLETED = Filters(only_completed=True)
State = Survey.State


@dataclass(frozen=True, slots=True)
class ShownQuestion:
    """A question's rounded answers, by key ("promoters", "passives", "detractors" on the scale from 0 to 10).

    What is not in `rows` is small or nothing; `others` are all of these together. `is_several`: shares are of who
    answered, and may add up to more than a hundred.
    """

    code: str
    answered: int
    rows: dict[str, int]
    others: int | None = None
    is_several: bool = False


@dataclass(frozen=True, slots=True)
class SurveyTotals:
    """A survey's rounded results."""

    completed: int = 0
    questions: list[ShownQuestion] = field(default_factory=list)


def publish_daily(*, now: datetime) -> int | None:
    """Write down, once an Astana day, what sponsors see; return how many, None when it was done."""

    def chunk(watermark: int) -> Step:
        """One survey a transaction."""
        survey = _open().filter(pk__gt=watermark).order_by("pk").first()
        if survey is None:
            return Step(affected=0, watermark=watermark, is_last=True)
        return Step(affected=int(publish(survey=survey, now=now)), watermark=survey.pk, is_last=False)

    return jobs.run_slot(name="publish_survey_results", slot=astana.day_of(now).isoformat(), now=now, chunk=chunk)


def _open() -> QuerySet[Survey]:
    states = (State.RUNNING, State.PAUSED, State.FINISHED)
    return Survey.objects.filter(sponsor__isnull=False, state__in=states).exclude(published__is_final=True)


def publish(*, survey: Survey, now: datetime) -> bool:
    """Write a survey's results down if enough have completed it since; return whether figures were written."""
    before = PublishedResult.objects.filter(survey=survey).first()
    completed = Response.objects.filter(survey=survey, state=Response.State.COMPLETED).count()
    is_over = survey.state == State.FINISHED
    if completed - (before.counted if before else 0) >= ENOUGH:
        PublishedResult.objects.update_or_create(
            survey=survey,
            defaults={
                "day": astana.day_of(now),
                "counted": completed,
                "figures": asdict(rounded(survey)),
                "is_final": is_over,
            },
        )
        return True
    if before is not None and is_over:
        PublishedResult.objects.filter(pk=before.pk).update(is_final=True)
    return False


def rounded(survey: Survey) -> SurveyTotals:
    """Round every cell of the completed responses; each cell's border is its secret's for good."""
    asked = [one for one in questions.of(survey) if one.kind != Question.Kind.TEXT]
    counted = figures.answers(survey, asked, _COMPLETED)
    completed = Response.objects.filter(survey=survey, state=Response.State.COMPLETED).count()
    return SurveyTotals(
        completed=_TENS.shown(completed, cell=f"{survey.pk}/completed") or 0,
        questions=[
            found for one in asked if (found := _question(counted.told(one), f"{survey.pk}/{one.code}")) is not None
        ],
    )


def _question(told: figures.Told, cell: str) -> ShownQuestion | None:
    """None: too few answered it."""
    answered = _TENS.shown(told.answered, cell=f"{cell}/answered")
    if told.answered < ENOUGH or answered is None:
        return None
    if told.groups is not None:
        names = ("promoters", "passives", "detractors")
        exact = {name: round(count) for name, count in zip(names, told.groups, strict=True)}
    else:
        exact = {str(row.key): round(row.count) for row in told.rows}
    if told.asked.is_several:
        return ShownQuestion(told.asked.code, answered, _several(exact, told.answered, cell), is_several=True)
    rows, others = _TENS.parts(exact, cell=cell)
    return ShownQuestion(told.asked.code, answered, rows, others)


def _several(exact: dict[str, int], answered: int, cell: str) -> dict[str, int]:
    """Each choice against who did not take it: neither may be small."""
    found = {}
    for key, count in exact.items():
        value = _TENS.shown(count, cell=f"{cell}:{key}")
        if value is not None and answered - count >= LEAST:
            found[key] = value
    return found


@dataclass(frozen=True, slots=True)
class PublishedSurvey:
    """A row as its sponsor reads it."""

    survey: Survey
    day: date
    is_final: bool
    shown: SurveyTotals


def for_sponsor(partner_id: int) -> QuerySet[Survey]:
    """The surveys a partner sponsors that have begun, the newest first."""
    states = (State.RUNNING, State.PAUSED, State.FINISHED)
    own = Survey.objects.filter(sponsor=partner_id, state__in=states)
    return own.select_related("published").order_by("-starts_at", "-pk")


def read(survey: Survey) -> PublishedSurvey | None:
    """What was written down of it; None: nothing yet."""
    row: Any = getattr(survey, "published", None)
    if row is None:
        return None
    told = [ShownQuestion(**one) for one in row.figures["questions"]]
    return PublishedSurvey(survey, row.day, row.is_final, SurveyTotals(row.figures["completed"], told))


def nps(told: ShownQuestion) -> int | None:
    """The net promoter score of what is shown; None when a group of it is not."""
    if told.others is not None or set(told.rows) != {"promoters", "passives", "detractors"}:
        return None
    return round(100 * (told.rows["promoters"] - told.rows["detractors"]) / sum(told.rows.values()))


def labels(asked: Asked) -> dict[str, str]:
    """What the keys of a question's rows mean, in the reader's language and in their order."""
    return {str(key): asked.label(key) for key in asked.choices()}
