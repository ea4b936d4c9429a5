"""Months of messages that need not be kept go as a whole; nothing that has not ended, nothing living."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from core.access.models import AuditEvent
from core.lib import partitions
from enrollment.models import Channel
from messaging import outbox
from messaging.models import Attempt, Message, MessageClass, Receipt
from smart import tasks

pytestmark = pytest.mark.django_db(transaction=True)

# Long ago: other tests' months are not to be dropped.
THEN, NOW = datetime(2011, 3, 12, 7, tzinfo=UTC), datetime(2012, 5, 20, 7, tzinfo=UTC)
MARCH, APRIL = date(2011, 3, 1), date(2011, 4, 1)


@pytest.fixture(autouse=True)
def _months() -> None:
    for month in (MARCH, APRIL):
        for table in outbox.PARTITIONED:
            partitions.ensure_month(table, month)


def put(subscriber: int, at: datetime) -> None:
    outbox.put(
        stream=outbox.stream_for(code="offer-1", message_class=MessageClass.OFFER),
        subscribers=[subscriber],
        channel=Channel.SMS,
        texts_by_language={"ru": "Чай -20%"},
        origin=f"campaign:{at}",
        not_before=at,
        not_after=at + timedelta(hours=8),
        now=at,
    )


def end_all() -> None:
    Message.objects.update(state="cancelled", why="cancelled", ended_at=THEN)


def tables() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname LIKE 'messaging%%2011_0_' AND relkind = 'r'")
        return {name for (name,) in cursor.fetchall()}


def test_a_month_goes_when_it_is_older_than_kept(make_subscriber: Callable[..., object]) -> None:
    subscriber = make_subscriber().pk  # type: ignore[attr-defined]
    put(subscriber, THEN)
    put(subscriber, THEN + timedelta(days=30))
    end_all()
    message = Message.objects.get(month=MARCH)
    Attempt.objects.create(
        month=MARCH, message_id=message.pk, number=1, fence=1, transport="t", gated_at=THEN, valid_until=THEN
    )
    Receipt.objects.create(month=MARCH, transport="t", network_id="1", status="delivered", received_at=THEN)

    assert outbox.drop_old_months(now=NOW) == 1

    assert tables() == {f"{table}_2011_04" for table in outbox.PARTITIONED}
    assert list(Message.objects.values_list("month", flat=True)) == [APRIL]
    assert not Attempt.objects.exists()
    assert not Receipt.objects.exists()
    assert AuditEvent.objects.get(action="drop_messages").details == {"month": "2011-03-01"}
    assert outbox.drop_old_months(now=NOW) == 0


def test_a_month_with_a_message_that_has_not_ended_stays(make_subscriber: Callable[..., object]) -> None:
    put(make_subscriber().pk, THEN)  # type: ignore[attr-defined]

    assert outbox.drop_old_months(now=NOW) == 0
    assert f"{outbox.PARTITIONED[0]}_2011_03" in tables()


def test_what_has_no_end_is_kept(settings: Any) -> None:
    settings.MESSAGES_KEPT_MONTHS = 0

    assert outbox.drop_old_months(now=NOW) == 0


def test_the_job_drops_by_the_programmes_clock(stand_at: Callable[[datetime], None]) -> None:
    stand_at(NOW)

    assert tasks.drop_old_messages() == 1
