"""A million bonuses lapse in one instant: the sweep, as a ratio to hand-written SQL on the same tables (B5).

    python -m bench.expire [--members 1000000]

The hand-written SQL closes grants and writes their entries, 50,000 subscribers a transaction, and knows no slots and
no concurrent debits. Each runs twice on grants made anew; the better of the two counts.
"""

import argparse
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from bench.scratch import Scratch

CHUNK = 50_000

_BY_HAND = """
WITH closed AS (
    UPDATE bonuses_grant SET state = 'expired', remaining = 0, closed_at = expires_at
    WHERE month = %(month)s AND subscriber_id >= %(first)s AND subscriber_id < %(after)s AND state = 'active'
      AND expires_at <= %(now)s
    RETURNING id, month, subscriber_id, units, expires_at
)
INSERT INTO bonuses_ledgerentry (month, grant_id, subscriber_id, kind, units, at, key, reason)
SELECT month, id, subscriber_id, 'expire', units, expires_at, 'expire', 'lapsed' FROM closed
"""


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000)
    options = parser.parse_args(argv)
    with Scratch("smart_bench_expire"):
        _measure(options.members)


def _measure(members: int) -> None:
    from bonuses import lifecycle as bonuses
    from core.lib import astana, clock
    from smart.local.population import make_members

    make_members(members)
    activated = astana.start_of(astana.month_of(clock.now())) + timedelta(days=3)
    lapsed = activated + timedelta(hours=169)
    bonuses.make_partitions(now=activated)
    runs: dict[str, Callable[[], object]] = {
        "hand-written SQL": lambda: _by_hand(lapsed, members),
        "SMART": lambda: bonuses.expire(now=lapsed),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for order in (list(runs), list(reversed(runs))):
        for name in order:
            _activate_all(activated)
            began = time.perf_counter()
            runs[name]()
            taken = time.perf_counter() - began
            seconds[name].append(taken)
            _check(members)
            print(f"{name}: {members:,} in {taken:.1f} s, {members / taken:,.0f}/s", flush=True)
    print(f"ratio of the sweep to hand-written SQL: {min(seconds['SMART']) / min(seconds['hand-written SQL']):.2f}")


def _activate_all(at: datetime) -> None:
    """Everyone's bonus issued and activated at one instant, as the worst day has it."""
    from django.db import connection

    from bonuses.models import BonusTerms
    from core.lib import astana

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("TRUNCATE bonuses_grant, bonuses_ledgerentry, jobs_jobrun")
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute(
            """
            INSERT INTO bonuses_grant (month, subscriber_id, kind, source, terms_id, units, remaining, state, issued_at,
                activate_by, activated_at, expires_at)
            SELECT %(month)s, subscriber_id, 'monthly', '', %(terms)s, 500, 500, 'active', %(at)s,
                   %(at)s + interval '30 days', %(at)s, %(at)s + interval '168 hours'
            FROM enrollment_membership
            """,
            {"month": astana.month_of(at), "terms": BonusTerms.objects.get(kind="monthly").pk, "at": at},
        )
        cursor.execute("VACUUM ANALYZE bonuses_grant")
        cursor.execute("CHECKPOINT")


def _by_hand(now: datetime, members: int) -> None:
    from django.db import connection, transaction

    from core.lib import astana

    for first in range(0, members + CHUNK, CHUNK):
        with transaction.atomic(), connection.cursor() as cursor:
            given = {"month": astana.month_of(now - timedelta(days=8)), "first": first, "after": first + CHUNK}
            cursor.execute(_BY_HAND, {**given, "now": now})


def _check(members: int) -> None:
    from bonuses.models import Grant, LedgerEntry

    assert Grant.objects.filter(state="expired", remaining=0).count() == members
    assert LedgerEntry.objects.filter(kind="expire").count() == members


if __name__ == "__main__":
    main()
