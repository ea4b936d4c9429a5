"""Use cases that span apps, one transaction each."""

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from bonuses import lifecycle as bonuses
from core.access import audit
from core.jobs import operations as jobs
from core.lib import astana
from enrollment import joining, locks
from enrollment import sql as enrollment_sql
from enrollment.consent import ShownConsent
from enrollment.models import Channel, Membership, Subscriber
from messaging import outbox
from messaging import sql as outbox_sql
from surveys.responses import answering
from surveys.responses.answering import Position


@transaction.atomic
def enroll(
    *, subscriber: Subscriber, shown: ShownConsent, session: str, key: str, by: str, now: datetime
) -> Membership:
    """Join: consent, membership and the current month's bonus, together (J1-J4, J6, B1).

    Raises NotActiv, LineSuspended or AlreadyMember.
    """
    locked = locks.lock_subscriber(subscriber.pk)
    membership = joining.join(subscriber=locked, shown=shown, session=session, key=key, by=by, now=now)
    bonuses.issue(subscriber=locked, now=now)
    outbox.announce(
        kind="welcome",
        subscribers=[locked.pk],
        values={"units": bonuses.terms_for(bonuses.Kind.MONTHLY, astana.month_of(now)).units},
        origin=f"welcome:{membership.pk}",
        now=now,
        reason="joined",
    )
    return membership


@transaction.atomic
def opt_out(
    *, subscriber: Subscriber, by: str, now: datetime, session: str = "", key: str = "", reason: str = ""
) -> int:
    """Leave: every consent withdrawn, every message cancelled, every unused unit forfeited, at once (J5, B7, M3).

    Returns the units lost. `reason` is why a care agent did it on the subscriber's behalf. Raises NotMember.
    """
    locked = locks.lock_subscriber(subscriber.pk)
    left_at = _after_last_contact(locked, now)
    membership = joining.leave(subscriber=locked, session=session, key=key, by=by, now=left_at)
    lost = bonuses.forfeit(subscribers=[locked.pk], reason="opt_out", now=now)
    outbox_sql.cancel(subscribers=[locked.pk], why="left", now=now)
    outbox.announce(
        kind="left",
        subscribers=[locked.pk],
        values={"units": lost},
        origin=f"left:{membership.pk}",
        now=left_at,
        reason="left",
    )
    audit.record(
        by=by,
        action="opt_out",
        subject=f"subscriber:{locked.pk}",
        reason=reason,
        details={"units_forfeited": lost},
        now=now,
    )
    return lost


@transaction.atomic
def begin_survey(*, survey_id: int, subscriber: Subscriber, channel: Channel, language: str, now: datetime) -> Position:
    """Begin a survey or go on with it (S1, S2). Raises what surveys.responses.answering.begin raises."""
    locked = locks.lock_subscriber(subscriber.pk)
    return answering.begin(survey_id=survey_id, subscriber=locked, channel=channel, language=language, now=now)


@transaction.atomic
def answer_survey(*, response_id: int, subscriber_id: int, turn: int, key: str, now: datetime) -> Position:
    """Take an answer; with the last one the reward, in this very transaction (S2, B11).

    Raises NotMember, SurveyOver, or NoTerms where nothing says what a survey is worth this month.
    """
    locks.hold_subscriber(subscriber_id)
    standing = answering.answer(response_id=response_id, subscriber_id=subscriber_id, turn=turn, key=key, now=now)
    if not standing.owes:
        return standing
    grant = bonuses.reward(
        subscriber=Subscriber.objects.get(pk=subscriber_id),
        source=f"survey:{standing.survey.pk}",
        now=now,
        units=standing.survey.reward_units,
    )
    answering.settle(response_id=standing.response_id, grant_id=grant.pk, units=grant.units)
    return replace(standing, units=grant.units, lapses_at=grant.expires_at)


def _after_last_contact(subscriber: Subscriber, now: datetime) -> datetime:
    """The instant of leaving: not before a hand-over that the gate has let through meanwhile.

    A gate under way is waited for, so that consent held when it wrote its attempt.
    """
    locks.await_senders(subscriber.pk // locks.RANGE)
    contacted = outbox_sql.last_contact(subscriber=subscriber.pk, now=now)
    return max(now, contacted) if contacted else now


def end_lost_memberships(*, now: datetime, by: str) -> int:
    """End the memberships of lines that are no longer the member's activ line (J7); return how many.

    Set-based, a range of subscriber ids a transaction; run again after a crash it ends what is left.
    """
    ended = 0
    for number in range(locks.last_range() + 1):
        ended += _end_lost_in_range(number=number, by=by, now=now)
    return ended


def end_lost_memberships_daily(*, now: datetime, by: str) -> int | None:
    """The same once a day by slot, should an import have died between its lines and its memberships."""

    def chunk(watermark: int) -> jobs.Step:
        ended = _end_lost_in_range(number=watermark, by=by, now=now)
        return jobs.Step(affected=ended, watermark=watermark + 1, is_last=watermark >= last)

    last = locks.last_range()
    return jobs.run_slot(name="end_lost_memberships", slot=astana.day_of(now).isoformat(), now=now, chunk=chunk)


@transaction.atomic
def _end_lost_in_range(*, number: int, by: str, now: datetime) -> int:
    locks.lock_range(number)
    locks.await_senders(number)
    first = number * locks.RANGE
    whose = enrollment_sql.end_lost_memberships(first=first, after=first + locks.RANGE, by=by, now=now)
    if whose:
        bonuses.forfeit(subscribers=whose, reason="line_lost", now=now)
        outbox_sql.cancel(subscribers=whose, why="line_lost", now=now)
    return len(whose)
