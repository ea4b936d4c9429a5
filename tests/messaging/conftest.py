"""The outbox under test: a noon in the window, members who agreed, a network that does as it is told."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from enrollment import consent, joining
from enrollment.consent import ShownConsent
from enrollment.models import Channel, Subscriber
from messaging import outbox
from messaging.channels.base import Health, Outcome, Outgoing, Verdict
from messaging.models import Message, MessageClass
from messaging.sending.sender import Sender


class Network:
    """A transport that records what it is given and answers as `answer` says."""

    kind = "null"
    channels: tuple[str, ...] = ("sms",)
    weight, rate = 1, 0.0

    def __init__(self, name: str = "network", batch: int = 1000) -> None:
        self.name, self.batch = name, batch
        self.handed: list[Outgoing] = []
        self.answer: Callable[[Outgoing], Outcome] = lambda message: Outcome(
            message, Verdict.ACCEPTED, (message.reference,)
        )
        self.is_up = True

    def hand_over(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        self.handed += batch
        return [self.answer(message) for message in batch]

    def health(self) -> Health:
        return Health(is_up=self.is_up)

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def noon(now: datetime) -> datetime:
    """A Monday noon in Astana; this database may send."""
    outbox.make_partitions(now=now)
    outbox.confirm_epoch(by="test", reason="a test database", now=now)
    return now


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
def send(network: Network) -> Callable[..., Any]:
    """Send what is due through the network, until nothing is; a sender that may not send never comes to that."""
    return lambda through=network, seconds=20: Sender(through).run(until_idle=True, seconds=seconds)


@pytest.fixture
def make_member(make_subscriber: Callable[..., Subscriber], now: datetime) -> Callable[..., Subscriber]:
    """A factory of members with every consent, who joined a day ago; no welcome waits for them."""
    shown = None

    def make(**fields: Any) -> Subscriber:
        nonlocal shown
        shown = shown or ShownConsent(consent.current_consent_text(), "ru")
        person = make_subscriber(**fields)
        joining.join(subscriber=person, shown=shown, session="s", key="1", by="test", now=now - timedelta(days=1))
        return person

    return make


@pytest.fixture
def put(now: datetime) -> Callable[..., int]:
    """Put offers (or invitations) into the outbox."""

    def offer(*people: Subscriber, origin: str = "campaign:1", message_class: str = "offer", **given: Any) -> int:
        stream = given.pop("stream", None) or outbox.stream_for(
            code=f"{message_class}-1", message_class=MessageClass(message_class)
        )
        usual: dict[str, Any] = {
            "channel": Channel.SMS,
            "texts_by_language": {"kk": "Шай -20%", "ru": "Чай -20%", "en": "Tea -20%"},
            "not_before": now - timedelta(minutes=1),
            "not_after": now + timedelta(days=3),
            "now": now,
        }
        return outbox.put(stream=stream, subscribers=[p.pk for p in people], origin=origin, **usual | given)

    return offer


def states() -> dict[str, int]:
    """How many messages are in each state."""
    counted: dict[str, int] = {}
    for state in Message.objects.values_list("state", flat=True):
        counted[state] = counted.get(state, 0) + 1
    return counted


def astana(day: int, hour: int, minute: int = 0, second: int = 0, month: int = 11) -> datetime:
    """An instant of November 2026 by Astana's clock (UTC+5)."""
    return datetime(2026, month, day, hour, minute, second, tzinfo=UTC) - timedelta(hours=5)


def execute(statement: str, *values: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []
