"""The life of a bonus: issue, activate, reward, expire, forfeit; and what is left of it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from bonuses import sql
from bonuses.models import BonusTerms, Grant, Kind, LedgerEntry
from core.jobs import operations as jobs
from core.lib import astana, partitions, zones
from core.lib.errors import Refusal
from enrollment import joining, locks
from enrollment.models import Subscriber
from messaging import outbox

PARTITIONED = ("bonuses_grant", "bonuses_ledgerentry", "bonuses_debit")
SWEEP_CHUNK = 50_000
SWEEP_EVERY = timedelta(minutes=10)
LAPSE_WARNING = timedelta(hours=30)  # "tomorrow", whatever the hour of the lapse: told inside a window before it
LAPSE_CHUNK = 2_000
_ISSUED = "bonus_issued:{month:%Y-%m}"  # the origin of the message that a month's bonus is there


class NoTerms(Refusal):
    """No terms are in force for the month."""

    code = "no_terms"
    sentence = _("There is no bonus this month.")


class AlreadyActivated(Refusal):
    """B3: at most one monthly bonus is activated in a calendar month."""

    code = "already_activated"
    sentence = _("This month's bonus is already activated.")


class NothingToActivate(Refusal):
    """J6, B6: this month's bonus was forfeited or its days ran out; the next comes on the 1st."""

    code = "nothing_to_activate"
    sentence = _("No bonus left this month. The next one comes on the 1st.")


class Abroad(Refusal):
    """B4: not while roaming abroad."""

    code = "abroad"
    sentence = _("The bonus cannot be activated abroad.")


class WhereaboutsUnknown(Refusal):
    """B4: the network cannot say where the subscriber is."""

    code = "whereabouts_unknown"
    sentence = _("Cannot activate right now. Please try again later.")


@dataclass(frozen=True, slots=True)
class Balance:
    """What a subscriber has to spend, and what of it lapses when, soonest first.

    `waiting` is the bonus issued and not activated; `activatable` the units that `*555*00#` would give now, counting
    a bonus that is due and will be issued by that very dial.
    """

    units: int
    lapses: list[tuple[int, datetime]]
    waiting: Grant | None
    activatable: int


def terms_for(kind: Kind, month: date) -> BonusTerms:
    """The terms in force for a month. Raises NoTerms."""
    terms = BonusTerms.objects.filter(kind=kind, effective_from__lte=month).order_by("-effective_from").first()
    if terms is None:
        raise NoTerms
    return terms


def issue(*, subscriber: Subscriber, now: datetime) -> int:
    """Issue the current month's bonus to one member who has none (B1, J6); return how many (0 or 1).

    The subscriber must be locked (locks.lock_subscriber), lest a leaving member be issued one.
    """
    return _issue(month=astana.month_of(now), first=subscriber.pk, after=subscriber.pk + 1, now=now)


def _issue(*, month: date, first: int, after: int, now: datetime) -> int:
    terms = terms_for(Kind.MONTHLY, month)
    return sql.issue_month(
        month=month,
        terms_id=terms.pk,
        units=terms.units,
        days=terms.activate_within_days,
        first=first,
        after=after,
        now=now,
    )


def issue_month(*, now: datetime) -> int | None:
    """Issue the month's bonus to every member who has none; once a day, so that nobody is forgotten (B1).

    Returns how many; None when today's slot is done. Killed at any point, the next call goes on. Raises
    ZoneDataWrong where this machine does not know when Astana's month begins.
    """
    month, slot = astana.month_of(now), astana.day_of(now).isoformat()
    if jobs.is_done(name="issue_month", slot=slot):
        return None
    zones.require()
    make_partitions(now=now)
    last = locks.last_range()

    def chunk(watermark: int) -> jobs.Step:
        locks.lock_range(watermark)
        first = watermark * locks.RANGE
        issued = _issue(month=month, first=first, after=first + locks.RANGE, now=now)
        return jobs.Step(affected=issued, watermark=watermark + 1, is_last=watermark >= last)

    return jobs.run_slot(name="issue_month", slot=slot, now=now, chunk=chunk)


def activate(*, subscriber: Subscriber, visited_plmn: str, now: datetime) -> Grant:
    """Activate this month's bonus (B2-B5).

    Raises NotMember, AlreadyActivated, Abroad, WhereaboutsUnknown or NothingToActivate.
    """
    month = astana.month_of(now)
    reason = _why_not_here(visited_plmn)
    if reason is None:
        with transaction.atomic():
            grant_id = sql.activate(subscriber_id=subscriber.pk, month=month, now=now)
            if grant_id is not None:
                return _announced_active(Grant.objects.get(month=month, pk=grant_id), now)
    with transaction.atomic():
        locks.lock_subscriber(subscriber.pk)
        if joining.current_membership(subscriber.pk) is None:
            raise joining.NotMember
        issue(subscriber=subscriber, now=now)  # should the month's issue not have come by yet
        grant = Grant.objects.get(subscriber=subscriber, month=month, kind=Kind.MONTHLY, source="")
        if grant.activated_at is not None and grant.state != Grant.State.FORFEITED:
            raise AlreadyActivated
        if grant.state != Grant.State.WAITING or grant.activate_by <= now:
            raise NothingToActivate
        if reason is not None:
            raise reason
        sql.activate(subscriber_id=subscriber.pk, month=month, now=now)
        grant.refresh_from_db()
        return _announced_active(grant, now)


def _announced_active(grant: Grant, now: datetime) -> Grant:
    """Say that it is active; whoever was still to be told to activate it is told no more."""
    outbox.withdraw(subscribers=[grant.subscriber_id], origin=_ISSUED.format(month=grant.month), now=now)
    return _announced("activated", grant, now)


def _announced(kind: str, grant: Grant, now: datetime) -> Grant:
    """Say it by message as well, in the transaction of what it says."""
    outbox.announce(
        kind=kind,
        subscribers=[grant.subscriber_id],
        values={"units": grant.units, "lapse": _moment(grant.expires_at)},
        origin=f"{kind}:{grant.pk}",
        now=now,
        reason=kind,
    )
    return grant


def _moment(at: datetime | None) -> str:
    """An instant in Astana time, short: 30.11 18:00."""
    return at.astimezone(astana.ZONE).strftime("%d.%m %H:%M") if at else ""


def _why_not_here(visited_plmn: str) -> Refusal | None:
    """B4: abroad is any country but Kazakhstan; when the network cannot say, the policy decides."""
    if visited_plmn.isascii() and visited_plmn.isdecimal() and len(visited_plmn) in (5, 6):
        return None if visited_plmn.startswith(settings.HOME_MCC) else Abroad()
    return None if settings.ROAMING_UNKNOWN == "allow" else WhereaboutsUnknown()


@transaction.atomic
def reward(*, subscriber: Subscriber, source: str, now: datetime, units: int | None = None) -> Grant:
    """Grant a survey's reward, active at once (B11); the same source again in the month returns the same grant.

    Raises NotMember.
    """
    locks.lock_subscriber(subscriber.pk)
    if joining.current_membership(subscriber.pk) is None:
        raise joining.NotMember
    month = astana.month_of(now)
    terms = terms_for(Kind.SURVEY, month)
    amount = units or terms.units
    grant, is_new = Grant.objects.get_or_create(
        subscriber=subscriber,
        month=month,
        kind=Kind.SURVEY,
        source=source,
        defaults={
            "terms": terms,
            "units": amount,
            "remaining": amount,
            "state": Grant.State.ACTIVE,
            "issued_at": now,
            "activate_by": now + timedelta(days=terms.activate_within_days),
            "activated_at": now,
            "expires_at": now + timedelta(hours=terms.valid_hours),
        },
    )
    if is_new:
        LedgerEntry.objects.create(
            month=month,
            grant=grant,
            subscriber=subscriber,
            kind=LedgerEntry.Kind.ISSUE,
            units=amount,
            at=now,
            key="issue",
        )
        _announced("reward", grant, now)
    return grant


def announce_month(*, now: datetime) -> int | None:
    """Put the message of the month's bonus into the outbox, once the day's issue is done; return how many are new.

    None when there is nothing to do. Who joined this month has been told by the welcome.
    """
    month, slot = astana.month_of(now), astana.day_of(now).isoformat()
    if jobs.is_done(name="announce_month", slot=slot) or not jobs.is_done(name="issue_month", slot=slot):
        return None
    terms = terms_for(Kind.MONTHLY, month)
    last = locks.last_range()

    def chunk(watermark: int) -> jobs.Step:
        first = watermark * locks.RANGE
        whose = sql.waiting_since(month=month, first=first, after=first + locks.RANGE)
        told = outbox.announce(
            kind="bonus_issued",
            subscribers=whose,
            values={"units": terms.units, "days": terms.activate_within_days},
            origin=_ISSUED.format(month=month),
            now=now,
            reason="bonus_issued",
        )
        return jobs.Step(affected=told, watermark=watermark + 1, is_last=watermark >= last)

    return jobs.run_slot(name="announce_month", slot=slot, now=now, chunk=chunk)


def announce_lapses(*, now: datetime) -> int | None:
    """Tell members whose units lapse within a day what is left (M8), hourly; return how many are new, None if done.

    A member is told once a month, and not after the lapse.
    """
    slot = now.replace(minute=0, second=0, microsecond=0).isoformat()
    if jobs.is_done(name="announce_lapses", slot=slot):
        return None

    month = astana.month_of(now)

    def chunk(watermark: int) -> jobs.Step:
        lapsing = sql.lapsing(now=now, until=now + LAPSE_WARNING, after=watermark, limit=LAPSE_CHUNK)
        alike: dict[tuple[int, str], list[tuple[int, datetime]]] = {}
        for _grant, subscriber, remaining, expires_at in lapsing:
            alike.setdefault((remaining, _moment(expires_at)), []).append((subscriber, expires_at))
        told = sum(
            outbox.announce(
                kind="bonus_lapses",
                subscribers=[subscriber for subscriber, _at in whose],
                values={"units": units, "lapse": lapse},
                origin=f"bonus_lapses:{month:%Y-%m}",
                now=now,
                not_after=min(at for _subscriber, at in whose),
                reason="bonus_lapses",
            )
            for (units, lapse), whose in alike.items()
        )
        last = lapsing[-1][0] if lapsing else watermark
        return jobs.Step(affected=told, watermark=last, is_last=len(lapsing) < LAPSE_CHUNK)

    return jobs.run_slot(name="announce_lapses", slot=slot, now=now, chunk=chunk)


def balance(*, subscriber: Subscriber, now: datetime) -> Balance:
    """What the subscriber can spend now and what waits, whether or not any sweep has run (B5, B10)."""
    month = astana.month_of(now)
    oldest = astana.previous_month(astana.previous_month(month))
    grants = list(Grant.objects.filter(subscriber=subscriber, month__gte=oldest))
    lapses = sorted(
        (
            (grant.remaining, grant.expires_at)
            for grant in grants
            if grant.state == Grant.State.ACTIVE and grant.expires_at and grant.expires_at > now and grant.remaining
        ),
        key=lambda pair: pair[1],
    )
    this_month = next((grant for grant in grants if grant.month == month and grant.kind == Kind.MONTHLY), None)
    waits = this_month is not None and this_month.state == Grant.State.WAITING and this_month.activate_by > now
    return Balance(
        units=sum(units for units, _at in lapses),
        lapses=lapses,
        waiting=this_month if waits else None,
        activatable=_activatable(subscriber, this_month if waits else None, is_issued=this_month is not None, now=now),
    )


def _activatable(subscriber: Subscriber, waiting: Grant | None, *, is_issued: bool, now: datetime) -> int:
    if waiting is not None:
        return waiting.units
    if is_issued or joining.current_membership(subscriber.pk) is None:
        return 0
    return terms_for(Kind.MONTHLY, astana.month_of(now)).units


@transaction.atomic
def forfeit(*, subscribers: list[int], reason: str, now: datetime) -> int:
    """Take every unit these subscribers still have; return the units (B7, J5, J7)."""
    return sql.forfeit(subscribers=subscribers, reason=reason, now=now)


def expire(*, now: datetime) -> int | None:
    """Close what has lapsed (B5) and what was not activated in time (B6), every ten minutes.

    Looks back to the slot before the last one done, over everything on each day's first run. Returns how
    many grants were closed; None when the slot is done.
    """
    minutes = int(SWEEP_EVERY.total_seconds() // 60)
    slot = now.replace(minute=now.minute - now.minute % minutes, second=0, microsecond=0).isoformat()
    if jobs.is_done(name="expire", slot=slot):
        return None
    last = jobs.last_done(name="expire")
    is_first_today = last is None or astana.day_of(last.started_at) != astana.day_of(now)
    since = datetime(2000, 1, 1, tzinfo=UTC) if is_first_today or last is None else last.started_at - timedelta(hours=1)

    def chunk(watermark: int) -> jobs.Step:
        lapsed = sql.expire(since=since, now=now, limit=SWEEP_CHUNK)
        overdue = sql.cancel_overdue(since=since, now=now, limit=SWEEP_CHUNK) if lapsed < SWEEP_CHUNK else 0
        closed = lapsed + overdue
        return jobs.Step(affected=closed, watermark=watermark + closed, is_last=closed < SWEEP_CHUNK)

    return jobs.run_slot(name="expire", slot=slot, now=now, chunk=chunk)


def make_partitions(*, now: datetime) -> int:
    """Make the partitions of this month and the next three; return how many were missing."""
    month = astana.month_of(now)
    return sum(partitions.ensure_ahead(table, month) for table in PARTITIONED)
