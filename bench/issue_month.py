"""The month's issue for a million members, as a ratio to hand-written SQL into the same tables (B1).

    python -m bench.issue_month [--members 1000000]

The hand-written SQL inserts grants and ledger entries and cancels what waits from before (B6), 50,000 subscribers a
transaction, and knows no slots, no locks and no late joiners. Both run twice on tables emptied in between, first onto
nothing, then onto a month whose bonuses all still wait; the better of the two counts.
"""

import argparse
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from bench.scratch import Scratch

CHUNK = 50_000

_INSERT = """
WITH issued AS (
    INSERT INTO bonuses_grant
        (month, subscriber_id, kind, source, terms_id, units, remaining, state, issued_at, activate_by)
    SELECT %(month)s, subscriber_id, 'monthly', '', %(terms)s, 500, 500, 'waiting', %(at)s, %(by)s
    FROM enrollment_membership
    WHERE left_at IS NULL AND subscriber_id >= %(first)s AND subscriber_id < %(after)s
    RETURNING id, subscriber_id
)
INSERT INTO bonuses_ledgerentry (month, grant_id, subscriber_id, kind, units, at, key, reason)
SELECT %(month)s, id, subscriber_id, 'issue', 500, %(at)s, 'issue', '' FROM issued
"""
_CANCEL = """
WITH over AS (
    UPDATE bonuses_grant SET state = 'cancelled', remaining = 0, closed_at = %(at)s
    WHERE month = %(before)s AND state = 'waiting' AND subscriber_id >= %(first)s AND subscriber_id < %(after)s
    RETURNING id, month, subscriber_id, units
)
INSERT INTO bonuses_ledgerentry (month, grant_id, subscriber_id, kind, units, at, key, reason)
SELECT month, id, subscriber_id, 'forfeit', units, %(at)s, 'forfeit', 'superseded' FROM over
"""


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000)
    options = parser.parse_args(argv)
    with Scratch("smart_bench_issue"):
        _measure(options.members)


def _measure(members: int) -> None:
    from bonuses import lifecycle as bonuses
    from core.lib import astana, clock
    from smart.local.population import make_members

    make_members(members)
    this = astana.start_of(astana.month_of(clock.now()))
    following = astana.start_of(astana.next_month(astana.month_of(clock.now()))) + timedelta(minutes=5)
    bonuses.make_partitions(now=this)
    runs: dict[str, Callable[[datetime], object]] = {
        "hand-written SQL": lambda now: _by_hand(now, members),
        "SMART": lambda now: bonuses.issue_month(now=now),
    }
    seconds: dict[tuple[str, str], list[float]] = {}
    for order in (list(runs), list(reversed(runs))):
        for name in order:
            _empty()
            for title, now in (("onto nothing", this), ("onto a month that waits", following)):
                began = time.perf_counter()
                runs[name](now)
                taken = time.perf_counter() - began
                seconds.setdefault((name, title), []).append(taken)
                _check(members, now)
                print(f"{name}, {title}: {members:,} in {taken:.1f} s, {members / taken:,.0f}/s", flush=True)
    for title in ("onto nothing", "onto a month that waits"):
        ratio = sum(seconds["SMART", title]) / sum(seconds["hand-written SQL", title])
        print(f"ratio of issue_month to hand-written SQL, {title}: {ratio:.2f}")


def _by_hand(now: datetime, members: int) -> None:
    from django.db import connection, transaction

    from bonuses.models import BonusTerms
    from core.lib import astana
    from enrollment.models import Subscriber

    month = astana.month_of(now)
    last = Subscriber.objects.order_by("-pk").values_list("pk", flat=True)[0]
    given = {
        "month": month,
        "before": astana.previous_month(month),
        "at": now,
        "by": now + timedelta(days=30),
        "terms": BonusTerms.objects.get(kind="monthly").pk,
    }
    for first in range(0, last + 1, CHUNK):
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in (_INSERT, _CANCEL):
                cursor.execute(statement, {**given, "first": first, "after": first + CHUNK})


def _empty() -> None:
    """Append-only tables refuse TRUNCATE, except to a replica's session."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("TRUNCATE bonuses_grant, bonuses_ledgerentry, jobs_jobrun")
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("CHECKPOINT")


def _check(members: int, now: datetime) -> None:
    from bonuses.models import Grant, LedgerEntry
    from core.lib import astana

    month = astana.month_of(now)
    assert Grant.objects.filter(month=month, state="waiting").count() == members
    assert LedgerEntry.objects.filter(month=month, kind="issue").count() == members
    assert not Grant.objects.filter(month__lt=month, state="waiting").exists()


if __name__ == "__main__":
    main()
