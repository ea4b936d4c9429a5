"""A survey's life: looked at, launched, paused, resumed, cancelled; fed by a job, members reminded once, ended in time.

As a campaign's (campaigns.campaign.lifecycle), which stands beside it: what they share is the audience and the outbox.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from bonuses import lifecycle as bonuses
from core.access import audit
from core.lib import astana, segments
from core.lib.errors import Refusal
from core.lib.in_order import in_order
from enrollment import locks
from enrollment.audience import definition, selection
from enrollment.audience.selection import Counts, Exclusion
from enrollment.models import Channel, Purpose
from messaging import outbox, sql, texts
from messaging.models import MessageClass, Stream
from surveys.fieldwork import inviting
from surveys.models import Survey
from surveys.models.questions import Question, Version
from surveys.questionnaire import flow, scripts

State = Survey.State
_ACTIONS = {
    State.SCHEDULED: "schedule_survey",
    State.RUNNING: "launch_survey",
    State.PAUSED: "pause_survey",
    State.FINISHED: "finish_survey",
    State.CANCELLED: "cancel_survey",
}
REMIND_AT_ONCE = 5_000
_JOB = "job:feed_surveys"


class SurveyNotReady(Refusal):
    """The survey cannot be launched; `what` says everything that is in the way."""

    code = "survey_not_ready"
    sentence = _("The survey cannot be launched: %(what)s.")
    status = 422


class SurveyStateRefusal(Refusal):
    """The survey stands where this cannot be done to it."""

    code = "survey_wrong_state"
    sentence = _("This survey is “%(state)s”: that cannot be done now.")


@dataclass(frozen=True, slots=True)
class SurveyForecast:
    """What a launch would do: whom it reaches, the segments to be paid for, the units if everybody answered."""

    counts: Counts
    segments: int
    units: int
    wanted: int | None  # answers the quotas ask for; None: no quotas


def current(survey: Survey) -> Version | None:
    """The version that is begun now: the newest published one."""
    return survey.versions.filter(published_at__isnull=False).order_by("-number").first()


def forecast(*, survey: Survey, now: datetime) -> SurveyForecast:
    """Tell what a launch would do now. Raises SurveyNotReady."""
    require_ready(survey, now)
    counted = counts(survey=survey, now=now)
    said = [segments.measure(text)[1] for _channel, _language, text in inviting.worded(survey, units_of(survey, now))]
    wanted = sum(quota.wanted for quota in survey.quotas.all()) or None
    answers = min(counted.reachable, wanted) if wanted else counted.reachable
    return SurveyForecast(
        counted, round(counted.reachable * sum(said) / len(said)), answers * units_of(survey, now), wanted
    )


def units_of(survey: Survey, now: datetime) -> int:
    """What an answered survey earns: its own figure, or that of the terms in force (B11). Raises NoTerms."""
    return survey.reward_units or bonuses.terms_for(bonuses.Kind.SURVEY, astana.month_of(now)).units


def counts(*, survey: Survey, now: datetime) -> Counts:
    """How many fit the survey's audience, and who of them is left out why."""
    with in_order():
        return selection.count(
            definition.parse(survey.audience),
            purpose=Purpose.SURVEYS,
            channels=[Channel(code) for code in survey.channels],
            now=now,
            exclusions=_exclusions(survey, now),
        )


def _exclusions(survey: Survey, now: datetime) -> list[Exclusion]:
    given = {"survey": survey.pk}
    found = [
        outbox.over_the_cap(message_class=MessageClass.SURVEY, now=now),
        Exclusion(
            "answered",
            "EXISTS (SELECT FROM surveys_response r WHERE r.survey_id = %(survey)s AND r.subscriber_id = s.id)",
            given=given,
        ),
        Exclusion(
            "invited",
            "EXISTS (SELECT FROM surveys_invitation i WHERE i.survey_id = %(survey)s AND i.subscriber_id = s.id)",
            given=given,
        ),
        Exclusion("no_language", "s.language <> ALL(%(read)s::text[])", given={"read": survey.languages}),
    ]
    quotas = list(survey.quotas.all())
    if quotas:
        found.append(
            Exclusion("no_group", f"({inviting.CELL}) IS NULL", given=inviting.cells(quotas, astana.day_of(now)))
        )
        found.append(Exclusion("group_full", f"({inviting.CELL}) IS FALSE"))
    return found


def require_ready(survey: Survey, now: datetime) -> None:
    """Raise NotReady with everything that is in the way of a launch."""
    wrong = list(in_the_way(survey, now))
    if wrong:
        raise SurveyNotReady(what="; ".join(str(one) for one in wrong))


def in_the_way(survey: Survey, now: datetime) -> Sequence[object]:
    """Everything that keeps it from being launched, each in words; nothing when it may be."""
    wrong: list[object] = []
    version = current(survey)
    if version is None:
        wrong.append(_("its questions are not published"))
    elif flow.problems(scripts.of(version), languages=survey.languages):
        wrong.append(_("its published questions are not in every language asked in: correct them"))
    if survey.ends_at <= now:
        wrong.append(_("its end is over"))
    by_ear = version is not None and Channel.IVR in survey.channels
    if by_ear and any(item.kind == Question.Kind.TEXT for item in scripts.of(version).items):  # type: ignore[arg-type]
        wrong.append(_("a text cannot be answered on the telephone: leave calls out, or that question"))
    try:
        definition.parse(survey.audience)
    except Refusal as refusal:
        wrong.append(refusal)
    try:
        worded = inviting.worded(survey, units_of(survey, now))
        wrong += [
            _("the invitation by USSD in “%(language)s” does not fit one screen") % {"language": language}
            for channel, language, text in worded
            if channel == Channel.USSD and not inviting.fits(text)
        ]
        wrong += [
            _("the invitation in “%(language)s” is longer than two messages") % {"language": language}
            for channel, language, text in worded
            if channel == Channel.SMS and segments.measure(text)[1] > 2
        ]
    except (texts.BadText, bonuses.NoTerms) as refusal:
        wrong.append(refusal)
    return wrong


@transaction.atomic
def launch(*, survey: Survey, by: str, now: datetime) -> Survey:
    """Let it start at its hour. Raises SurveyStateRefusal or SurveyNotReady."""
    survey = _locked(survey, State.DRAFT)
    require_ready(survey, now)
    survey.stream = Stream.objects.create(
        code=f"survey-{survey.pk}", message_class=MessageClass.SURVEY, rate_per_minute=survey.rate_per_minute
    )
    survey.launched_by, survey.launched_at = by, now
    survey.watermark_end = (locks.last_range() + 1) * locks.RANGE
    return _move(survey, State.SCHEDULED, by=by, now=now)


@transaction.atomic
def pause(*, survey: Survey, by: str, now: datetime, reason: str = "") -> Survey:
    """Invite nobody more, and let nobody begin; who has begun may go on."""
    survey = _locked(survey, State.RUNNING, State.SCHEDULED)
    _set_paused(survey, is_paused=True)
    return _move(survey, State.PAUSED, by=by, now=now, reason=reason)


@transaction.atomic
def resume(*, survey: Survey, by: str, now: datetime) -> Survey:
    """Let it go on where it stood; whoever was invited is not invited again."""
    survey = _locked(survey, State.PAUSED)
    _set_paused(survey, is_paused=False)
    return _move(survey, State.RUNNING if survey.watermark else State.SCHEDULED, by=by, now=now)


@transaction.atomic
def cancel(*, survey: Survey, by: str, now: datetime, reason: str = "") -> int:
    """End it now; invitations no sender has are cancelled. Returns how many. Answers stay."""
    survey = _locked(survey, State.DRAFT, State.SCHEDULED, State.RUNNING, State.PAUSED)
    survey.finished_at = now
    _move(survey, State.CANCELLED, by=by, now=now, reason=reason)
    return _cancel_waiting(survey, now)


def feed(*, now: datetime) -> int:
    """Start what is due, invite the next members, remind who is to be, end what is over; return messages made.

    Each survey by one worker at a time; a chunk is one transaction, so a killed worker's successor goes on from it.
    """
    made = 0
    for survey_id in list(_under_way().order_by("pk").values_list("pk", flat=True)):
        _start(survey_id, now)
        while (invited := _invite_chunk(survey_id, now)) is not None:
            made += invited
        while reminded := _remind_chunk(survey_id, now):
            made += reminded
        _finish(survey_id, now)
    return made


def _under_way() -> QuerySet[Survey]:
    return Survey.objects.filter(state__in=[State.SCHEDULED, State.RUNNING, State.PAUSED])


@transaction.atomic
def _start(survey_id: int, now: datetime) -> None:
    survey = _taken(survey_id, State.SCHEDULED)
    if survey is not None and survey.starts_at <= now:
        _move(survey, State.RUNNING, by=_JOB, now=now)


@transaction.atomic
def _invite_chunk(survey_id: int, now: datetime) -> int | None:
    """Invite the next range of members; None when there is nothing to do now."""
    survey = _taken(survey_id, State.RUNNING)
    if survey is None or survey.watermark >= survey.watermark_end or now >= survey.ends_at:
        return None
    first = survey.watermark
    after = min((first // locks.RANGE + 1) * locks.RANGE, survey.watermark_end)
    people = selection.reachable(
        definition.parse(survey.audience),
        purpose=Purpose.SURVEYS,
        channels=[Channel(code) for code in survey.channels],
        now=now,
        exclusions=_exclusions(survey, now),
        first=first,
        after=after,
    )
    invited = _put(survey, inviting.INVITE.format(people=people.sql), people.given, kind="survey", now=now)
    survey.watermark, survey.invited = after, survey.invited + invited
    survey.save(update_fields=["watermark", "invited"])
    return invited


@transaction.atomic
def _remind_chunk(survey_id: int, now: datetime) -> int:
    """Remind the next members who were asked long enough ago and have not come to an end; once each."""
    survey = _taken(survey_id, State.RUNNING)
    if survey is None or not survey.remind_after_days or now >= survey.ends_at:
        return 0
    people = selection.reachable(
        definition.Audience(),
        purpose=Purpose.SURVEYS,
        channels=[Channel(code) for code in survey.channels],
        now=now,
        exclusions=[
            outbox.over_the_cap(message_class=MessageClass.SURVEY, now=now),
            *(one for one in _exclusions(survey, now) if one.code in ("group_full", "no_group")),
        ],
        also=inviting.TO_REMIND,
    )
    given = {
        **people.given,
        "survey": survey.pk,
        "asked_before": now - timedelta(days=survey.remind_after_days),
        "limit": REMIND_AT_ONCE,
    }
    return _put(survey, inviting.REMIND.format(people=people.sql), given, kind="survey_reminder", now=now)


def _put(survey: Survey, chosen: str, given: dict[str, Any], *, kind: str, now: datetime) -> int:
    assert survey.stream is not None
    worded = inviting.worded(survey, units_of(survey, now))
    measured = [(channel, language, text, *segments.measure(text)) for channel, language, text in worded]
    columns = [list(column) for column in zip(*measured, strict=True)]
    names = ("t_channel", "t_language", "t_text", "t_encoding", "t_segments")
    return outbox.put_chosen(
        stream=survey.stream,
        chosen=chosen,
        source="to_send",
        given={
            **given,
            **dict(zip(names, columns, strict=True)),
            "survey": survey.pk,
            "channels": survey.channels,
            "bits": [selection.mask(Purpose.SURVEYS, [Channel(code)]) for code in survey.channels],
            "not_after": survey.ends_at,
        },
        campaign=survey.pk,
        origin=f"{kind}:{survey.pk}",
        not_before=max(now, survey.starts_at),
        now=now,
    )


@transaction.atomic
def _finish(survey_id: int, now: datetime) -> None:
    """Over at its end: no more answers, and invitations that have not left are cancelled."""
    survey = _taken(survey_id, State.RUNNING, State.PAUSED)
    if survey is None or now < survey.ends_at:
        return
    _cancel_waiting(survey, now)
    survey.finished_at = now
    _move(survey, State.FINISHED, by=_JOB, now=now)


def invitations_by_state(survey: Survey, now: datetime) -> dict[str, int]:
    """What became of the invitations, by the state of their messages."""
    if survey.stream is None:
        return {}
    since = min(sql.oldest_month(now), astana.month_of(survey.launched_at or now))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, count(*) FROM messaging_message"
            " WHERE campaign = %s AND stream_id = %s AND month >= %s GROUP BY 1",
            [survey.pk, survey.stream_id, since],
        )
        return dict(cursor.fetchall())


def _cancel_waiting(survey: Survey, now: datetime) -> int:
    if survey.stream is None:
        return 0
    return sql.cancel_campaign(campaign=survey.pk, stream=survey.stream.pk, now=now)


def _set_paused(survey: Survey, *, is_paused: bool) -> None:
    if survey.stream is not None:
        survey.stream.is_paused = is_paused
        survey.stream.save(update_fields=["is_paused"])


def _locked(survey: Survey, *states: str) -> Survey:
    """The survey as it stands now, locked. Raises SurveyStateRefusal unless it stands in one of these."""
    found = Survey.objects.select_for_update(no_key=True, of=["self"]).select_related("stream").get(pk=survey.pk)
    if found.state not in states:
        raise SurveyStateRefusal(state=found.get_state_display())
    return found


def _taken(survey_id: int, *states: str) -> Survey | None:
    """The survey, locked, if it stands in one of these and nobody else is at it."""
    return (
        Survey.objects.select_for_update(no_key=True, of=["self"], skip_locked=True)
        .select_related("stream")
        .filter(pk=survey_id, state__in=states)
        .first()
    )


def _move(survey: Survey, state: State, *, by: str, now: datetime, reason: str = "") -> Survey:
    survey.state = state
    survey.save()
    audit.record(by=by, action=_ACTIONS[state], subject=f"survey:{survey.pk}", reason=reason[:300], now=now)
    return survey
