"""Joining, leaving, languages. Leaving and joining as a whole are use cases of smart.programme."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from core.access import audit
from core.lib import statements
from core.lib.errors import Refusal
from enrollment.models import (
    Channel,
    ConsentEvent,
    Consents,
    ConsentText,
    Language,
    Membership,
    Purpose,
    Subscriber,
    SubscriberFact,
)

# Set-based jobs work in ranges of this many subscriber ids, one lock each (lock_range, lock_subscriber).
RANGE = 20_000
_LOCK_SPACE = 5551
_CONSENT_LOCK_SPACE = 5552


class NotActiv(Refusal):
    """J1: the number is no activ number."""

    code = "not_activ"
    sentence = _("SMART is for activ numbers only.")


class LineSuspended(Refusal):
    """J1: the line is suspended, blocked or ended."""

    code = "line_suspended"
    sentence = _("Your line is suspended. Restore it and dial again.")


class AlreadyMember(Refusal):
    """J1: one membership at a time."""

    code = "already_member"
    sentence = _("You are already in SMART.")


class NotMember(Refusal):
    """Only members can leave or have a bonus."""

    code = "not_member"
    sentence = _("You are not in SMART. To join: *555*1#")


class UnknownLanguage(Refusal):
    """J8: Kazakh, Russian or English."""

    code = "unknown_language"
    sentence = _("Choose Kazakh, Russian or English.")
    status = 422


@dataclass(frozen=True, slots=True)
class ShownConsent:
    """The consent text that was on the screen before the key was pressed (J3)."""

    text: ConsentText
    language: str


def lock_subscriber(subscriber_id: int) -> Subscriber:
    """Lock a subscription, first of all locks, in the transaction under way.

    The shared range lock keeps set-based jobs (the month's issue, ending lost memberships) away from the range
    meanwhile: they take it exclusively instead of locking a million rows.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [_LOCK_SPACE, subscriber_id // RANGE])
    return Subscriber.objects.select_for_update(no_key=True).get(pk=subscriber_id)


_HOLD_RANGE = "SELECT pg_advisory_xact_lock_shared(%s::int, %s::int)"
_HOLD = "SELECT id FROM enrollment_subscriber WHERE id = %s::bigint FOR NO KEY UPDATE"


def hold_subscriber(subscriber_id: int) -> None:
    """Lock a subscription like lock_subscriber, without reading it: for what happens many times a second."""
    statements.fetch_one(_HOLD_RANGE, [_LOCK_SPACE, subscriber_id // RANGE])
    statements.fetch_one(_HOLD, [subscriber_id])


def lock_range(number: int) -> None:
    """Lock the subscriptions with ids in [number * RANGE, (number + 1) * RANGE) against joining and leaving."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_SPACE, number])


def hold_consents(ranges: Sequence[int]) -> None:
    """Keep consents in these ranges of subscriber ids from being withdrawn until the transaction under way ends.

    Shared: whoever sends holds them together; who withdraws (await_senders) waits for them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock_shared(%s, number) FROM unnest(%s::int[]) AS number",
            [_CONSENT_LOCK_SPACE, list(ranges)],
        )


def await_senders(number: int) -> None:
    """Before consents in a range are withdrawn: wait for who is just writing attempts under them, keep others out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_CONSENT_LOCK_SPACE, number])


def last_range() -> int:
    """The number of the last range that holds a subscription."""
    newest = Subscriber.objects.order_by("-pk").values_list("pk", flat=True).first()
    return (newest or 0) // RANGE


def check_may_join(subscriber: Subscriber | None) -> None:
    """Raise the reason why this subscriber may not join (J1): NotActiv, LineSuspended or AlreadyMember."""
    if subscriber is None or subscriber.ended_at is not None or subscriber.brand != Subscriber.Brand.ACTIV:
        raise NotActiv
    if subscriber.line_status in (Subscriber.LineStatus.GONE, Subscriber.LineStatus.TERMINATED):
        raise NotActiv
    if current_membership(subscriber.pk) is not None:
        raise AlreadyMember
    if subscriber.line_status != Subscriber.LineStatus.ACTIVE:
        raise LineSuspended


def current_membership(subscriber_id: int) -> Membership | None:
    """The open membership, if there is one."""
    return Membership.objects.filter(subscriber_id=subscriber_id, left_at=None).first()


def join(*, subscriber: Subscriber, shown: ShownConsent, session: str, key: str, by: str, now: datetime) -> Membership:
    """Open a membership with every consent of J3, recorded with what was shown and pressed.

    The subscriber's row must be locked. Raises what check_may_join raises.
    """
    check_may_join(subscriber)
    membership = Membership.objects.create(
        subscriber=subscriber, joined_at=now, joined_by=by, consents=int(Consents.ALL)
    )
    ConsentEvent.objects.bulk_create(
        ConsentEvent(
            subscriber=subscriber,
            membership=membership,
            purpose=purpose,
            channel=channel,
            action=ConsentEvent.Action.GIVEN,
            at=now,
            by=by,
            session=session,
            key=key,
            text=shown.text,
            language=shown.language,
            digest=shown.text.digest(shown.language),
        )
        for purpose in Purpose
        for channel in Channel
    )
    return membership


def leave(*, subscriber: Subscriber, session: str, key: str, by: str, now: datetime) -> Membership:
    """End the membership and withdraw every consent it still has (J5). The subscriber's row must be locked.

    Raises NotMember.
    """
    membership = current_membership(subscriber.pk)
    if membership is None:
        raise NotMember
    held = Consents(membership.consents)
    ConsentEvent.objects.bulk_create(
        ConsentEvent(
            subscriber=subscriber,
            membership=membership,
            purpose=purpose,
            channel=channel,
            action=ConsentEvent.Action.WITHDRAWN,
            at=now,
            by=by,
            session=session,
            key=key,
        )
        for purpose in Purpose
        for channel in Channel
        if Consents.of(purpose, channel) in held
    )
    # Two servers' clocks may differ by a moment; nobody leaves before he joined.
    membership.left_at, membership.left_by = max(now, membership.joined_at), by
    membership.left_reason, membership.consents = Membership.LeftReason.OPT_OUT, 0
    membership.save(update_fields=["left_at", "left_by", "left_reason", "consents"])
    return membership


@transaction.atomic
def choose_language(*, subscriber: Subscriber, language: str, now: datetime) -> Subscriber:
    """Set the subscriber's own choice, which the directory never overrides (J8). Raises UnknownLanguage."""
    if language not in Language.values:
        raise UnknownLanguage
    Subscriber.objects.filter(pk=subscriber.pk).update(language=language, language_is_chosen=True, changed_at=now)
    subscriber.language, subscriber.language_is_chosen = language, True
    return subscriber


def learn(*, subscriber_id: int, facts: Mapping[int, str], interests: Sequence[int], now: datetime) -> None:
    """Write down what a member told about himself: facts by their id, interests by their bit. The latest counts."""
    SubscriberFact.objects.bulk_create(
        [
            SubscriberFact(subscriber_id=subscriber_id, fact_id=fact, value=value, told_at=now)
            for fact, value in facts.items()
        ],
        update_conflicts=True,
        unique_fields=["subscriber", "fact"],
        update_fields=["value", "told_at"],
    )
    if interests:
        bits = sum(1 << bit for bit in set(interests))
        Subscriber.objects.filter(pk=subscriber_id).update(interests=F("interests").bitor(bits))


def current_consent_text() -> ConsentText:
    """The newest published consent text."""
    return ConsentText.objects.filter(published_at__isnull=False).order_by("-version")[:1].get()


@transaction.atomic
def publish_consent_text(*, text: ConsentText, by: str, now: datetime) -> bool:
    """Show this text from now on, for good; False when it was published already."""
    if not ConsentText.objects.filter(pk=text.pk, published_at=None).update(published_at=now):
        return False
    audit.record(by=by, action="publish_consent_text", subject=f"consent_text:{text.version}", now=now)
    return True
