"""A directory export of a million lines, as a ratio to a bare COPY of the same file plus a hand-written upsert.

    python -m bench.directory [--lines 1000000]

SMART runs as people run it: `manage.py import_subscribers FILE`, start-up, preview, report, encryption, blind index
and the end of lost memberships included. The bare one COPYs the columns as text and upserts them into a table with the
same columns and indexes, the number unencrypted. Twice: onto an empty base, then a later export in which every
fiftieth line has another tariff. Peak memory is told for a tenth of the file too: it must not grow with it.
"""

import argparse
import os
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import psycopg

from bench.scratch import Scratch

HEADER = "MSISDN;Brand;Line status;Tariff;Language;Town;Birth date;Gender;Line activated on\n"
TOWNS = ("Алматы", "Астана", "Шымкент", "Қарағанды", "Aktobe", "Тараз", "Павлодар", "Семей")
BLOCKS = ("701", "702", "775", "778")  # activ's and its sisters' codes, ten million numbers each

_STAGE = """
CREATE UNLOGGED TABLE IF NOT EXISTS bare_staged (msisdn text, brand text, line_status text, tariff text, language text,
    town text, birth_date text, gender text, line_activated_on text);
TRUNCATE bare_staged
"""
_UPSERT = """
INSERT INTO bare_subscriber (msisdn, msisdn_index, brand, line_status, tariff, language, town_id, birth_date, gender,
    line_activated_on, language_is_chosen, created_at, changed_at)
SELECT DISTINCT ON (b.msisdn) b.msisdn::bytea, substr(sha256(b.msisdn::bytea), 1, 16), b.brand, b.line_status, b.tariff,
       b.language, t.id, b.birth_date::date, lower(b.gender), b.line_activated_on::date, false, now(), now()
FROM bare_staged b LEFT JOIN enrollment_town t ON b.town IN (t.name_kk, t.name_ru, t.name_en)
ORDER BY b.msisdn
ON CONFLICT (msisdn_index) WHERE ended_at IS NULL DO UPDATE
SET brand = excluded.brand, line_status = excluded.line_status, tariff = excluded.tariff,
    language = excluded.language, town_id = excluded.town_id, birth_date = excluded.birth_date,
    gender = excluded.gender, line_activated_on = excluded.line_activated_on, changed_at = excluded.changed_at
WHERE (bare_subscriber.brand, bare_subscriber.line_status, bare_subscriber.tariff, bare_subscriber.language,
       bare_subscriber.town_id, bare_subscriber.birth_date, bare_subscriber.gender, bare_subscriber.line_activated_on)
      IS DISTINCT FROM (excluded.brand, excluded.line_status, excluded.tariff, excluded.language, excluded.town_id,
                        excluded.birth_date, excluded.gender, excluded.line_activated_on)
"""


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder, Scratch("smart_bench_directory") as scratch:
        os.environ["MEDIA_ROOT"] = folder
        with psycopg.connect(scratch.dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE bare_subscriber (LIKE enrollment_subscriber INCLUDING ALL)")
            _measure(connection, Path(folder), options.lines)


def _measure(connection: psycopg.Connection, folder: Path, lines: int) -> None:
    tenth = _export(folder / "tenth.csv", lines // 10)
    _seconds, memory = _import(tenth)
    print(f"SMART, {lines // 10:,} lines: peak memory {memory:.0f} MB", flush=True)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica; TRUNCATE enrollment_subscriber CASCADE")
    for title, changed in (("onto an empty base", 0), ("with every fiftieth line changed", 50)):
        path = _export(folder / "export.csv", lines, changed_every=changed)
        bare = _bare(connection, path)
        print(f"bare COPY and upsert, {title}: {lines:,} lines in {bare:.1f} s", flush=True)
        seconds, memory = _import(path)
        print(
            f"SMART, {title}: {lines:,} lines in {seconds:.1f} s, {lines / seconds:,.0f}/s, "
            f"peak memory {memory:.0f} MB",
            flush=True,
        )
        print(f"ratio of the import to bare COPY and upsert, {title}: {seconds / bare:.2f}", flush=True)
        held = connection.execute(
            "SELECT (SELECT count(*) FROM enrollment_subscriber), (SELECT count(*) FROM bare_subscriber),"
            " (SELECT count(*) FROM enrollment_subscriber WHERE tariff = 'ACT-NEW'),"
            " (SELECT count(*) FROM bare_subscriber WHERE tariff = 'ACT-NEW')"
        ).fetchone()
        assert held is not None
        assert held[0] == held[1] == lines
        assert held[2] == held[3] == (lines // changed if changed else 0)


def _export(path: Path, lines: int, *, changed_every: int = 0) -> Path:
    """Write an export in canonical spelling, so that the bare upsert can read it too."""
    first = date(1950, 1, 1)
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        for n in range(lines):
            number = f"7{BLOCKS[n % 4]}{(n * 7919) % 10_000_000:07d}"
            tariff = "ACT-NEW" if changed_every and n % changed_every == 0 else f"ACT-NET-{n % 9}"
            born, began = first + timedelta(days=n % 20_000), date(2010, 1, 1) + timedelta(days=n % 5_000)
            file.write(
                f"{number};activ;active;{tariff};{('kk', 'ru', 'en')[n % 3]};{TOWNS[n % 8]};{born};"
                f"{'FM'[n % 2]};{began}\n"
            )
    return path


def _bare(connection: psycopg.Connection, path: Path) -> float:
    began = time.perf_counter()
    connection.execute(_STAGE)
    with (
        connection.cursor() as cursor,
        path.open("rb") as file,
        cursor.copy("COPY bare_staged FROM STDIN (FORMAT csv, DELIMITER ';', HEADER)") as copy,
    ):
        while block := file.read(1 << 20):
            copy.write(block)
    connection.execute(_UPSERT)
    return time.perf_counter() - began


def _import(path: Path) -> tuple[float, float]:
    """Run the command in a process of its own; return its seconds and its peak memory in MB."""
    began = time.perf_counter()
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "manage.py", "import_subscribers", str(path), "--allow-ending", "1000000", "--by", "bench"],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)],
    )
    _pid, status, usage = os.wait4(pid, 0)
    assert status == 0, "the import failed"
    return time.perf_counter() - began, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main()
