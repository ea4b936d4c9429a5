"""The worker dies in the middle of the month's issue, again and again; nobody is forgotten or given two (B1, J6)."""

import random
import time
from collections.abc import Callable

import pytest
from celery import Celery
from django.db import connection

from bonuses import lifecycle as bonuses
from bonuses.models import Grant, LedgerEntry
from core.jobs.models import JobRun
from core.lib import clock
from smart.local import processes
from smart.local.population import make_members
from tests.bonuses.conftest import violated
from tests.faults.conftest import Worker

KILLS = 10
MEMBERS = 400_000  # twenty chunks of 20,000


def has_moved(beyond: int) -> bool:
    """True when the run has committed a chunk beyond the watermark and a backend is inside the next."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM jobs_jobrun WHERE name = 'issue_month' AND watermark > %s)"
            " AND EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
            " AND datname = current_database() AND query LIKE '%%INSERT INTO bonuses_grant%%')",
            [beyond],
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_ten_times_in_the_months_issue_and_one_rerun(
    start_worker: Callable[[], Worker], broker: str
) -> None:
    make_members(MEMBERS)
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    beat = Celery(broker=broker)

    killed_at = [0]
    for _ in range(KILLS):
        worker = start_worker()
        for _ring in range(60):  # a dead worker's transaction may hold the slot for a moment: beat rings again
            beat.send_task("smart.tasks.issue_month", queue="smart")
            if processes.wait_until(lambda: has_moved(killed_at[-1]), seconds=1, every=0.002):
                break
        time.sleep(dice.uniform(0, 0.1))  # somewhere in this chunk
        worker.kill()
        killed_at.append(JobRun.objects.get(name="issue_month").watermark)
    issued_by_then = Grant.objects.count()
    assert processes.wait_until(lambda: bonuses.issue_month(now=clock.now()) is not None, seconds=60)

    assert killed_at == sorted(set(killed_at)), "each worker died in the middle of its work"
    assert 0 < issued_by_then < MEMBERS
    assert Grant.objects.values("subscriber").distinct().count() == Grant.objects.count() == MEMBERS
    assert LedgerEntry.objects.filter(kind="issue").count() == MEMBERS
    assert JobRun.objects.get(name="issue_month").affected == MEMBERS
    assert not violated(clock.now())
