"""A campaign's results at a million messages, among as many others of the month (P1).

    python -m bench.results [--messages 1000000]

Printed is what counting takes, next to a bare count of the same month's messages, and how long the page takes to open:
as if it counted by itself, and with what was counted last.
"""

import argparse
import time
from datetime import timedelta

from bench.scratch import Scratch

_PLACE = """
INSERT INTO campaigns_placement (campaign_id, subscriber_id, variant_id, offer_id, placed_at, score, is_explored)
SELECT %(campaign)s, id, CASE WHEN id %% 20 > 0 THEN %(variant)s END, CASE WHEN id %% 20 > 0 THEN %(offer)s END,
       %(now)s, 0.02, false FROM enrollment_subscriber
"""
_SEND = """
INSERT INTO messaging_message (month, subscriber_id, stream_id, message_class, kind, purpose, channel, text, language,
    encoding, segments, not_before, not_after, campaign, reason, origin, state, why, created_at, transport, fence,
    attempts, valid_until, submitted_at, ended_at)
SELECT %(month)s, id, 1, 'offer', 'offer', 'offers', 'sms', 'Чай -20%% в вашем городе до конца недели', language,
       'ucs2', 1, %(now)s, %(now)s + interval '1 day', %(campaign)s, '', 'campaign:' || %(campaign)s,
       CASE WHEN id %% 10 = 0 THEN 'undelivered' ELSE 'delivered' END, '', %(now)s, 'null', 1, 1, %(now)s, %(now)s,
       %(now)s + (id %% 36000) * interval '1 second'
FROM enrollment_subscriber WHERE id %% 20 > 0
"""


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    options = parser.parse_args(argv)
    with Scratch("smart_bench_results"):
        _measure(options.messages)


def _measure(count: int) -> None:
    from django.db import connection

    from campaigns.models import Campaign
    from campaigns.results import figures
    from core.lib import astana, clock
    from messaging import outbox
    from messaging.models import Stream
    from smart.local import trial
    from smart.local.population import make_members

    now = clock.now()
    outbox.make_partitions(now=now)
    make_members(count)
    mine, other = (
        trial.campaign(part=part, exploration=10, members=count, days=3, now=now) for part in trial.PARTS[:2]
    )
    with connection.cursor() as cursor:
        for campaign in (mine, other):
            variant = campaign.variants.first()
            given = {"campaign": campaign.pk, "variant": variant.pk, "offer": variant.offer_id, "now": now}
            cursor.execute(_PLACE, given)
            cursor.execute(_SEND, given | {"month": astana.month_of(now)})
        cursor.execute("VACUUM ANALYZE")
    campaign = Campaign.objects.get(pk=mine.pk)
    campaign.launched_at, campaign.ends_at = now, now + timedelta(hours=1)
    for _turn in range(3):
        began = time.perf_counter()
        counted = figures.of(campaign)
        took = time.perf_counter() - began
        with connection.cursor() as cursor:
            began = time.perf_counter()
            cursor.execute("SELECT count(*) FROM messaging_message WHERE campaign = %s", [campaign.pk])
            bare = time.perf_counter() - began
        print(
            f"figures of {counted.totals[None].placed:,} messages: {took:.2f} s; a bare count: {bare:.2f} s", flush=True
        )
    stream = Stream.objects.create(code="bench", message_class="offer")
    launched = {"state": "scheduled", "launched_at": now, "launched_by": "bench", "stream": stream}
    ended = {"ends_at": campaign.ends_at, "built": counted.totals[None].placed}
    Campaign.objects.filter(pk=campaign.pk).update(**launched, **ended)
    _measure_page(campaign.pk)


def _measure_page(pk: int) -> None:
    from django.contrib.auth.models import User
    from django.test import RequestFactory

    from campaigns.models import Campaign
    from campaigns.results import store
    from campaigns.staff import results
    from core.lib import clock

    request = RequestFactory().get("/")
    request.user = User.objects.create_superuser("bench")

    def opening() -> float:
        began = time.perf_counter()
        page = results.look(request, pk)
        took = time.perf_counter() - began
        assert page.status_code == 200
        return took

    at_once, store.AT_ONCE = store.AT_ONCE, 10**9
    opening()  # templates are read
    print(f"the page that counts by itself opens in {opening():.2f} s", flush=True)
    store.AT_ONCE = at_once
    print(f"the page of what was never counted opens in {1000 * opening():.0f} ms", flush=True)
    began = time.perf_counter()
    store.count_anew(campaign=Campaign.objects.get(pk=pk), now=clock.now())
    print(f"counting anew and keeping: {time.perf_counter() - began:.2f} s", flush=True)
    for _turn in range(3):
        print(f"the page of what was counted last opens in {1000 * opening():.0f} ms", flush=True)


if __name__ == "__main__":
    main()
