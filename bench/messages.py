"""Claim, gate, hand-over and mark through a transport to nowhere, as a ratio to hand-written claim and mark.

    python -m bench.messages [--messages 200000] [--waiting 1000000]

The hand-written SQL claims a thousand at a time and marks them, in the same table, and asks about nothing; the sender
takes 2,500, as a transport that is quick enough would have it. Both run in
turns on messages of their own. Then two workers at once, and the claim's time with ten thousand and a million waiting.
"""

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from datetime import timedelta

from bench.scratch import Scratch

BATCH = 1000
_CLAIM = """
WITH due AS (
    SELECT month, id FROM messaging_message WHERE stream_id = %(stream)s AND channel = 'sms' AND state = 'waiting'
    ORDER BY not_before LIMIT %(batch)s FOR UPDATE SKIP LOCKED)
UPDATE messaging_message m SET state = 'claimed', fence = %(fence)s, lease_until = now() + interval '1 minute'
FROM due WHERE m.month = due.month AND m.id = due.id RETURNING m.month, m.id, m.text
"""
_MARK = """
UPDATE messaging_message m SET state = 'submitted', submitted_at = now(), lease_until = NULL, attempts = 1
FROM unnest(%(months)s::date[], %(ids)s::bigint[]) AS t (month, id) WHERE m.month = t.month AND m.id = t.id
"""


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--waiting", type=int, default=1_000_000)
    options = parser.parse_args(argv)
    with Scratch("smart_bench_messages"):
        _measure(options.messages, options.waiting)


def _measure(count: int, waiting: int) -> None:
    from django.db import connection

    from core.lib import clock
    from messaging import outbox
    from smart.local.population import make_members

    _at_noon()
    outbox.make_partitions(now=clock.now())
    outbox.confirm_epoch(by="bench", reason="a scratch database", now=clock.now())
    make_members(count)
    runs: dict[str, Callable[[int], None]] = {"hand-written SQL": _by_hand, "SMART": _by_sender}
    rates: dict[str, list[float]] = {name: [] for name in runs}
    turn = 0
    for order in (list(runs), list(reversed(runs))):
        for name in order:
            for message_class in ("service", "offer") if name == "SMART" else ("offer",):
                turn += 1
                stream = _fill(count, turn, message_class)
                began = time.perf_counter()
                runs[name](stream)
                rate = count / (time.perf_counter() - began)
                title = f"{name}, {message_class}s" if name == "SMART" else name
                rates.setdefault(title, []).append(rate)
                print(f"{title}: {rate:,.0f} messages/s", flush=True)
                _forget_contacts()
    bare = statistics.mean(rates["hand-written SQL"])
    for title in ("SMART, services", "SMART, offers"):
        print(f"ratio of {title} to hand-written claim and mark: {statistics.mean(rates[title]) / bare:.2f}")
    one = statistics.mean(rates["SMART, services"])
    two = _two_workers(count, turn + 1)
    print(f"two workers: {two:,.0f} messages/s, {two / one:.2f} of one")
    for size in (10_000, waiting):
        _claim_times(size)
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree('messaging_message')")
        print(f"outbox with its indexes: {float(cursor.fetchone()[0]) / 1e6:,.0f} MB")


def _at_noon() -> None:
    """Measure inside the window, whatever the hour."""
    from core.lib import astana, clock

    today = astana.start_of(astana.day_of(clock.machine()))
    ahead = today + timedelta(days=1, hours=12) - clock.machine()
    clock.install(lambda: clock.machine() + ahead)


def _fill(count: int, turn: int, message_class: str) -> int:
    from django.db import connection

    from core.lib import astana, clock
    from messaging import outbox, sql
    from messaging.models import MessageClass, Stream

    connection.cursor().execute("UPDATE enrollment_membership SET consents = 63 WHERE consents = 0")
    Stream.objects.update(is_paused=True)
    stream = outbox.stream_for(code=f"bench-{turn}", message_class=MessageClass(message_class))
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT array_agg(id) FROM (SELECT id FROM enrollment_subscriber ORDER BY id LIMIT %s) s", [count]
        )
        everybody = cursor.fetchone()[0]
    given = {
        "month": astana.month_of(now),
        "stream": stream.pk,
        "message_class": message_class,
        "kind": "offer" if message_class == "offer" else "bonus_issued",
        "purpose": "offers" if message_class == "offer" else "",
        "channel": "sms",
        "not_before": now - timedelta(hours=1),  # the workers' noon may be a little behind ours
        "not_after": now + timedelta(days=1),
        "campaign": None,
        "reason": "",
        "origin": f"bench:{turn}",
        "why": "",
        "now": now,
    }
    texts = [(language, "Чай -20% в вашем городе до конца недели", "ucs2", 1) for language in ("kk", "ru", "en")]
    for first in range(0, len(everybody), 50_000):
        sql.enqueue(subscribers=everybody[first : first + 50_000], texts=texts, given=given)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE messaging_message")
        cursor.execute("VACUUM ANALYZE messaging_attempt")
        cursor.execute("CHECKPOINT")
    return stream.pk


def _forget_contacts() -> None:
    from django.db import connection

    connection.cursor().execute("TRUNCATE messaging_contact")


def _by_hand(stream: int) -> None:
    from django.db import connection, transaction

    fence = 0
    while True:
        fence += 1
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_CLAIM, {"stream": stream, "batch": BATCH, "fence": fence})
            rows = cursor.fetchall()
        if not rows:
            return
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_MARK, {"months": [row[0] for row in rows], "ids": [row[1] for row in rows]})


def _by_sender(stream: int, name: str = "null") -> None:
    from messaging.channels.null.transport import NullTransport
    from messaging.sending.sender import Sender

    Sender(NullTransport({"name": name, "batch": 2500}), overlaps=True).run(until_idle=True)


def _worker(barrier: object, name: str) -> None:
    import django

    django.setup()
    _at_noon()
    from django.db import connection

    connection.ensure_connection()
    barrier.wait()  # type: ignore[attr-defined]
    _by_sender(0, name)


def _two_workers(count: int, turn: int) -> float:
    from django.db import connections

    _fill(count, turn, "service")
    connections.close_all()
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    workers = [context.Process(target=_worker, args=(barrier, f"null-{number}")) for number in range(2)]
    for worker in workers:
        worker.start()
    barrier.wait()
    began = time.perf_counter()
    for worker in workers:
        worker.join()
    return count / (time.perf_counter() - began)


def _claim_times(size: int) -> None:
    from django.db import connection, transaction

    from core.lib import clock
    from messaging import sql
    from messaging.models import Stream
    from smart.local.population import make_members

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM enrollment_subscriber")
        there = cursor.fetchone()[0]
    if there < size:
        make_members(size - there, after=there)
    stream = _fill(size, 1000 + size, "service")
    taken = []
    for _ in range(min(200, size // BATCH)):
        began = time.perf_counter()
        with transaction.atomic():
            sql.claim(
                channel="sms",
                quotas={stream: BATCH},
                share=(0, 100),
                fence=sql.next_fence(),
                lease=clock.now() + timedelta(minutes=1),
                transport="null",
                now=clock.now(),
            )
        taken.append(1000 * (time.perf_counter() - began))
    taken.sort()
    p99 = taken[int(len(taken) * 0.99) - 1]
    print(
        f"claim of {BATCH} with {size:,} waiting: p50 {statistics.median(taken):.1f} ms, p99 {p99:.1f} ms", flush=True
    )
    Stream.objects.filter(pk=stream).update(is_paused=True)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smart.settings")
    main()
