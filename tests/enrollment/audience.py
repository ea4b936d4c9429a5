"""Who is of an audience, for tests of its conditions."""

from datetime import UTC, datetime
from typing import Any

from enrollment.audience import selection
from enrollment.audience.definition import parse
from enrollment.audience.words import in_words
from enrollment.models import Subscriber

NOW = datetime(2026, 11, 21, 7, tzinfo=UTC)


def fitting(now: datetime = NOW, **said: Any) -> set[int]:
    """Members who fit a definition, by their ids."""
    found = selection.fitting(parse(said), now=now)
    return {subscriber.pk for subscriber in Subscriber.objects.raw(f"SELECT s.id {found.sql}", found.given)}


def sentence(**said: Any) -> str:
    """The definition in words, without how every one begins."""
    return in_words(parse(said)).partition(" ")[2]
