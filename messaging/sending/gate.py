"""The gate: the one function that every hand-over of every channel, and every retry, passes (M1-M5, M8, M9)."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from core.lib import clock, crypto, zones
from core.lib.errors import Refusal
from messaging import sql, window
from messaging.channels.base import Outcome, Outgoing, Verdict
from messaging.models import SendingPolicy

# How long after the gate a hand-over may begin: what takes longer passes the gate again.
HAND_OVER_WITHIN = 2.0
CLOCKS_AGREE_WITHIN = timedelta(seconds=2)


class ClocksDisagree(Refusal):
    """This machine's clock and the database's are more than two seconds apart."""

    code = "clocks_disagree"
    sentence = _("The clocks of this machine and the database disagree; nothing is sent.")
    status = 503


class NotConfirmed(Refusal):
    """This database has no confirmed epoch: it may be a restored copy."""

    code = "epoch_not_confirmed"
    sentence = _("This database is not confirmed for sending: confirm it after a restore.")
    status = 503


@dataclass(frozen=True, slots=True)
class Passage:
    """What the gate let through, its attempts committed; what it put off or ended, by reason."""

    passed: list[Outgoing]
    unreadable: list[Outcome]  # their number cannot be decrypted: to be marked, not sent
    held: dict[str, int] = field(default_factory=dict)


def require_sound_clocks() -> None:
    """Raise ZoneDataWrong or ClocksDisagree where this machine must not send (Time, M1)."""
    zones.require()
    if abs(sql.clock() - clock.machine()) > CLOCKS_AGREE_WITHIN:
        raise ClocksDisagree


def require_epoch() -> None:
    """Raise NotConfirmed unless a person has confirmed that this very database may send."""
    if not sql.may_send(site=settings.SENDING_SITE):
        raise NotConfirmed


def pass_through(
    *, messages: Sequence[tuple[date, int, int]], fence: int, transport: str, channel: str, policy: SendingPolicy
) -> Passage:
    """Judge claimed messages (month, id, subscriber) of one channel at the database's instant; write their attempts.

    To be called when the rate allows the hand-over. When it returns the attempts are committed, so it must not be
    called inside a transaction; whoever got a message hands it over before its `deadline`, or not at all.
    """
    if connection.in_atomic_block:
        raise RuntimeError("The gate commits attempts: call it outside a transaction.")
    began = time.monotonic()
    now = clock.machine() + clock.ahead()
    today = window.at(now, policy)
    with transaction.atomic():
        rows = sql.gate(
            messages=messages,
            fence=fence,
            transport=transport,
            ahead=clock.ahead(),
            opens=today.opens,
            until=today.hands_over_until(channel),
            closes=today.closes,
            tomorrow=window.tomorrow(now, policy),
            caps=(policy.offers_a_month, policy.offers_a_day, policy.surveys_a_month),
            site=settings.SENDING_SITE,
        )
    order = {message[:2]: position for position, message in enumerate(messages)}
    rows.sort(key=lambda row: order[row[0], row[1]])
    return _passage(rows, fence=fence, began=began, latest=today.hands_over_until(channel))


def _passage(rows: list[tuple[Any, ...]], *, fence: int, began: float, latest: datetime) -> Passage:
    passage = Passage([], [], {})
    for month, number, verdict, attempt, subscriber, msisdn, *rest in rows:
        if verdict:
            passage.held[verdict] = passage.held.get(verdict, 0) + 1
            continue
        text, language, encoding, segments, channel, message_class, kind, gated_at, valid_until = rest
        gated_at, valid_until = _instant(gated_at), _instant(valid_until)
        digits = _digits(msisdn)
        outgoing = Outgoing(
            message_id=number,
            month=month,
            fence=fence,
            number=attempt,
            subscriber_id=subscriber,
            msisdn=digits,
            text=text,
            language=language,
            encoding=encoding,
            segments=segments,
            channel=channel,
            message_class=message_class,
            kind=kind,
            gated_at=gated_at,
            valid_until=valid_until,
            deadline=began + _seconds_to_hand_over(gated_at, latest),
        )
        if digits:
            passage.passed.append(outgoing)
        else:
            passage.unreadable.append(Outcome(outgoing, Verdict.REJECTED, error="no_number"))
    return passage


@lru_cache(maxsize=64)
def _instant(epoch: float) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


def _digits(msisdn: bytes) -> str:
    try:
        return crypto.decrypt_msisdn(msisdn)
    except (KeyError, InvalidTag):
        return ""


def _seconds_to_hand_over(gated_at: datetime, latest: datetime) -> float:
    """How long it may go: two seconds, or less where the day's last instant is nearer; answers know no such instant."""
    left = (latest - gated_at).total_seconds()
    return min(HAND_OVER_WITHIN, left) if left > 0 else HAND_OVER_WITHIN
