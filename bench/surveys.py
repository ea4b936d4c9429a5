"""Answers to surveys a second over HTTP: alone, and beside a campaign that is being sent; every one of them real.

    python -m bench.surveys [--seconds 8] [--connections 4 32 128] [--rate 40]

Each session is a member of his own: he dials `*555*6*N#`, answers seven questions (yes or no, one of several, several,
a number, one of several that tells a fact, a scale, a text) and is rewarded. Granian runs with two workers of four
threads and pools of six on a durable PostgreSQL, under as many connections as said, each in a closed loop
(bench.dialogs): the ceiling. Then at a rate of so many answers a second, for the times people see. The campaign is a
sender of another process on the same database, handing over to nowhere at full speed. Afterwards the responses,
answers, grants, quotas and ledger are compared with what the clients saw. The bare server (bench.bare_survey) does an
answer's writes in one statement.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

from bench import dialogs, statements, survey_base, ussd
from bench.dialogs import Seen, Session
from bench.scratch import Scratch
from bench.survey_base import KEYS, Campaign

PORT = 8971
_WARM_SECONDS = 2.0
_PACED = 32  # connections
_WEB = {"DB_POOL_SIZE": "6", "DB_STATEMENT_TIMEOUT_MS": "2500"}  # as smart/local/supervisor.py starts the web server


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--members", type=int, default=6000, help="at most 9,999: each has a number of 7 701 000 xx xx")
    parser.add_argument("--connections", type=int, nargs="+", default=[4, 32, 128])
    parser.add_argument("--rate", type=float, default=40, help="answers a second, besides the ceiling")
    options = parser.parse_args(argv)
    with Scratch("smart_bench_surveys") as scratch:
        _Bench(scratch, options.seconds, min(options.members, 9_999)).run(options.connections, options.rate)


class _Bench:
    def __init__(self, scratch: Scratch, seconds: float, members: int) -> None:
        from core.access import keys
        from core.access.models import ApiClient
        from core.lib import clock, signing

        self.scratch, self.seconds, self.count = scratch, seconds, members
        self.client = ApiClient.objects.create(name="bench", kind="ussd", proof="signature")
        self.key, secret = keys.issue(client=self.client, by="bench", now=clock.now())
        self.sign = lambda path, stamp, nonce, body: signing.sign(secret, "POST", path, stamp, nonce, body)
        self.numbers = survey_base.make_members(members)

    def run(self, connections: list[int], wanted: float) -> None:
        """Every measurement, one after the other."""
        self._count_statements()
        rates = {}
        for count in connections:
            bare = self._bare(count)
            rates[count] = rate = self._answers("alone", count)
            print(f"ratio to the bare server, {count} connections: {rate / bare:.2f}", flush=True)
        self._answers("alone", _PACED, rate=wanted)
        survey_base.make_audience()
        for count in connections:
            with Campaign() as campaign:
                rate = self._answers("beside a campaign", count, campaign)
            print(f"beside a campaign to alone, {count} connections: {rate / rates[count]:.2f}", flush=True)
        with Campaign() as campaign:
            self._answers("beside a campaign", _PACED, campaign, rate=wanted)

    def _count_statements(self) -> None:
        """How many statements each step of a session takes: round trips to the database, BEGIN and COMMIT included."""
        survey = survey_base.make_survey()
        told = statements.of_session(self.key.key_id, self.sign, self.numbers[-1], survey.pk, KEYS)
        print("statements a step:", ", ".join(f"{step} {count}" for step, count in told), flush=True)

    def _answers(
        self, name: str, connections: int, campaign: Campaign | None = None, rate: float | None = None
    ) -> float:
        survey = survey_base.make_survey()
        keys = [f"*555*6*{survey.pk}#", *KEYS]
        wanted = ["continue"] * len(KEYS) + ["100"]
        sessions: Iterator[Session] = (
            (f"s{survey.pk}-{number}", number, keys, wanted) for number in self.numbers[: self.count - 1]
        )
        steps = None if rate is None else rate * len(keys) / len(KEYS)
        seen, cpu = self._load("smart.wsgi:application", _WEB, sessions, connections, campaign, steps)
        paced = "" if rate is None else f" at {rate:.0f} answers a second"
        reached = self._tell(f"SMART, {name}{paced}", connections, seen, cpu)
        if campaign is not None:
            left = " (none left)" if campaign.is_done else ""
            print(f"    the sender beside it: {campaign.handed / campaign.took:,.0f} messages/s{left}", flush=True)
        _require_real(survey, seen)
        return reached

    def _bare(self, connections: int) -> float:
        survey = survey_base.make_survey()
        questions = survey.versions.get().questions.order_by("position").values_list("pk", flat=True)
        survey_base.open_sessions(self.client.pk, survey, self.count)
        env = {
            "BARE_DSN": self.scratch.dsn,
            "BARE_CLIENT": str(self.client.pk),
            "BARE_QUESTIONS": " ".join(map(str, questions)),
        }
        sessions: Iterator[Session] = (
            (f"b{survey.pk}-{number}", self.numbers[0], ["*555#", *KEYS], ["continue"] * (len(KEYS) + 1))
            for number in range(self.count)
        )
        seen, cpu = self._load("bench.bare_survey:application", env, sessions, connections)
        return self._tell("bare, one statement an answer", connections, seen, cpu)

    def _load(
        self,
        target: str,
        env: dict[str, str],
        sessions: Iterator[Session],
        connections: int,
        campaign: Campaign | None = None,
        rate: float | None = None,
    ) -> tuple[Seen, float]:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("CHECKPOINT")
        walk = partial(dialogs.walk, sessions, port=PORT, key_id=self.key.key_id, sign=self.sign)
        server = subprocess.Popen(
            [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(PORT),
             "--workers", str(ussd.WORKERS), "--blocking-threads", str(ussd.THREADS), "--backpressure", "256",
             "--log-level", "error", target],
            env={**os.environ, **env},
        )  # fmt: skip
        try:
            ussd._wait(PORT)
            warm = walk(connections=16, seconds=_WARM_SECONDS)
            if campaign is not None:
                campaign.begin()
            before = ussd._cpu_seconds(server.pid)
            seen = walk(connections=connections, seconds=self.seconds, rate=rate)
            cpu = ussd._cpu_seconds(server.pid) - before
            if campaign is not None:
                campaign.end()
        finally:
            server.terminate()
            server.wait(10)
        cpu /= max(1, seen.replied)
        seen.walked, seen.answered = seen.walked + warm.walked, seen.answered + warm.answered
        seen.bad += warm.bad
        return seen, cpu

    def _tell(self, name: str, connections: int, seen: Seen, cpu: float) -> float:
        if len(seen.answers) < 100:
            raise SystemExit(f"Too few answers: {len(seen.answers)}; {seen.bad[:3]}")
        rate, dials = len(seen.answers) / seen.seconds, len(seen.dials) / seen.seconds
        print(
            f"{name}, {connections} connections: {rate:,.0f} answers/s and {dials:,.0f} dials/s, "
            f"median {_ms(seen.answers, 0.5)}, p99 {_ms(seen.answers, 0.99)} "
            f"(dial {_ms(seen.dials, 0.5)}, {_ms(seen.dials, 0.99)}; last answer {_ms(seen.ends, 0.5)}, "
            f"{_ms(seen.ends, 0.99)}), {len(seen.bad)} failed, {1e6 * cpu:.0f} us of the server's CPU a step, "
            f"the clients took {100 * seen.own_cpu / seen.seconds:.0f} % of a core; load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
        for told in seen.bad[:3]:
            print(f"    {told}", flush=True)
        return rate


def _ms(seconds: list[float], share: float) -> str:
    ordered = sorted(seconds) or [0.0]
    return f"{1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]:.1f} ms"


def _require_real(survey: Any, seen: Seen) -> None:
    """What the clients saw is what the database holds; else the figures are worth nothing."""
    from django.db import connection

    from bonuses.models import Grant
    from surveys.models import Answer, Quota, Response

    completed = Response.objects.filter(survey=survey, state="completed", units=100)
    kept = {
        "completed": completed.count(),
        "grants": Grant.objects.filter(source=f"survey:{survey.pk}", pk__in=completed.values("grant")).count(),
        "grants at all": Grant.objects.filter(source=f"survey:{survey.pk}").count(),
        "in groups": sum(Quota.objects.filter(survey=survey).values_list("taken", flat=True)),
        "answers": Answer.objects.filter(response__survey=survey).count(),
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM bonuses_ledgerentry e JOIN bonuses_grant g ON g.id = e.grant_id AND g.month = e.month"
            " WHERE g.source = %s AND e.key = 'issue' AND e.units = 100",
            [f"survey:{survey.pk}"],
        )
        kept["ledger entries"] = cursor.fetchone()[0]
    wanted = dict.fromkeys(kept, seen.walked) | {"answers": seen.answered}
    if kept != wanted and not seen.bad:
        raise SystemExit(f"The clients saw {wanted}, the database holds {kept}.")
    print(f"    kept: {seen.answered:,} answers, {seen.walked:,} rewards, as the clients saw", flush=True)


if __name__ == "__main__":
    main()
