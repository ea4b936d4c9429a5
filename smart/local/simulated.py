"""A population whose taste is known: it joins, receives, redeems, ignores and leaves with these probabilities.

Who does what is drawn from a member's id and a seed, so that the same population does the same again.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db import connection, transaction
from django.db.models import QuerySet

from campaigns.codes import redemption
from campaigns.models import Campaign, PromoCode, Redemption
from core.lib import astana, clock
from enrollment import consent, joining
from enrollment.models import Channel, Consents, Interest, Language, Purpose, Subscriber
from messaging import outbox, receipts
from messaging.channels.base import Health, Outcome, Outgoing, Verdict
from messaging.models import Message, MessageClass, Receipt
from messaging.receipts import Report
from messaging.sending.sender import Sender
from smart import programme

_ANSWERS_WITHIN_HOURS = 40
_TILL = "till:simulated"


@dataclass(frozen=True, slots=True)
class Taste:
    """Probabilities, per message: of redeeming, by interest and age; of leaving; of a handset out of reach."""

    redeems: float = 0.02
    redeems_if_interested: float = 0.10
    fond: float = 3.0  # so much more, of the category that one's age is fond of
    leaves: float = 0.004
    out_of_reach: float = 0.05
    unreported: float = 0.02

    def of(self, *, is_interested: bool, is_fond: bool) -> float:
        """How likely such a member redeems an offer."""
        return (self.redeems_if_interested if is_interested else self.redeems) * (self.fond if is_fond else 1)


# Which age is fond of what, up to how many years: nothing of it is told in the profile, it can only be learned.
FOND: dict[str, tuple[int, int]] = {"cinema": (0, 34), "food": (25, 49), "home": (35, 59), "books": (50, 120)}
USUAL = Taste()


def _draw(seed: str, *of: object) -> float:
    """A number in [0, 1) that is always the same for these."""
    return random.Random(f"{seed}/{'/'.join(map(str, of))}").random()


_GIVE_INTERESTS = """
UPDATE enrollment_subscriber s SET interests = (
    SELECT COALESCE(sum(1::bigint << i.bit), 0) FROM enrollment_interest i
    WHERE (hashint8extended(s.id, i.bit) & 1023) < 1024 * %(share)s)
WHERE s.interests = 0 AND s.id >= %(first)s AND s.id < %(after)s
"""


def give_interests(*, first: int, after: int, share: float = 0.2) -> None:
    """Let each member in [first, after) who told none have each interest with this probability."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_INTERESTS, {"first": first, "after": after, "share": share})


_JOIN = """
WITH chosen AS (
    -- Subscribers who may join (J1) and never did.
    SELECT s.id, s.language FROM enrollment_subscriber s
    WHERE s.brand = 'activ' AND s.line_status = 'active' AND s.ended_at IS NULL AND s.id >= %(first)s
      AND NOT EXISTS (SELECT FROM enrollment_membership m WHERE m.subscriber_id = s.id)
    ORDER BY s.id LIMIT %(count)s
), joined AS (
    -- Spread over an hour, so that not all have the same instant.
    INSERT INTO enrollment_membership (subscriber_id, joined_at, joined_by, consents, left_by, left_reason)
    SELECT id, %(at)s - (id %% 3600) * interval '1 second', 'ussd:demo', %(all)s, '', '' FROM chosen
    RETURNING id, subscriber_id, joined_at
)
INSERT INTO enrollment_consentevent (subscriber_id, membership_id, purpose, channel, action, at, by, session, key,
    text_id, language, digest)
SELECT j.subscriber_id, j.id, p.code, c.code, 'given', j.joined_at, 'ussd:demo', 'demo', '1', %(text)s, l.code, l.digest
FROM joined j JOIN chosen ON chosen.id = j.subscriber_id
JOIN unnest(%(languages)s::text[], %(digests)s::text[]) AS l (code, digest) ON l.code = chosen.language
CROSS JOIN unnest(%(purposes)s::text[]) AS p (code) CROSS JOIN unnest(%(channels)s::text[]) AS c (code)
"""


def join_many(*, count: int, first: int, joined_at: datetime) -> None:
    """Let subscribers from `first` on join, with the consent records of people who pressed the key."""
    text = consent.current_consent_text()
    with connection.cursor() as cursor:
        cursor.execute(
            _JOIN,
            {
                "count": count,
                "first": first,
                "at": joined_at,
                "all": int(Consents.ALL),
                "text": text.pk,
                "languages": list(Language.values),
                "digests": [text.digest(language) for language in Language.values],
                "purposes": list(Purpose.values),
                "channels": list(Channel.values),
            },
        )


class _Air:
    """A network that takes everything and keeps what it was given."""

    kind = "null"
    channels: tuple[str, ...] = ("sms", "ussd")
    weight, rate, batch = 1, 0.0, 1000

    def __init__(self) -> None:
        self.name = "simulated"
        self.handed: list[Outgoing] = []

    def hand_over(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        self.handed += batch
        return [Outcome(message, Verdict.ACCEPTED, (message.reference,)) for message in batch]

    def health(self) -> Health:
        return Health(is_up=True)

    def close(self) -> None:
        """Nothing to close."""


def deliver(*, now: datetime, taste: Taste = USUAL, seed: str = "") -> int:
    """Send everything that is due at `now` through the gate to a network that loses some; return how many it took."""
    air = _Air()
    _at(now, lambda: Sender(air).run(until_idle=True, seconds=300))
    reports = []
    for message in air.handed:
        drawn = _draw(seed, "reach", message.subscriber_id)
        if drawn < taste.unreported:
            continue
        is_lost = drawn < taste.unreported + taste.out_of_reach
        status = Receipt.Status.UNDELIVERED if is_lost else Receipt.Status.DELIVERED
        reports.append(Report(transport=air.name, network_id=message.reference, status=status, error="lost" * is_lost))
    receipts.store(reports, now=now + timedelta(minutes=1))
    while outbox.sweep(now=now + timedelta(minutes=1)):
        pass
    return len(air.handed)


def _at(instant: datetime, act: Callable[[], object]) -> None:
    """Do something as if it were that instant."""
    ahead = instant - clock.machine()
    before = clock.install(lambda: clock.machine() + ahead)
    try:
        act()
    finally:
        clock.install(before)


def react(
    *,
    campaign: Campaign,
    now: datetime,
    taste: Taste = USUAL,
    seed: str = "",
    since: datetime | None = None,
    only_delivered: bool = False,
) -> int:
    """Let those whom the campaign gave a code (from `since` on) redeem it or not, each once; return how many did.

    Who redeems does so within 40 hours of getting it, not after `now`. A code whose day is over is ignored.
    """
    taken = 0
    for code, at in _redeeming(campaign, now, taste, seed, since, only_delivered):
        with suppress(redemption.CodeExpired):
            redemption.redeem(partner=code.partner, code=code.code, by=_TILL, now=at)
            taken += 1
    return taken


@transaction.atomic
def react_at_once(*, campaign: Campaign, now: datetime, taste: Taste = USUAL, seed: str = "") -> int:
    """Write down in two statements what `react` has redeemed one by one: for a campaign that is over.

    A first start has no quarter of a minute to take codes by the hundred.
    """
    redeeming = [
        (code, at)
        for code, at in _redeeming(campaign, now, taste, seed)
        if code.offer.valid_from <= astana.day_of(at) <= code.offer.valid_to
    ]
    PromoCode.objects.filter(pk__in=[code.pk for code, _at in redeeming]).update(used=1)
    Redemption.objects.bulk_create(
        Redemption(
            partner=code.partner,
            offer=code.offer,
            code=code,
            campaign_id=code.campaign_id,
            subscriber_id=code.subscriber_id,
            at=at,
            by=_TILL,
        )
        for code, at in redeeming
    )
    return len(redeeming)


def _redeeming(
    campaign: Campaign,
    now: datetime,
    taste: Taste,
    seed: str,
    since: datetime | None = None,
    only_delivered: bool = False,
) -> Iterator[tuple[PromoCode, datetime]]:
    """The codes that are going to be redeemed, and when, in the order in which they were given."""
    bits = dict(Interest.objects.values_list("code", "bit"))
    given = PromoCode.objects.filter(campaign=campaign, used=0).select_related("offer__category", "partner")
    if since:
        given = given.filter(given_at__gte=since)
    if only_delivered:
        given = given.filter(subscriber__in=_delivered(campaign).values("subscriber"))
    members = Subscriber.objects.in_bulk(list(given.values_list("subscriber_id", flat=True)))
    for code in given.order_by("given_at", "pk"):
        if (at := _redeems_at(code, members, bits, now, taste, seed)) is not None:
            yield code, at


def _delivered(campaign: Campaign) -> QuerySet[Message]:
    """Its offers that arrived: a survey may have the same number."""
    return Message.objects.filter(campaign=campaign.pk, message_class=MessageClass.OFFER, state=Message.State.DELIVERED)


def _redeems_at(
    code: PromoCode, members: dict[int, Subscriber], bits: dict[str, int], now: datetime, taste: Taste, seed: str
) -> datetime | None:
    """When its holder redeems a code; None: never."""
    assert code.subscriber_id is not None
    assert code.given_at is not None
    member, offer = members[code.subscriber_id], code.offer
    wanted = sum(1 << bits[name] for name in offer.interests or offer.category.interests)
    likes = taste.of(
        is_interested=bool(member.interests & wanted),
        is_fond=_is_fond(offer.category.code, member.birth_date, now.date()),
    )
    if _draw(seed, "redeem", member.pk, offer.category.code) >= likes:
        return None
    return min(now, code.given_at + timedelta(hours=_ANSWERS_WITHIN_HOURS * _draw(seed, "when", member.pk)))


def _is_fond(category: str, born: date | None, today: date) -> bool:
    if born is None or category not in FOND:
        return False
    least, most = FOND[category]
    return least <= (today - born).days // 365.25 <= most


def leave(*, campaign: Campaign, taste: Taste = USUAL, seed: str = "") -> int:
    """Let those leave whom a message of the campaign made leave; return how many."""
    left = 0
    for message in _delivered(campaign).select_related("subscriber"):
        if message.ended_at is None or _draw(seed, "leave", message.subscriber_id) >= taste.leaves:
            continue
        if joining.current_membership(message.subscriber_id) is None:
            continue
        hours = 1 + 46 * _draw(seed, "when", message.subscriber_id)
        programme.opt_out(subscriber=message.subscriber, by="ussd:demo", now=message.ended_at + timedelta(hours=hours))
        left += 1
    return left


def noon(day: date) -> datetime:
    """An instant inside the send window."""
    return datetime(day.year, day.month, day.day, 7, tzinfo=UTC)
