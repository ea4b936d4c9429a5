"""The schedule is code; every task has its queue; two beats, late beats and none change nothing."""

from datetime import datetime, timedelta

import pytest
from celery import current_app
from django.conf import settings
from django_celery_beat.models import PeriodicTask

from core.jobs import operations as jobs
from core.jobs import schedule
from core.jobs.models import JobRun
from core.jobs.operations import Step
from smart import tasks

pytestmark = pytest.mark.django_db


def test_every_task_is_scheduled_and_routed_to_a_queue() -> None:
    ours = {name for name in current_app.tasks if name.startswith("smart.")}

    assert tasks.__name__ == "smart.tasks"
    assert ours == set(settings.SCHEDULE) == set(settings.CELERY_TASK_ROUTES)
    assert {route["queue"] for route in settings.CELERY_TASK_ROUTES.values()} <= set(settings.CELERY_TASK_QUEUES)


def test_the_schedule_is_written_once_and_strangers_are_disabled() -> None:
    schedule.sync()
    stranger = PeriodicTask.objects.first()
    PeriodicTask.objects.create(name="stranger", task="x", interval=stranger.interval)

    assert schedule.sync() == 1
    assert schedule.sync() == 0
    assert not PeriodicTask.objects.get(name="stranger").enabled


def test_a_slot_is_done_once(now: datetime) -> None:
    done = []

    def chunk(watermark: int) -> Step:
        done.append(watermark)
        return Step(affected=5, watermark=watermark + 1, is_last=watermark == 2)

    assert jobs.run_slot(name="job", slot="1", now=now, chunk=chunk) == 15
    assert jobs.run_slot(name="job", slot="1", now=now, chunk=chunk) is None
    assert done == [0, 1, 2]


def test_a_chunk_that_fails_is_done_again_and_those_before_it_are_not(now: datetime) -> None:
    done = []

    def chunk(watermark: int) -> Step:
        done.append(watermark)
        if done.count(1) == 1 and watermark == 1:
            raise ConnectionError
        return Step(affected=1, watermark=watermark + 1, is_last=watermark == 1)

    with pytest.raises(ConnectionError):
        jobs.run_slot(name="job", slot="1", now=now, chunk=chunk)
    jobs.run_slot(name="job", slot="1", now=now, chunk=chunk)

    assert done == [0, 1, 1]
    assert JobRun.objects.get().affected == 2


def test_runs_of_long_ago_are_forgotten(now: datetime) -> None:
    jobs.run_slot(name="job", slot="1", now=now, chunk=lambda mark: Step(affected=0, watermark=1, is_last=True))

    assert jobs.forget_old(now=now + timedelta(days=399)) == 0
    assert jobs.forget_old(now=now + timedelta(days=401)) == 1
