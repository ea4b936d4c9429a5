"""What every test stands on: a database, a clock's instant, a subscriber.

Without DATABASE_URL the session starts its own PostgreSQL when a test wants one (tests/database.py).
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import pytest_django
from django.conf import settings
from django.core.signals import setting_changed
from django.db import connection

import smart.local.clock
from core.lib import clock, compile_texts, crypto
from enrollment.models import Subscriber
from smart.local.models import LocalClock
from tests import database


def pytest_configure(config: pytest.Config) -> None:
    clock.install(clock.machine)  # the local set-up's movable one asks the database
    settings.USSD_DEADLINE_SECONDS = 60.0  # the machine may be busy: who tests the deadline sets one
    if compile_texts.compile_stale():  # pytest may be started without make, and Django has read what was there
        setting_changed.send(sender=settings, setting="LOCALE_PATHS", value=settings.LOCALE_PATHS, enter=True)
    if getattr(config.option, "numprocesses", None) and not config.option.collectonly:
        database.start_server()  # its workers find the URL in their environment


def pytest_unconfigure() -> None:
    database.stop_server()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Before the first test that wants a database, and only then, there is a server."""
    database.start_server()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[None]:
    """Begin with what every test begins with; end what a browser's last request or a thread still holds.

    Else the test database could not be dropped.
    """
    with django_db_blocker.unblock():
        database.forget()
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture
def now(request: pytest.FixtureRequest) -> datetime:
    """A Monday noon in Astana, inside the send window and far from a month's turn; the machine's time if so marked."""
    if request.node.get_closest_marker("machine_clock"):
        return clock.machine()
    return datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


def _run_on_from(instant: datetime) -> None:
    began = time.monotonic()
    clock.install(lambda: instant + timedelta(seconds=time.monotonic() - began))


@pytest.fixture(autouse=True)
def one_clock(now: datetime) -> Iterator[None]:
    """The programme's time is `now` when a test begins, and runs on: pages read the clock that fixtures were made by.

    A test of another instant overrides `now`, or asks for `at`, `stand_at` or, with processes, `movable_clock`.
    """
    _run_on_from(now)
    yield
    clock.install(clock.machine)


@pytest.fixture
def at(one_clock: None) -> Callable[[datetime], None]:
    """Set the programme's time, as far from the machine's as need be; it runs on from there."""
    return _run_on_from


@pytest.fixture
def stand_at(one_clock: None) -> Callable[[datetime], None]:
    """Let the programme's time stand at an instant."""
    return lambda instant: clock.install(lambda: instant)


@pytest.fixture
def movable_clock(
    one_clock: None, db: None, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> Callable[[datetime], None]:
    """The clock that the handset page moves and every local process reads: `now`, until it is set; it runs on."""

    def move(instant: datetime) -> None:
        LocalClock.objects.update_or_create(pk=1, defaults={"ahead": instant - clock.machine()})
        monkeypatch.setattr(smart.local.clock, "_read_at", float("-inf"))  # another test may have read it

    move(now)
    clock.install(smart.local.clock.now)
    return move


@pytest.fixture
def make_subscriber(now: datetime) -> Callable[..., Subscriber]:
    """A factory of active activ subscribers: 7 701 000 00 01, 02 …; fields (and `msisdn`) may be overridden."""
    numbers = count(1)

    def make(*, msisdn: str | None = None, **fields: object) -> Subscriber:
        value = msisdn or f"7701000{next(numbers):04d}"
        usual = {"brand": "activ", "line_status": "active", "language": "ru", "created_at": now, "changed_at": now}
        return Subscriber.objects.create(
            msisdn=crypto.encrypt_msisdn(value), msisdn_index=crypto.blind_index(value), **usual | fields
        )

    return make
