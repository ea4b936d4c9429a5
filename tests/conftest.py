"""What every test stands on: a database, a clock's instant, a subscriber.

Without DATABASE_URL the session starts its own PostgreSQL (fsync off) in the temporary folder; with xdist the
controller does, and its workers find the URL in their environment.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import environ
import pytest
import pytest_django
from django.conf import settings
from django.core.signals import setting_changed
from django.db import connection
from django.test import TransactionTestCase

import bonuses.reference
import campaigns.reference
import enrollment.reference
import messaging.reference
import smart.local.clock
from enrollment.models import Subscriber
from smart.lib import clock, compile_texts, crypto
from smart.local import embedded
from smart.local.models import LocalClock
from surveys import scripts

# Shipped with the schema and changed by no test: kept. Terms and consent texts are shipped too, but tests add some.
KEPT = {
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_content_type",
    "django_migrations",
    "enrollment_region",
    "enrollment_town",
}

_server: embedded.Postgres | None = None


def pytest_configure(config: pytest.Config) -> None:
    global _server
    clock.install(clock.machine)  # the local set-up's movable one asks the database
    if compile_texts.compile_stale():  # pytest may be started without make, and Django has read what was there
        setting_changed.send(sender=settings, setting="LOCALE_PATHS", value=settings.LOCALE_PATHS, enter=True)
    if "DATABASE_URL" in os.environ or config.option.collectonly or config.option.help or config.option.version:
        return
    folder = Path(tempfile.mkdtemp(prefix="smart-test-"))
    folder.chmod(0o755)  # as root the server runs as another user
    _server = embedded.Postgres(folder, log=folder / "postgres.log", durable=False)
    _server.start()
    _server.wait()
    os.environ["DATABASE_URL"] = _server.url()
    named = environ.Env.db_url_config(_server.url())
    mine = settings.DATABASES["default"]  # read before any conftest is
    mine.update({**named, "OPTIONS": {**mine["OPTIONS"], **named["OPTIONS"]}})


def pytest_unconfigure() -> None:
    if _server is not None:
        _server.stop()
        shutil.rmtree(_server.folder, ignore_errors=True)


def _forget(_: TransactionTestCase) -> None:
    """Undo what a committing test did. Append-only tables refuse that, except to a replica's session."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition"
        )
        tables = [name for (name,) in cursor.fetchall() if name not in KEPT]
        cursor.execute("SET session_replication_role = replica; SET lock_timeout = '10s'")
        try:
            cursor.execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY")
        finally:
            cursor.execute("SET session_replication_role = DEFAULT; RESET lock_timeout")
    enrollment.reference.load()
    bonuses.reference.load()
    messaging.reference.load()
    campaigns.reference.load()
    scripts.forget()  # ids begin anew


TransactionTestCase._fixture_teardown = _forget


@pytest.fixture(scope="session", autouse=True)
def _no_session_left(django_db_setup: None, django_db_blocker: pytest_django.DjangoDbBlocker) -> Iterator[None]:
    """End what a browser's last request or a thread still holds, lest the test database cannot be dropped."""
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
