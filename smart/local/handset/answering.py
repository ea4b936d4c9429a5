"""Answering a message on the handset page: what a pushed dialog or a call would do with the same keys."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.shortcuts import get_object_or_404

from messaging.channels import conversations
from messaging.channels.base import Outgoing
from messaging.models import Message
from smart.local.models import HandsetMessage

_ANSWERED_BY = ("ussd", "ivr")


def answerable(messages: Iterable[HandsetMessage]) -> set[int]:
    """Those of the inbox that begin a conversation, by their ids."""
    found = {int(message.reference): message.pk for message in messages if message.channel in _ANSWERED_BY}
    classes = list(settings.CONVERSATIONS)
    return {
        found[pk] for pk in Message.objects.filter(pk__in=found, message_class__in=classes).values_list("pk", flat=True)
    }


def turn(data: dict[str, Any]) -> dict[str, Any]:
    """The next turn; the page keeps the state, as a transport does. Raises ValueError."""
    arrived = get_object_or_404(HandsetMessage, pk=int(data["message"]), arrived_at__isnull=False)
    message = get_object_or_404(Message, pk=int(arrived.reference))
    state = data.get("state")
    if arrived.channel not in _ANSWERED_BY or not (state is None or isinstance(state, dict)):
        raise ValueError
    shown = conversations.turn(_outgoing(message, arrived), str(data["key"])[: conversations.MOST_KEPT], state)
    return {"text": shown.text, "is_over": not shown.goes_on, "state": shown.state}


def _outgoing(message: Message, arrived: HandsetMessage) -> Outgoing:
    return Outgoing(
        message_id=message.pk,
        month=message.month,
        fence=message.fence,
        number=message.attempts,
        subscriber_id=message.subscriber_id,
        msisdn="",  # nothing is sent
        text=message.text,
        language=message.language,
        encoding=message.encoding,
        segments=message.segments,
        channel=message.channel,
        message_class=message.message_class,
        kind=message.kind,
        gated_at=arrived.accepted_at,
        valid_until=arrived.valid_until,
        deadline=0,
    )
