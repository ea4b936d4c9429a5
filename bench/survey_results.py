"""Results of a survey with a million answers: the page's opening, its statements' plans, the files' time and memory.

    python -m bench.survey_results [--responses 200000]

Each response has five answers. Pages are opened through Django's test client, after a first one that warms up. A file's
peak is of a process of its own that makes it, less what that process had before; of SPSS, its child's is printed too.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.scratch import Scratch

_RESPOND = """
INSERT INTO surveys_response (survey_id, version_id, subscriber_id, language, channel, town_id, gender, age, state,
    asked, path, turn, started_at, asked_at, ended_at, is_fast, units)
SELECT %(survey)s, %(version)s, s.id, s.language, 'ussd', s.town_id, s.gender,
       date_part('year', age(%(now)s, s.birth_date))::int, 'completed', '',
       ARRAY['drinks', 'cups', 'likes', 'score', 'why'], 6, %(now)s - interval '1 hour' - s.id * interval '1 second',
       %(now)s, %(now)s, s.id %% 50 = 0, 0
FROM enrollment_subscriber s ORDER BY s.id LIMIT %(count)s
"""
_ANSWER = """
INSERT INTO surveys_answer (response_id, question_id, value, text, answered_at, took_ms)
SELECT r.id, q.id,
       CASE q.code WHEN 'drinks' THEN 1 + (hashint8(r.id) & 1) WHEN 'cups' THEN hashint8(r.id * 3) & 15
                   WHEN 'likes' THEN 2 + (hashint8(r.id * 5) & 7) * 2 & 14
                   WHEN 'score' THEN (hashint8(r.id * 7) & 1023) %% 11 END,
       CASE WHEN q.code = 'why' THEN 'Вкусно и рядом с домом, № ' || r.id %% 1000 ELSE '' END,
       %(now)s, 1000 + (hashint8(r.id * 11 + q.id) & 8191)
FROM surveys_response r JOIN surveys_question q ON q.version_id = r.version_id ORDER BY r.id, q.position
"""


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--responses", type=int, default=200_000)
    parser.add_argument("--files-only", action="store_true", help="leave pages and plans out")
    parser.add_argument("--file", choices=["csv", "xlsx", "sav"], help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.file:
        _write(options.file)
        return
    with Scratch("smart_bench_survey_results"):
        survey = _build(options.responses)
        if not options.files_only:
            _pages(survey)
            _plans(survey)
        for kind in ("csv", "xlsx", "sav"):
            subprocess.run([sys.executable, "-m", "bench.survey_results", "--file", kind], check=True)


def _build(count: int) -> Any:
    from django.db import connection

    from core.lib import clock
    from smart.local.population import make_members
    from surveys.fieldwork import lifecycle
    from surveys.models import Survey
    from surveys.questionnaire import drafting
    from tests.surveys.conftest import write

    now = clock.now()
    make_members(count)
    survey = Survey.objects.create(
        name="Coffee", title_ru="Кофе", languages=["kk", "ru", "en"], channels=["sms"], reward_units=100,
        starts_at=now - timedelta(hours=1), ends_at=now + timedelta(days=10), created_by="bench", created_at=now,
    )  # fmt: skip
    version = drafting.new_draft(survey=survey, by="bench", now=now)
    write(version)
    drafting.publish(version=version, by="bench", now=now)
    survey = lifecycle.launch(survey=survey, by="bench", now=now)
    with connection.cursor() as cursor:
        given = {"survey": survey.pk, "version": version.pk, "now": now, "count": count}
        cursor.execute(_RESPOND, given)
        cursor.execute(_ANSWER, given)
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("SELECT count(*) FROM surveys_answer")
        print(f"{cursor.fetchone()[0]:,} answers of {count:,} responses", flush=True)
    return survey


def _pages(survey: Any) -> None:
    from django.contrib.auth.models import User
    from django.test import Client

    user = User.objects.create_superuser("bench", password="x")
    client = Client(HTTP_HOST="localhost")
    client.force_login(user)
    root = f"/admin/survey/{survey.pk}/results/"
    pages = {
        "results": root,
        "results, filtered": f"{root}?gender=f&fast=no",
        "results, by an answer": f"{root}?answer=score:10",
        "results, weighted": f"{root}?weights=members",
        "live counts": f"{root}live/",
        "question × town": f"{root}cross/?row=score&by=town",
        "question × question": f"{root}cross/?row=score&by=q:likes",
        "question × age, weighted": f"{root}cross/?row=score&by=age&weights=members",
        "text answers": f"{root}texts/why/",
        "text answers, searched": f"{root}texts/why/?q=рядом",
    }
    for name, address in pages.items():
        client.get(address)  # with weights: says that the members are counted
        client.get(f"{address}&counted=1" if "weights" in address else address)
        took = []
        for _turn in range(3):
            began = time.perf_counter()
            answer = client.get(address)
            took.append(time.perf_counter() - began)
            assert answer.status_code == 200, address
        print(f"{name}: {min(took):.2f} to {max(took):.2f} s", flush=True)


def _plans(survey: Any) -> None:
    """The dearest statement, unfiltered and filtered: its cost and its time."""
    from django.db import connection

    from surveys.results import figures, questions
    from surveys.results.filters import Filters

    asked = questions.of(survey)
    for name, filters in {"all": Filters(), "filtered": Filters(genders=("f",), without_fast=True)}.items():
        statement, given = figures.answers_statement(survey, asked, filters)
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", given)
            plan = [line for (line,) in cursor.fetchall()]
        print(f"the answers' statement, {name}:")
        print(
            "\n".join(f"    {line}" for line in plan if "->" in line or "Time" in line or line == plan[0]), flush=True
        )


def _write(kind: str) -> None:
    """Write the survey's answers as one file in this process and print what it took."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "smart.settings")
    django.setup()
    from core.lib import safe_csv
    from core.staff import tables
    from surveys.models import Survey
    from surveys.results import files, questions, rows
    from surveys.results.filters import Filters

    survey = Survey.objects.get()
    asked = questions.of(survey)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"answers.{kind}"
        columns = rows.columns(survey, asked, "ru")
        idle, began = _peak(), time.perf_counter()
        table = rows.rows(survey, asked, Filters())
        if kind == "csv":
            with path.open("w", encoding="utf-8") as file:
                file.writelines(safe_csv.lines(rows.worded(columns, table)))
        elif kind == "xlsx":
            tables.write_xlsx(path, rows.worded(columns, table))
        else:
            files.write_sav(path, columns, table)
        took = time.perf_counter() - began
        print(
            f"{kind}: {took:.1f} s, {path.stat().st_size / 1e6:.1f} MB; peak {_peak():.0f} MB,"
            f" {_peak() - idle:.1f} MB over idle"
            + (f"; its child at most {_children():.0f} MB" if kind == "sav" else ""),
            flush=True,
        )


def _peak() -> float:
    """The most this process ever held, in MB; getrusage would tell of the process it was forked from."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _children() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


if __name__ == "__main__":
    main()
