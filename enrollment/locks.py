"""Locks of subscriptions: one person's, or a whole range's for set-based jobs; first of all locks that are taken."""

from collections.abc import Sequence

from django.db import connection

from core.lib import statements
from enrollment.models import Subscriber

# Set-based jobs work in ranges of this many subscriber ids, one lock each (lock_range, lock_subscriber).
RANGE = 20_000
_LOCK_SPACE = 5551
_CONSENT_LOCK_SPACE = 5552


def lock_subscriber(subscriber_id: int) -> Subscriber:
    """Lock a subscription, first of all locks, in the transaction under way.

    The shared range lock keeps set-based jobs (the month's issue, ending lost memberships) away from the range
    meanwhile: they take it exclusively instead of locking a million rows.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [_LOCK_SPACE, subscriber_id // RANGE])
    return Subscriber.objects.select_for_update(no_key=True).get(pk=subscriber_id)


_HOLD_RANGE = "SELECT pg_advisory_xact_lock_shared(%s::int, %s::int)"
_HOLD = "SELECT id FROM enrollment_subscriber WHERE id = %s::bigint FOR NO KEY UPDATE"


def hold_subscriber(subscriber_id: int) -> None:
    """Lock a subscription like lock_subscriber, without reading it: for what happens many times a second."""
    statements.fetch_one(_HOLD_RANGE, [_LOCK_SPACE, subscriber_id // RANGE])
    statements.fetch_one(_HOLD, [subscriber_id])


def lock_range(number: int) -> None:
    """Lock the subscriptions with ids in [number * RANGE, (number + 1) * RANGE) against joining and leaving."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_SPACE, number])


def hold_consents(ranges: Sequence[int]) -> None:
    """Keep consents in these ranges of subscriber ids from being withdrawn until the transaction under way ends.

    Shared: whoever sends holds them together; who withdraws (await_senders) waits for them.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock_shared(%s, number) FROM unnest(%s::int[]) AS number",
            [_CONSENT_LOCK_SPACE, list(ranges)],
        )


def await_senders(number: int) -> None:
    """Before consents in a range are withdrawn: wait for who is just writing attempts under them, keep others out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_CONSENT_LOCK_SPACE, number])


def last_range() -> int:
    """The number of the last range that holds a subscription."""
    newest = Subscriber.objects.order_by("-pk").values_list("pk", flat=True).first()
    return (newest or 0) // RANGE
