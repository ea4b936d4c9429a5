"""Joining, leaving, languages. Leaving and joining as a whole are use cases of smart.programme."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from core.lib.errors import Refusal
from enrollment.consent import ShownConsent
from enrollment.models import (
    Channel,
    ConsentEvent,
    Consents,
    Language,
    Membership,
    Purpose,
    Subscriber,
    SubscriberFact,
)


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
