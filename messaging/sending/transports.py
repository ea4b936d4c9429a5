"""The transports that settings name, and which part of the messages each of them serves."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from messaging.channels.base import Transport
from messaging.channels.kind import kinds
from messaging.models import TransportHealth

AWAY_AFTER = timedelta(seconds=10)


def make(options: dict[str, Any]) -> Transport:
    """Make a transport from its entry in settings.TRANSPORTS."""
    transport: Transport = import_string(settings.TRANSPORT_KINDS[options["kind"]])(options)
    return transport


def named(*, kinds: set[str] | None = None, names: set[str] | None = None) -> list[dict[str, Any]]:
    """The entries of settings.TRANSPORTS of these kinds, or of these names; all of them without either."""
    return [
        entry
        for entry in settings.TRANSPORTS
        if (kinds is None or entry["kind"] in kinds) and (names is None or entry["name"] in names)
    ]


def most_a_minute(channel: str) -> float | None:
    """How many messages of a channel all its transports hand over in a minute; None when one of them has no limit."""
    rates = [
        60 * float(entry.get("rate", 0))
        for entry in settings.TRANSPORTS
        if channel in entry.get("channels", _channels_of(entry["kind"]))
    ]
    return sum(rates) if rates and all(rates) else None


def _channels_of(kind: str) -> tuple[str, ...]:
    """What an entry of the kind serves when it names nothing; a kind that is a local set-up's own is in no folder."""
    return kinds()[kind].channels if kind in kinds() else ("sms",)


def share_of(name: str, *, channel: str, now: datetime) -> tuple[int, int]:
    """The part [low, high) of a hundred of a channel's messages that a transport serves: by weight among those up.

    One that has not been heard of for ten seconds has no part; whoever asks is up.
    """
    alive = {
        health.name: health.weight
        for health in TransportHealth.objects.filter(
            channels__contains=[channel], is_up=True, weight__gt=0, touched_at__gt=now - AWAY_AFTER
        )
    }
    alive.setdefault(name, next((int(e.get("weight", 1)) for e in settings.TRANSPORTS if e["name"] == name), 1) or 1)
    total, low = sum(alive.values()), 0
    for other in sorted(alive):
        high = low + alive[other]
        if other == name:
            return 100 * low // total, 100 * high // total
        low = high
    return 0, 100
