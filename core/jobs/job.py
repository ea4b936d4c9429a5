"""A periodic job as it is declared: how often it is rung for, and what of it is kept."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils.functional import Promise


@dataclass(frozen=True, slots=True)
class Run:
    """How the job's slots are called (JobRun.name), in words for the staff page, and what a slot of it is."""

    name: str
    words: str | Promise
    slot: str


@dataclass(frozen=True, slots=True)
class Job:
    """Beat rings every so often; the task decides from the clock whether its hour has come."""

    every: timedelta
    queue: str = "smart"
    run: Run | None = None  # a job without slots may run any number of times
