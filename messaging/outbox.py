"""What is put into the outbox, and what is taken out again before it has left."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from core.access import audit
from core.lib import astana, partitions, segments
from enrollment.audience.selection import Exclusion
from enrollment.models import Channel, Purpose
from messaging import kinds, receipts, sql, texts, window
from messaging.models import Message, MessageClass, SendingEpoch, SendingPolicy, ServiceText, Stream

logger = logging.getLogger(__name__)

PARTITIONED = ("messaging_message", "messaging_attempt", "messaging_networkid", "messaging_receipt")
SERVICE_LIVES = timedelta(days=2)
SWEEP_LIMIT = 20_000
RECEIPT_GRACE = timedelta(hours=1)


def policy() -> SendingPolicy:
    """The sending policy: the rules' own figures where nobody has set any."""
    return SendingPolicy.objects.filter(pk=1).first() or SendingPolicy(pk=1, is_paused=True)


def announce(
    *,
    kind: str,
    subscribers: Sequence[int],
    values: Mapping[str, object],
    origin: str,
    now: datetime,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    reason: str = "",
) -> int:
    """Put a service message into the outbox for each subscriber, in his language; return how many are new.

    Nobody gets one `origin` twice in a month. A kind that is switched off makes none. An answer to what the subscriber
    just did leaves at once; the others from the window's next opening on (M8).
    """
    template = ServiceText.objects.filter(kind=kind, is_on=True).first()
    if template is None or not subscribers:
        return 0
    stream = stream_for(code=kind, message_class=MessageClass.SERVICE)
    start = not_before or now
    due = start if kind in kinds.answers() else window.next_opening(start, policy(), channel=template.channel)
    end = not_after or max(due, start) + SERVICE_LIVES
    if end <= due:
        return 0  # it would be over before the window opens
    given: dict[str, Any] = {
        "month": astana.month_of(now),
        "stream": stream.pk,
        "message_class": MessageClass.SERVICE.value,
        "kind": kind,
        "purpose": "",
        "channel": template.channel,
        "not_before": due,
        "not_after": end,
        "campaign": None,
        "reason": reason[:200],
        "origin": origin,
        "why": "window" if due > start else "",
        "now": now,
    }
    return sql.enqueue(subscribers=list(subscribers), texts=texts.in_languages(template, values), given=given)


def withdraw(*, subscribers: Sequence[int], origin: str, now: datetime) -> int:
    """Cancel what waits to tell these subscribers what they know by now; return how many."""
    waiting = Message.objects.filter(
        subscriber__in=subscribers, origin=origin, state=Message.State.WAITING, month__gte=sql.oldest_month(now)
    )
    return waiting.update(state=Message.State.CANCELLED, why="known", ended_at=now)


def put(
    *,
    stream: Stream,
    subscribers: Sequence[int],
    channel: Channel,
    texts_by_language: Mapping[str, str],
    origin: str,
    not_before: datetime,
    not_after: datetime,
    now: datetime,
    campaign: int | None = None,
    reason: str = "",
) -> int:
    """Put an offer or a survey invitation into the outbox for each subscriber; return how many are new.

    Texts are by language, each checked here (raises texts.BadText); a reader whose language has none gets nothing. They
    pass the gate like everything else: consent, caps and window are judged when they leave.
    """
    checked = [(language, texts.check(text)) for language, text in texts_by_language.items()]
    given = {
        "month": astana.month_of(now),
        "stream": stream.pk,
        "message_class": stream.message_class,
        "kind": stream.message_class,
        "purpose": Purpose.OFFERS.value if stream.message_class == MessageClass.OFFER else Purpose.SURVEYS.value,
        "channel": channel.value,
        "not_before": not_before,
        "not_after": not_after,
        "campaign": campaign,
        "reason": reason[:200],
        "origin": origin,
        "why": "",
        "now": now,
    }
    measured = [(language, text, *segments.measure(text)) for language, text in checked]
    return sql.enqueue(subscribers=list(subscribers), texts=measured, given=given)


def put_chosen(
    *,
    stream: Stream,
    chosen: str,
    source: str,
    given: Mapping[str, Any],
    campaign: int,
    origin: str,
    not_before: datetime,
    now: datetime,
) -> int:
    """Put a campaign's messages into the outbox in one statement (sql.enqueue_chosen); return how many are new.

    The texts must have been checked. Everything passes the gate like the rest when it leaves.
    """
    is_offer = stream.message_class == MessageClass.OFFER
    return sql.enqueue_chosen(
        chosen=chosen,
        source=source,
        given={
            **given,
            "month": astana.month_of(now),
            "stream": stream.pk,
            "message_class": stream.message_class,
            "purpose": Purpose.OFFERS.value if is_offer else Purpose.SURVEYS.value,
            "not_before": not_before,
            "campaign": campaign,
            "origin": origin,
            "now": now,
        },
    )


def over_the_cap(*, message_class: MessageClass, now: datetime) -> Exclusion:
    """Who has had as many of this class as a month allows (M4, M5): left out of audiences; the gate asks again."""
    most = policy().offers_a_month if message_class == MessageClass.OFFER else policy().surveys_a_month
    column = "offers" if message_class == MessageClass.OFFER else "surveys"
    return Exclusion(
        "cap_month",
        f"cap.{column} >= %(cap_most)s OR %(cap_most)s = 0",
        # Only those at the cap are joined: a count of everybody need not hash everybody's contacts.
        "LEFT JOIN messaging_contact cap ON cap.subscriber_id = s.id AND cap.month = %(cap_month)s"
        f" AND cap.{column} >= %(cap_most)s",
        {"cap_month": astana.month_of(now), "cap_most": most},
    )


def stream_for(*, code: str, message_class: MessageClass) -> Stream:
    """The stream of that code, made when it is first asked for."""
    return Stream.objects.get_or_create(code=code, defaults={"message_class": message_class})[0]


@transaction.atomic
def pause(*, by: str, now: datetime, reason: str = "") -> bool:
    """Stop everything; senders notice before their next hand-over. False when it was paused already."""
    return _switch(is_paused=True, by=by, now=now, reason=reason)


@transaction.atomic
def resume(*, by: str, now: datetime, reason: str = "") -> bool:
    """Let everything go on. False when it was not paused."""
    return _switch(is_paused=False, by=by, now=now, reason=reason)


def _switch(*, is_paused: bool, by: str, now: datetime, reason: str) -> bool:
    changed = SendingPolicy.objects.filter(pk=1).exclude(is_paused=is_paused).update(is_paused=is_paused)
    if changed:
        action = "pause_sending" if is_paused else "resume_sending"
        audit.record(by=by, action=action, subject="sending", reason=reason, now=now)
    return bool(changed)


@transaction.atomic
def confirm_epoch(*, by: str, reason: str, now: datetime) -> SendingEpoch:
    """Let this very database send from now on: said by a person, after a restore as well (docs/operations.md)."""
    mark = sql.fingerprint(site=settings.SENDING_SITE)
    epoch = SendingEpoch.objects.create(fingerprint=mark, confirmed_at=now, confirmed_by=by, reason=reason)
    audit.record(by=by, action="confirm_epoch", subject="sending", reason=reason, now=now)
    return epoch


def sweep(*, now: datetime) -> int:
    """Take back what dead senders hold, match receipts, end what is over; return how many messages moved."""
    with transaction.atomic():
        moved = sum(sql.sweep(now=now, limit=SWEEP_LIMIT))
    while found := receipts.match(now=now, is_thorough=True):
        moved += found
    return moved + sql.close_unreported(now=now, grace=RECEIPT_GRACE, limit=SWEEP_LIMIT)


def end_waiting(*, now: datetime) -> int:
    """End what can never leave any more: its own time is over, or its campaign carries nothing to tomorrow."""
    closes = window.at(now, policy()).closes
    ended = total = sql.end_waiting(now=now, closes=closes, limit=SWEEP_LIMIT)
    while ended == SWEEP_LIMIT:
        ended = sql.end_waiting(now=now, closes=closes, limit=SWEEP_LIMIT)
        total += ended
    return total


@transaction.atomic
def cancel_waiting(*, before: str, now: datetime) -> int:
    """Cancel what waits and was made before an instant (ISO 8601): after a restore, what may have left meanwhile."""
    made_before = datetime.fromisoformat(before)
    cancelled = Message.objects.filter(
        state=Message.State.WAITING, created_at__lt=made_before, month__gte=sql.oldest_month(now)
    ).update(state=Message.State.CANCELLED, why="cancelled", ended_at=now)
    audit.record(by="cli", action="cancel_messages", subject="sending", details={"messages": cancelled}, now=now)
    return cancelled


def make_partitions(*, now: datetime) -> int:
    """Make the partitions of this month and the next three; return how many were missing."""
    month = astana.month_of(now)
    return sum(partitions.ensure_ahead(table, month) for table in PARTITIONED)


_STILL_OPEN = (Message.State.WAITING, Message.State.CLAIMED, Message.State.SUBMITTED, Message.State.UNKNOWN)


def drop_old_months(*, now: datetime) -> int:
    """Drop the messages of months that need not be kept any more, a month's at once; return how many months.

    A month with a message that has not ended stays, and is told. Kept for ever when settings say 0.
    """
    if not settings.MESSAGES_KEPT_MONTHS:
        return 0
    kept = astana.month_of(now)
    for _ in range(settings.MESSAGES_KEPT_MONTHS):
        kept = astana.previous_month(kept)
    dropped = 0
    for month in partitions.months_before(PARTITIONED[0], kept):
        if Message.objects.filter(month=month, state__in=_STILL_OPEN).exists():
            logger.warning("The messages of %s are not dropped: some have not ended.", month)
            continue
        partitions.drop_month(PARTITIONED, month)
        audit.record(by="job", action="drop_messages", subject="messages", details={"month": str(month)}, now=now)
        dropped += 1
    return dropped
