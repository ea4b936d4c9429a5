"""Members, and the verdict of docs/invariants.sql."""

from collections.abc import Callable
from datetime import datetime

import pytest

from enrollment import consent
from enrollment.models import Subscriber
from smart import programme
from smart.backoffice import invariants

Member = Callable[..., Subscriber]


def enroll(subscriber: Subscriber, now: datetime) -> None:
    shown = consent.ShownConsent(consent.current_consent_text(), subscriber.language)
    programme.enroll(subscriber=subscriber, shown=shown, session="s", key="1", by="test", now=now)


@pytest.fixture
def make_member(make_subscriber: Callable[..., Subscriber], now: datetime) -> Member:
    """A subscriber who joined at `joined_at` (default: now)."""

    def make(joined_at: datetime | None = None, **fields: object) -> Subscriber:
        subscriber = make_subscriber(**fields)
        enroll(subscriber, joined_at or now)
        return subscriber

    return make


def violated(now: datetime) -> set[str]:
    """The names of the invariants that do not hold."""
    return {verdict.invariant.name for verdict in invariants.verify(now=now) if verdict.violations}
