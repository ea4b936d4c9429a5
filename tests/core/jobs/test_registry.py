"""A periodic job is a declaration and a task: what else knows it takes it from smart.jobs (docs/recipes.md)."""

import ast
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
from celery import current_app, shared_task
from django.conf import settings
from django.test import Client
from django_celery_beat.models import PeriodicTask

from core.jobs import operations as jobs
from core.jobs import schedule
from core.jobs.job import Job, Run
from core.jobs.models import JobRun
from core.jobs.operations import Step
from core.lib import astana, clock
from smart.jobs import JOBS
from smart.local import reference
from tests.registry import ROOT, untranslated

TOY = "water_plants"


def water_plants() -> int | None:
    """Water the plants, once a day."""
    now = clock.now()
    return jobs.run_slot(
        name="watering", slot=astana.day_of(now).isoformat(), now=now, chunk=lambda mark: Step(3, mark, is_last=True)
    )


@pytest.fixture
def toy(settings: Any) -> Iterator[Job]:
    """The made-up job, as if smart.jobs declared it and smart.tasks had its task."""
    job = Job(
        every=timedelta(minutes=5), queue="imports", run=Run("watering", "water the plants", slot="the Astana day")
    )
    task = f"smart.tasks.{TOY}"
    shared_task(water_plants, name=task)
    settings.SCHEDULE = {**settings.SCHEDULE, task: job}
    yield job
    del current_app.tasks[task]


@cache
def calls_in_tests() -> set[str]:
    """Each name that some test calls."""
    return {name for path in (ROOT / "tests").rglob("*.py") for name in calls(ast.parse(path.read_text()))}


def calls(tree: ast.AST) -> set[str]:
    """The names called: `feed` of `lifecycle.feed(…)`; of a task, `tasks.feed_surveys`."""
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    methods = [function for function in called if isinstance(function, ast.Attribute)]
    return {function.attr for function in methods} | {
        ast.unparse(function) for function in methods if ast.unparse(function.value) == "tasks"
    }


def does(name: str) -> set[str]:
    """What the job's task calls, beside reading the clock."""
    tree = ast.parse((ROOT / "smart/tasks.py").read_text())
    body = next((n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == name), None)
    return calls(body) - {"now"} if body else set()


def lacking(name: str, job: Job, *, page: str) -> list[str]:
    """What a job is still without, as the one who adds it is told."""
    task = current_app.tasks.get(f"smart.tasks.{name}")
    complaints = [] if task and task.__doc__ else ["smart/tasks.py has no task of its name with a docstring"]
    if not {*does(name), f"tasks.{name}"} & calls_in_tests():
        complaints.append("no test calls it or what it does")
    complaints += [f"no text in {text}" for text in untranslated([job.run.words] if job.run else [])]
    if job.queue not in settings.CELERY_TASK_QUEUES:
        complaints.append(f"no worker serves the queue {job.queue}")
    if task and " | ".join(reference.job_row(name, job)) not in page:
        complaints.append("docs/reference.md does not say when it runs: run `make docs`")
    return complaints


@pytest.mark.parametrize("name", JOBS)
def test_a_job_has_its_task_its_test_its_texts_and_its_docs(name: str) -> None:
    assert lacking(name, JOBS[name], page=reference.PAGE.read_text()) == []


def test_a_job_without_test_texts_and_docs_is_named(toy: Job) -> None:
    assert lacking(TOY, toy, page=reference.PAGE.read_text()) == [
        "no test calls it or what it does",
        "no text in kk: water the plants",
        "no text in ru: water the plants",
        "docs/reference.md does not say when it runs: run `make docs`",
    ]


def test_a_job_without_a_task_or_a_worker_is_named() -> None:
    assert lacking("sing", Job(every=timedelta(hours=1), queue="choir"), page="") == [
        "smart/tasks.py has no task of its name with a docstring",
        "no test calls it or what it does",
        "no worker serves the queue choir",
    ]


@pytest.mark.django_db
def test_a_new_job_is_rung_for_done_once_a_slot_and_shown_in_words(
    toy: Job, admin_client: Client, now: datetime
) -> None:
    schedule.sync()
    entry = PeriodicTask.objects.get(name="water-plants")

    done = [current_app.tasks[entry.task].run() for _ in range(2)]

    assert (entry.queue, entry.interval.every, entry.enabled) == ("imports", 300, True)
    assert done == [3, None]
    assert JobRun.objects.get().slot == astana.day_of(now).isoformat()
    assert "water the plants" in admin_client.get("/admin/jobs/jobrun/").content.decode()
