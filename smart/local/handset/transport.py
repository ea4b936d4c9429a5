"""The network of the handset page: it takes messages, delivers them after a while, loses some, and sends receipts."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from core.lib import clock
from messaging import receipts
from messaging.channels.base import Health, Outcome, Outgoing, Verdict
from messaging.models import Receipt
from messaging.receipts import Report
from smart.local.models import HandsetMessage, HandsetNetwork

_AT_ONCE = 1000


class HandsetTransport:
    """Delivers to the page; what the page sets decides how well."""

    kind = "handset"

    def __init__(self, options: dict[str, Any]) -> None:
        self.name = str(options["name"])
        self.channels = tuple(options.get("channels", ("sms", "ussd", "ivr")))
        self.weight = int(options.get("weight", 1))
        self.rate = float(options.get("rate", 0))
        self.batch = int(options.get("batch", 500))

    def hand_over(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Take everything; a repeat of what it has already is the same message."""
        network, now = HandsetNetwork.objects.first() or HandsetNetwork(), clock.now()
        HandsetMessage.objects.bulk_create(
            [
                HandsetMessage(
                    subscriber_id=message.subscriber_id,
                    reference=message.reference,
                    channel=message.channel,
                    text=message.text,
                    accepted_at=now,
                    arrives_at=now + timedelta(seconds=network.delay_seconds),
                    valid_until=message.valid_until,
                    is_lost=random.randrange(100) < network.loss_percent,
                )
                for message in batch
            ],
            ignore_conflicts=True,
        )
        return [Outcome(message, Verdict.ACCEPTED, (message.reference,)) for message in batch]

    def health(self) -> Health:
        """Up; and what has had its time arrives now."""
        return Health(is_up=True, in_flight=arrive(self.name, now=clock.now()))

    def close(self) -> None:
        """Nothing to close."""


def arrive(transport: str, *, now: datetime) -> int:
    """Let messages arrive, or be lost or too late, and report it; return how many are still under way."""
    network = HandsetNetwork.objects.first() or HandsetNetwork()
    underway = HandsetMessage.objects.filter(reported_at__isnull=True)
    due = list(underway.filter(Q(arrives_at__lte=now) | Q(valid_until__lte=now))[:_AT_ONCE])
    reports = []
    for message in due:
        is_late = message.arrives_at > message.valid_until
        message.reported_at = now
        message.arrived_at = None if message.is_lost or is_late else message.arrives_at
        reports.append(
            Report(
                transport=transport,
                network_id=message.reference,
                status=Receipt.Status.DELIVERED if message.arrived_at else Receipt.Status.UNDELIVERED,
                error="" if message.arrived_at else ("expired" if is_late else "lost"),
            )
        )
    if reports and network.sends_receipts:
        receipts.store(reports, now=now)
    HandsetMessage.objects.bulk_update(due, ["reported_at", "arrived_at"])
    return underway.count()
