"""A great audience made at once, and what the network's log must show of it whatever has crashed."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction

from core.lib import crypto
from enrollment import consent, joining, locks
from enrollment.models import Channel, ConsentEvent, Consents, Purpose, Subscriber
from messaging.models import Attempt, Message, Receipt
from smart.backoffice import invariants

_MEMBERS = """
WITH made AS (
    INSERT INTO enrollment_subscriber (msisdn, msisdn_index, brand, line_status, tariff, language, language_is_chosen,
        gender, created_at, changed_at)
    SELECT %(msisdn)s, substr(sha256(n::text::bytea), 1, 16), 'activ', 'active', '', 'ru', false, '', %(at)s, %(at)s
    FROM generate_series(%(after)s + 1, %(after)s + %(count)s) n RETURNING id
), joined AS (
    INSERT INTO enrollment_membership (subscriber_id, joined_at, joined_by, consents, left_by, left_reason)
    SELECT id, %(at)s, 'test', 63, '', '' FROM made RETURNING id, subscriber_id
)
INSERT INTO enrollment_consentevent
    (subscriber_id, membership_id, purpose, channel, action, at, by, session, key, text_id, language, digest)
SELECT subscriber_id, id, purpose, channel, 'given', %(at)s, 'test', 's', '1', %(text)s, 'ru', %(digest)s
FROM joined, unnest(ARRAY['offers', 'surveys']) purpose, unnest(ARRAY['sms', 'ussd', 'ivr']) channel
RETURNING subscriber_id
"""


def make_audience(count: int, *, now: datetime, after: int = 0) -> list[int]:
    """Make members with every consent who joined a day ago and show one number; return their ids.

    `after` so many were made before.
    """
    text = consent.current_consent_text()
    given = {
        "count": count,
        "after": after,
        "msisdn": crypto.encrypt_msisdn("77010000001"),
        "at": now - timedelta(days=1),
        "text": text.pk,
        "digest": text.digest("ru"),
    }
    with connection.cursor() as cursor:
        cursor.execute(_MEMBERS, given)
        return sorted({pk for (pk,) in cursor.fetchall()})


@transaction.atomic
def change_consent(
    subscriber: Subscriber, purpose: Purpose, channel: Channel, *, is_given: bool, now: datetime
) -> None:
    """Give or withdraw the consent for one purpose on one channel, as a member who keeps the others would."""
    locks.lock_subscriber(subscriber.pk)
    locks.await_senders(subscriber.pk // locks.RANGE)
    membership = joining.current_membership(subscriber.pk)
    assert membership is not None
    text = consent.current_consent_text()
    shown = {"text": text, "language": "ru", "digest": text.digest("ru")} if is_given else {}
    ConsentEvent.objects.create(
        subscriber=subscriber,
        membership=membership,
        purpose=purpose,
        channel=channel,
        action=ConsentEvent.Action.GIVEN if is_given else ConsentEvent.Action.WITHDRAWN,
        at=now,
        by="test",
        **shown,
    )
    bit = Consents.of(purpose, channel)
    held = Consents(membership.consents)
    membership.consents = int(held | bit if is_given else held & ~bit)
    membership.save(update_fields=["consents"])


def violated(now: datetime) -> dict[str, list[tuple[object, ...]]]:
    """The invariants that do not hold, each with the first rows that break it."""
    return {verdict.invariant.name: verdict.first for verdict in invariants.verify(now=now) if verdict.violations}


def check_log(taken: Iterable[int]) -> None:
    """What networks took, by message id: no offer twice, no service message thrice, nothing without an attempt of
    its own, nothing that we believe never left."""
    times = Counter(taken)
    known = {m.pk: m for m in Message.objects.only("message_class", "state")}
    tried = Counter(Attempt.objects.values_list("message_id", flat=True))
    assert not times - tried, "the network has what no attempt tells of"
    most = {pk: 2 if known[pk].message_class == "service" else 1 for pk in times}
    assert not {pk: n for pk, n in times.items() if n > most[pk]}, "sent too often"
    never = {"refused", "expired", "cancelled", "failed"}
    assert not [
        pk for pk, n in times.items() if n and known[pk].message_class != "service" and known[pk].state in never
    ]
    reported = set(Receipt.objects.values_list("message_id", flat=True))  # a network may report what it did not keep
    left = {pk for pk, message in known.items() if message.state in ("submitted", "delivered")}
    assert not left - times.keys() - reported, "never left"
