"""Taking part: begin or go on, answer, go back; the same by USSD, pushed dialog and call (S1, S2).

Every operation runs in the caller's transaction, the subscriber locked (locks.lock_subscriber), and the reward is
smart.programme's, in the same one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection
from django.db.models import F, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from core.lib import astana
from core.lib.errors import Refusal
from core.lib.logs import mask_numbers
from enrollment import joining
from enrollment.audience import definition, selection
from enrollment.models import Channel, Subscriber
from surveys.models import Answer, Invitation, Quota, Response, Survey, Version
from surveys.models.questions import END, NOT_ELIGIBLE
from surveys.questionnaire import flow, scripts
from surveys.questionnaire.flow import Given, Script
from surveys.questionnaire.items import Item
from surveys.questionnaire.wording import BACK_KEY
from surveys.responses import sql

State = Response.State
# What took_ms holds at most: 23 days.
_MOST_MS = 2_000_000_000


class NoSuchSurvey(Refusal):
    """There is no survey of this number, or it has not begun."""

    code = "no_such_survey"
    sentence = _("There is no such survey now. Surveys: *555*6#")
    status = 404


class SurveyOver(Refusal):
    """The survey has ended or is paused."""

    code = "survey_over"
    sentence = _("This survey is over. Thank you!")


class SurveyPaused(Refusal):
    """Nobody begins a paused survey; who has begun goes on."""

    code = "survey_paused"
    sentence = _("This survey is paused. Please try later.")


class AlreadyAnswered(Refusal):
    """S2: each survey is answered once."""

    code = "already_answered"
    sentence = _("You have answered this survey already. Thank you!")


class NotForYou(Refusal):
    """The member is not of the people asked."""

    code = "not_asked"
    sentence = _("This survey is for other members. Surveys: *555*6#")


class GroupFull(Refusal):
    """Enough members like this one have answered."""

    code = "group_full"
    sentence = _("Enough members like you have answered. Thank you!")


@dataclass(frozen=True, slots=True)
class Position:
    """Where a member stands in a survey: at a question (`item`), or at an end (`ended`, a Response.State).

    `turn` must come back with the next key. `owes` is true once: when this very step earned the reward.
    """

    response_id: int
    survey: Survey
    language: str
    turn: int
    item: Item | None = None
    is_first: bool = False
    ended: str = ""
    hint: str | Promise = ""
    owes: bool = False
    units: int = 0
    lapses_at: datetime | None = None


def open_to(*, subscriber: Subscriber, now: datetime) -> Sequence[Survey]:
    """The surveys this member may begin or go on with now, oldest first."""
    running = Survey.objects.filter(state=Survey.State.RUNNING, starts_at__lte=now, ends_at__gt=now)
    begun = dict(Response.objects.filter(subscriber=subscriber).values_list("survey_id", "state"))
    return [
        survey
        for survey in running.order_by("pk")
        if begun.get(survey.pk) == State.STARTED
        or (survey.pk not in begun and _may_begin(survey, subscriber, now) and _cell_is_open(survey, subscriber, now))
    ]


def _may_begin(survey: Survey, subscriber: Subscriber, now: datetime) -> bool:
    """Invited, or of the audience."""
    if Invitation.objects.filter(survey=survey, subscriber=subscriber).exists():
        return True
    found = selection.fitting(definition.parse(survey.audience), now=now)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 {found.sql} AND s.id = %(only)s", {**found.given, "only": subscriber.pk})
        return cursor.fetchone() is not None


def _cell_is_open(survey: Survey, subscriber: Subscriber, now: datetime) -> bool:
    try:
        _cell(survey, subscriber, now)
    except (NotForYou, GroupFull):
        return False
    return True


def _cell(survey: Survey, subscriber: Subscriber, now: datetime) -> Quota | None:
    """The first quota this member falls under; None where the survey has none. Raises NotForYou or GroupFull."""
    quotas = list(survey.quotas.all())
    age = _age(subscriber, astana.day_of(now))
    mine = next((quota for quota in quotas if _fits(quota, subscriber, age)), None)
    if quotas and mine is None:
        raise NotForYou
    if mine is not None and mine.is_full:
        raise GroupFull
    return mine


def _fits(quota: Quota, subscriber: Subscriber, age: int | None) -> bool:
    has_ages = quota.age_from is not None or quota.age_to is not None
    return (
        quota.town_id in (None, subscriber.town_id)
        and quota.gender in ("", subscriber.gender)
        and (not has_ages or (age is not None and (quota.age_from or 0) <= age <= (quota.age_to or 999)))
    )


def _age(subscriber: Subscriber, today: date) -> int | None:
    born = subscriber.birth_date
    if born is None:
        return None
    return max(0, today.year - born.year - ((today.month, today.day) < (born.month, born.day)))


def begin(*, survey_id: int, subscriber: Subscriber, channel: Channel, language: str, now: datetime) -> Position:
    """Begin a survey, or go on with it at the question that waits (S2). The subscriber must be locked.

    Raises NotMember, NoSuchSurvey, SurveyPaused, SurveyOver, AlreadyAnswered, NotForYou or GroupFull.
    """
    if joining.current_membership(subscriber.pk) is None:
        raise joining.NotMember
    survey = Survey.objects.filter(pk=survey_id).exclude(state__in=[Survey.State.DRAFT, Survey.State.SCHEDULED]).first()
    if survey is None:
        raise NoSuchSurvey
    response = Response.objects.select_for_update(no_key=True).filter(survey=survey, subscriber=subscriber).first()
    if response is not None and response.state != State.STARTED:
        raise AlreadyAnswered
    _require_open(survey, now)
    if response is not None:
        response.turn, response.asked_at, response.channel = response.turn + 1, now, channel
        response.language = survey.language_for(language)
        response.save(update_fields=["turn", "asked_at", "channel", "language"])
        return _standing(survey, response)
    if survey.state == Survey.State.PAUSED:
        raise SurveyPaused
    if not _may_begin(survey, subscriber, now):
        raise NotForYou
    version = Version.objects.filter(survey=survey, published_at__isnull=False).order_by("-number").first()
    if version is None:
        raise NoSuchSurvey
    quota = _cell(survey, subscriber, now)
    response = Response.objects.create(
        survey=survey,
        version=version,
        subscriber=subscriber,
        quota=quota,
        language=survey.language_for(language),
        channel=channel,
        town_id=subscriber.town_id,
        gender=subscriber.gender,
        age=_age(subscriber, astana.day_of(now)),
        asked=scripts.published(version.pk).first.code,
        started_at=now,
        asked_at=now,
    )
    return _standing(survey, response)


def _require_open(survey: Survey, now: datetime) -> None:
    if survey.state in (Survey.State.FINISHED, Survey.State.CANCELLED) or now >= survey.ends_at:
        raise SurveyOver


def answer(*, response_id: int, subscriber_id: int, turn: int, key: str, now: datetime) -> Position:
    """Take the key pressed at `turn`. The subscriber must be locked.

    A key of an earlier turn changes nothing and shows what waits now; a wrong one shows the question again, with a
    hint. Raises NotMember or SurveyOver.
    """
    response, is_member, is_full = sql.read(response_id=response_id, subscriber_id=subscriber_id)
    if not is_member:
        raise joining.NotMember
    survey = response.survey
    if response.state != State.STARTED or response.turn != turn:
        return _standing(survey, response)
    _require_open(survey, now)
    script = scripts.published(response.version_id)
    item = script.by_code[response.asked]
    if key == BACK_KEY:
        return _go_back(survey, response, script, now)
    try:
        given = flow.read(item, key)
    except flow.BadKey as bad:
        return _standing(survey, response, hint=bad.hint)
    if is_full:
        return _end(survey, response, script, State.FULL, now)
    return _go_on(survey, response, script, item, given, now)


def _go_on(survey: Survey, response: Response, script: Script, item: Item, given: Given, now: datetime) -> Position:
    """Keep the answer, and ask what follows or come to the end."""
    took = min(round(max(0.0, (now - response.asked_at).total_seconds()) * 1000), _MOST_MS)
    text = mask_numbers(given.text)[:200]
    following = script.after(item, given)
    response.path = [*response.path, item.code]
    if following not in (END, NOT_ELIGIBLE) and following not in response.path:
        sql.step(
            response=response, question_id=item.id, value=given.value, text=text, took_ms=took, asked=following, now=now
        )
        return _standing(survey, response)
    Answer.objects.create(
        response=response, question_id=item.id, value=given.value, text=text, answered_at=now, took_ms=took
    )
    if following == NOT_ELIGIBLE:
        return _end(survey, response, script, State.SCREENED_OUT, now)
    is_taken = response.quota_id is None or (
        Quota.objects.filter(pk=response.quota_id, taken__lt=F("wanted")).update(taken=F("taken") + 1)
    )
    return _end(survey, response, script, State.COMPLETED if is_taken else State.FULL, now)


def _go_back(survey: Survey, response: Response, script: Script, now: datetime) -> Position:
    """To the question before, its answer taken back; at the first one there is nothing to go back to."""
    if not response.path:
        return _standing(survey, response)
    *before, last = response.path
    Answer.objects.filter(response=response, question=script.by_code[last].id).delete()
    response.path = before
    return _ask(survey, response, last, now)


def _ask(survey: Survey, response: Response, code: str, now: datetime) -> Position:
    response.asked, response.asked_at, response.turn = code, now, response.turn + 1
    response.save(update_fields=["asked", "asked_at", "turn", "path"])
    return _standing(survey, response)


def _end(survey: Survey, response: Response, script: Script, state: State, now: datetime) -> Position:
    answers = list(Answer.objects.filter(response=response).values_list("question_id", "value", "took_ms"))
    if state == State.COMPLETED and answers:
        average = sum(took for _question, _value, took in answers) / len(answers)
        response.is_fast = average < survey.fast_seconds * 1000
    response.state, response.asked, response.ended_at = state, "", max(now, response.started_at)
    response.turn += 1
    response.save(update_fields=["state", "asked", "ended_at", "turn", "path", "is_fast"])
    _learn(response, script, {question: value for question, value, _took in answers}, now)
    owes = state == State.COMPLETED or (state == State.FULL and survey.rewards_full)
    return _standing(survey, response, owes=owes)


def _learn(response: Response, script: Script, values: dict[int, int | None], now: datetime) -> None:
    """Write down what the chosen answers tell about the member, for audiences to ask for."""
    chosen = [
        option
        for item in script.items
        if item.id in values
        for option in item.options
        if flow.matches(item, option, Given(values[item.id]))
    ]
    joining.learn(
        subscriber_id=response.subscriber_id,
        facts={option.fact: option.fact_value for option in chosen if option.fact is not None},
        interests=[option.interest_bit for option in chosen if option.interest_bit is not None],
        now=now,
    )


def settle(*, response_id: int, grant_id: int, units: int) -> None:
    """Keep which grant paid for the response."""
    Response.objects.filter(pk=response_id).update(grant=grant_id, units=units)


def _standing(survey: Survey, response: Response, *, hint: str | Promise = "", owes: bool = False) -> Position:
    script = scripts.published(response.version_id)
    return Position(
        response_id=response.pk,
        survey=survey,
        language=response.language,
        turn=response.turn,
        item=script.by_code[response.asked] if response.asked else None,
        is_first=not response.path,
        ended="" if response.state == State.STARTED else response.state,
        hint=hint,
        owes=owes,
        units=response.units,
    )


def abandoned() -> Q:
    """Responses that were begun and can be finished no more: the drop-outs."""
    over = [Survey.State.FINISHED, Survey.State.CANCELLED]
    return Q(state=State.STARTED, survey__state__in=over)
