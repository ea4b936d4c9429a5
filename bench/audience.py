"""Audiences at a million members: the live count, and a campaign built into the outbox, as a ratio to hand-written SQL.

    python -m bench.audience [--members 1000000]

The count is that of the form where marketing builds an audience, consent and caps in it, over fifty different
audiences. Then an audience of a fifth of the members is built by placing.place, range by range, and in turns by
INSERT … SELECT written by hand into the same two tables: same ranges, same consent and cap, nobody twice (ON CONFLICT),
one text a language, but no offer to be chosen, no code, no reason, nobody held out or asked what he had before.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from bench.scratch import Scratch

AUDIENCES = 50
_BY_HAND = """
WITH chosen AS MATERIALIZED (
    SELECT s.id, s.language FROM enrollment_membership m JOIN enrollment_subscriber s ON s.id = m.subscriber_id
    LEFT JOIN messaging_contact c ON c.subscriber_id = s.id
    WHERE m.left_at IS NULL AND s.ended_at IS NULL AND m.consents & 1 <> 0 AND s.town_id = ANY(%(towns)s)
      AND (c.month = %(month)s AND c.offers >= 10) IS NOT TRUE
      AND m.subscriber_id >= %(first)s AND m.subscriber_id < %(after)s AND s.id >= %(first)s AND s.id < %(after)s
), placed AS (
    INSERT INTO campaigns_placement (campaign_id, subscriber_id, variant_id, offer_id, placed_at, score, is_explored)
    SELECT %(campaign)s, id, %(variant)s, %(offer)s, %(now)s, 0, false FROM chosen
    ON CONFLICT DO NOTHING
)
INSERT INTO messaging_message (month, subscriber_id, stream_id, message_class, kind, purpose, channel, text, language,
    encoding, segments, not_before, not_after, campaign, reason, origin, state, why, created_at, transport, fence,
    attempts)
SELECT %(month)s, chosen.id, %(stream)s, 'offer', 'offer', 'offers', 'sms', t.text, chosen.language, t.encoding,
       t.segments, %(now)s, %(until)s, %(campaign)s, 'offer', %(origin)s, 'waiting', '', %(now)s, '', 0, 0
FROM chosen JOIN unnest(%(languages)s::text[], %(texts)s::text[], %(encodings)s::text[], %(segments)s::int[])
    AS t (language, text, encoding, segments) USING (language)
ON CONFLICT DO NOTHING
"""


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000)
    options = parser.parse_args(argv)
    with Scratch("smart_bench_audience"):
        _measure(options.members)


def _measure(members: int) -> None:
    from core.lib import clock
    from messaging import outbox

    outbox.make_partitions(now=clock.now())
    _populate(members)
    _count()
    runs: dict[str, Callable[[int], int]] = {"hand-written SQL": _by_hand, "SMART": _by_placing}
    rates: dict[str, list[float]] = {name: [] for name in runs}
    turn = 0
    for order in (["hand-written SQL", "SMART"], ["SMART", "hand-written SQL"], ["hand-written SQL", "SMART"]):
        for name in order:
            turn += 1
            _settle()
            began = time.perf_counter()
            built = runs[name](turn)
            taken = time.perf_counter() - began
            rates[name].append(built / taken)
            print(f"{name}: {built:,} of {members:,} in {taken:.1f} s, {built / taken:,.0f} messages/s", flush=True)
    bare, ours = (statistics.mean(rates[name]) for name in runs)
    print(f"time of SMART to hand-written SQL: {bare / ours:.2f}")


def _populate(members: int) -> None:
    """Members of every sort: consents, interests, bonuses activated by half, a tenth at the month's cap."""
    from django.db import connection

    from bonuses import lifecycle as bonuses
    from core.lib import astana, clock
    from smart.local.population import make_members

    make_members(members)
    month = astana.month_of(clock.now())
    bonuses.issue_month(now=astana.start_of(month))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE enrollment_membership SET consents = (ARRAY[63, 63, 63, 63, 63, 63, 1, 2, 8, 0])[1 + id % 10]"
        )
        cursor.execute("UPDATE enrollment_subscriber SET interests = (hashint8extended(id, 1) & 16383)")
        cursor.execute(
            "UPDATE bonuses_grant SET state = 'active', activated_at = issued_at + interval '1 minute',"
            " expires_at = issued_at + interval '7 days' WHERE id % 2 = 0"
        )
        cursor.execute(
            "INSERT INTO messaging_contact SELECT id, %s, (id %% 11)::int, 0, %s, 0 FROM enrollment_subscriber",
            [month, month],
        )
        cursor.execute("VACUUM (FREEZE, ANALYZE)")


def _count() -> None:
    from campaigns.staff import audiences
    from core.lib import clock

    taken = []
    for audience in _audiences():
        began = time.perf_counter()
        audiences.counted(audience, purpose=_purpose(), channels=_channels(), now=clock.now())
        taken.append(1000 * (time.perf_counter() - began))
    taken.sort()
    print(
        f"live count of {len(taken)} audiences: p50 {statistics.median(taken):.0f} ms,"
        f" p95 {taken[int(len(taken) * 0.95) - 1]:.0f} ms, worst {taken[-1]:.0f} ms",
        flush=True,
    )


def _audiences() -> list[Any]:
    """Everybody, then whatever a seeded chance puts together: the same fifty each time."""
    from enrollment.audience.definition import parse
    from enrollment.models import Interest, Region, Town

    draw = random.Random(4)
    towns, regions = (sorted(model.objects.values_list("code", flat=True)) for model in (Town, Region))
    interests = sorted(Interest.objects.values_list("code", flat=True))
    ask: dict[str, Callable[[], Any]] = {
        "towns": lambda: draw.sample(towns, draw.randint(1, 10)),
        "regions": lambda: draw.sample(regions, draw.randint(1, 5)),
        "languages": lambda: draw.sample(["kk", "ru", "en"], draw.randint(1, 2)),
        "genders": lambda: draw.choice(["f", "m"]),
        "age_from": lambda: draw.randint(16, 40),
        "age_to": lambda: draw.randint(41, 80),
        "interests": lambda: draw.sample(interests, draw.randint(1, 4)),
        "months_from": lambda: draw.randint(0, 3),
        "traits": lambda: draw.choice(["activated_last_month", "activated_this_month", "redeemed"]),
        "not_traits": lambda: draw.choice(["offered_last_month"]),
    }
    asked: list[dict[str, Any]] = [{}]
    while len(asked) < AUDIENCES:
        asked.append({name: ask[name]() for name in draw.sample(sorted(ask), draw.randint(1, 4))})
    return [parse(one) for one in asked]


def _by_hand(turn: int) -> int:
    from django.db import connection, transaction

    from campaigns.campaign import allocation
    from enrollment import locks

    campaign = _campaign(turn)
    variants = list(campaign.variants.select_related("offer__category"))
    said = allocation.worded(variants)
    assert campaign.stream is not None
    given = {
        "towns": _towns(),
        "month": _month(campaign.starts_at),
        "campaign": campaign.pk,
        "variant": variants[0].pk,
        "offer": variants[0].offer_id,
        "stream": campaign.stream.pk,
        "origin": f"campaign:{campaign.pk}",
        "now": campaign.starts_at,
        "until": campaign.ends_at,
        "languages": [one.language for one in said],
        "texts": [one.text for one in said],
        "encodings": [one.encoding for one in said],
        "segments": [one.segments for one in said],
    }
    built = 0
    for number in range(locks.last_range() + 1):
        here = {"first": number * locks.RANGE, "after": (number + 1) * locks.RANGE}
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_BY_HAND, {**given, **here})
            built += cursor.rowcount
    return built


def _by_placing(turn: int) -> int:
    from django.db import transaction

    from campaigns.campaign import allocation
    from enrollment import locks

    campaign = _campaign(turn)
    built, end = 0, (locks.last_range() + 1) * locks.RANGE
    first = 0
    while first < end:
        with transaction.atomic():
            made, first = allocation.place(
                campaign=campaign,
                first=first,
                after=min(first + locks.RANGE, end),
                limit=locks.RANGE,
                now=campaign.starts_at,
            )
        built += made
    return built


def _campaign(turn: int) -> Any:
    """A campaign with one approved offer of its own, to the towns of a fifth of the members."""
    from campaigns.models import Campaign, Partner, Variant
    from campaigns.offers import approval
    from campaigns.offers.drafts import Draft
    from core.lib import astana, clock
    from enrollment.models import Town
    from messaging import outbox
    from messaging.models import MessageClass

    now = clock.now()
    partner, _made = Partner.objects.get_or_create(name="Bench", slug="bench", defaults={"created_at": now})
    draft = Draft(
        category="food",
        valid_from=astana.day_of(now),
        valid_to=astana.day_of(now + timedelta(days=9)),
        channels=("sms",),
        title_ru=f"Чай {turn}",
        text_kk=f"Шай -20%: апта соңына дейін, {turn}",
        text_ru=f"Чай -20% в вашем городе до конца недели, {turn}",
    )
    offer = approval.create(partner=partner, draft=draft, by="partner:bench", now=now)
    approval.submit(offer=offer, by="partner:bench", now=now)
    offer = approval.approve(offer=offer, by="staff:bench", now=now)
    codes = Town.objects.filter(pk__in=_towns()).values_list("code", flat=True)
    campaign = Campaign.objects.create(
        name=f"Bench {turn}",
        audience={"towns": list(codes)},
        channels=["sms", "ussd", "ivr"],
        starts_at=now,
        ends_at=now + timedelta(days=5),
        stream=outbox.stream_for(code=f"bench-{turn}", message_class=MessageClass.OFFER),
        created_by="bench",
        created_at=now,
    )
    Variant.objects.create(campaign=campaign, offer=offer)
    return campaign


def _towns() -> list[int]:
    """Towns of a fifth of the members, and of somewhat more, since some never agreed or have had enough."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT array_agg(DISTINCT town_id) FROM enrollment_subscriber WHERE town_id % 80 < 25 AND id <= 1000"
        )
        return list(cursor.fetchone()[0])


def _settle() -> None:
    """Each turn begins with an empty outbox and nothing left to be written."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("TRUNCATE messaging_message, campaigns_placement RESTART IDENTITY")
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("CHECKPOINT")


def _month(now: datetime) -> Any:
    from core.lib import astana

    return astana.month_of(now)


def _purpose() -> Any:
    from enrollment.models import Purpose

    return Purpose.OFFERS


def _channels() -> Any:
    from enrollment.models import Channel

    return list(Channel)


if __name__ == "__main__":
    main()
