"""Pages of the back office at a million members, as a ratio to the same pages at a thousand (P1, P4).

    python -m bench.pages [--members 1000000]

Each page is asked five times through Django's own handler, signed in as an administrator, on a base in which everyone
has a bonus and its ledger entry; the median counts. What grows with the base shows as a ratio above 1.
"""

import argparse
import statistics
import time

from bench.scratch import Scratch

FEW = 1_000


def main(argv: list[str] | None = None) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, default=1_000_000)
    options = parser.parse_args(argv)
    with Scratch("smart_bench_pages"):
        _measure(options.members)


def _measure(members: int) -> None:
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client

    from bonuses import lifecycle as bonuses
    from core.lib import astana, clock
    from smart.local.population import make_members

    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(User.objects.create_superuser("bench", password=None))
    month = astana.start_of(astana.month_of(clock.now()))
    make_members(FEW)
    bonuses.issue_month(now=month)
    few = _medians(client)
    make_members(members - FEW, after=FEW)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jobs_jobrun")
    bonuses.issue_month(now=month)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    many = _medians(client)
    print(f"{'page':<58} {FEW:>9,} {members:>11,}  ratio")
    for page, seconds in many.items():
        print(f"{page:<58} {few[page] * 1000:>6.0f} ms {seconds * 1000:>8.0f} ms  {seconds / few[page]:.1f}")


def _medians(client: object) -> dict[str, float]:
    from django.contrib import admin

    from enrollment.models import Subscriber

    someone = Subscriber.objects.order_by("pk")[FEW // 2].pk
    client.post(f"/admin/care/subscriber/{someone}/", {"reason": "bench"})  # type: ignore[attr-defined]
    lists = [
        f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        for model in admin.site._registry
        if model._meta.app_label in {"enrollment", "bonuses", "access", "jobs", "ussd"}
    ]
    searches = [
        f"/admin/enrollment/subscriber/?q={someone}",
        "/admin/enrollment/subscriber/?line_status__exact=active",
        f"/admin/bonuses/grant/?q={someone}",
        "/admin/bonuses/grant/?state__exact=waiting",
        f"/admin/enrollment/subscriber/{someone}/change/",
        f"/admin/care/subscriber/{someone}/",
    ]
    return {page: _median(client, page) for page in ["/admin/", *sorted(lists), *searches]}


def _median(client: object, page: str) -> float:
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        answer = client.get(page)  # type: ignore[attr-defined]
        taken.append(time.perf_counter() - began)
        assert answer.status_code in {200, 302}, (page, answer.status_code)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
