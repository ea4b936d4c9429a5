"""Everything that happened to a subscriber, for one page: a fixed number of queries."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bonuses import lifecycle as bonuses
from bonuses.models import Debit, Grant, LedgerEntry
from campaigns.campaign import reasons
from core.access.models import AuditEvent
from enrollment.models import ConsentEvent, Membership, Subscriber
from messaging.models import Message
from smart.ussd.models import Dial, UssdSession
from surveys.models import Response

_MOST = 50


@dataclass(frozen=True, slots=True)
class Talk:
    """A USSD session: what was dialed, and each step's key and screen."""

    dialed: str
    opened_at: datetime
    steps: list[tuple[str, str]]
    is_live: bool


@dataclass(frozen=True, slots=True)
class History:
    """What the care page shows."""

    subscriber: Subscriber
    membership: Membership | None
    memberships: list[Membership]
    consents: list[ConsentEvent]
    balance: bonuses.Balance
    grants: list[Grant]
    entries: list[LedgerEntry]
    debits: list[Debit]
    talks: list[Talk]
    messages: list[Message]
    responses: list[Response]
    audit: list[AuditEvent]

    @property
    def told(self) -> list[tuple[Message, str]]:
        """Each message with why it was this one, in words (M7)."""
        return [(message, reasons.in_words(message.reason_in_words)) for message in self.messages]


def of(subscriber: Subscriber, *, now: datetime) -> History:
    """Gather it; lists are cut at the latest fifty."""
    memberships = list(Membership.objects.filter(subscriber=subscriber).order_by("-joined_at")[:_MOST])
    grants = list(Grant.objects.filter(subscriber=subscriber).order_by("-month", "-pk")[:_MOST])
    entries = LedgerEntry.objects.filter(
        grant_id__in=[grant.pk for grant in grants], month__in={grant.month for grant in grants}
    )
    return History(
        subscriber=subscriber,
        membership=next((stay for stay in memberships if stay.left_at is None), None),
        memberships=memberships,
        consents=list(
            ConsentEvent.objects.filter(subscriber=subscriber).select_related("text").order_by("-pk")[:_MOST]
        ),
        balance=bonuses.balance(subscriber=subscriber, now=now),
        grants=grants,
        entries=list(entries.order_by("-at", "-pk")[:_MOST]),
        debits=list(Debit.objects.filter(subscriber=subscriber).order_by("-event_at")[:_MOST]),
        talks=_talks(subscriber),
        messages=list(
            Message.objects.filter(subscriber=subscriber)
            .prefetch_related("tries")
            .order_by("-created_at", "-pk")[:_MOST]
        ),
        responses=list(
            Response.objects.filter(subscriber=subscriber).select_related("survey").order_by("-started_at")[:_MOST]
        ),
        audit=list(AuditEvent.objects.filter(subject=f"subscriber:{subscriber.pk}").order_by("-at")[:_MOST]),
    )


def _talks(subscriber: Subscriber) -> list[Talk]:
    live = UssdSession.objects.filter(subscriber=subscriber).order_by("-opened_at")[:_MOST]
    filed = Dial.objects.filter(subscriber=subscriber).order_by("-opened_at")[:_MOST]
    talks = [Talk(t.dialed, t.opened_at, _steps(t.steps), True) for t in live]
    talks += [Talk(t.dialed, t.opened_at, _steps(t.steps), False) for t in filed]
    return sorted(talks, key=lambda talk: talk.opened_at, reverse=True)[:_MOST]


def _steps(steps: list[Any]) -> list[tuple[str, str]]:
    return [(step[1], step[3]) for step in steps]
