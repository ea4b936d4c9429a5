"""A partner's file of 5,000 offers: received, read in its child process, previewed, imported.

    python -m bench.uploads [--rows 5000]

Told for CSV and XLSX: rows a second of reading (receive to preview) and of importing (confirm), and the peak memory of
the process and its children together over what the process holds idle; the target is 200 MB.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from bench.scratch import Scratch

HEADINGS = ("Title RU", "Title KK", "Title EN", "Text RU", "Text KK", "Text EN", "Category", "Towns", "Valid from",
            "Valid to", "Discount", "Interests", "Min age", "Channels")  # fmt: skip
TOWNS = ("Алматы, Астана", "Шымкент", "all", "Нур-Султан", "Орал, Актюбинск", "Усть-Каменогорск, Семипалатинск")
CATEGORIES = ("food", "cinema", "sport", "books", "electronics", "transport")
NOW = datetime(2026, 11, 21, 7, tzinfo=UTC)
MOST_MEGABYTES = 200


def main(argv: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder, Scratch("smart_bench_uploads"):
        os.environ["MEDIA_ROOT"] = folder
        from django.conf import settings

        settings.MEDIA_ROOT = folder
        rows = [_row(number) for number in range(options.rows)]
        files = {"CSV": _csv(rows), "XLSX": _xlsx(rows)}
        idle = _held()
        for title, data in files.items():
            _measure(title, data, options.rows, idle)


def _row(number: int) -> tuple[str, ...]:
    return (
        f"Скидка на всё меню, {number}", f"Барлық ас мәзіріне жеңілдік, {number}", f"Off the whole menu, {number}",
        f"Кофейня «Арбат»: скидка на всё меню до 10 декабря. Покажите код {{code}}. Предложение {number}.",
        f"«Арбат» кофеханасы: 10 желтоқсанға дейін барлық ас мәзіріне жеңілдік. Кодты көрсетіңіз: {{code}}, {number}.",
        f"Arbat Coffee: off the whole menu until 10 Dec. Show code {{code}}. Offer {number}.",
        CATEGORIES[number % 6], TOWNS[number % 6], "2026-12-01", "31.12.2026", f"{number % 60 + 10}%", "food, coffee",
        "", "sms,ussd",
    )  # fmt: skip


def _csv(rows: list[tuple[str, ...]]) -> bytes:
    return "\n".join(";".join(row) for row in (HEADINGS, *rows)).encode("utf-8-sig")


def _xlsx(rows: list[tuple[str, ...]]) -> bytes:
    book, file = Workbook(write_only=True), BytesIO()
    sheet = book.create_sheet()
    for row in (HEADINGS, *rows):
        sheet.append(row)
    book.save(file)
    return file.getvalue()


def _measure(title: str, data: bytes, count: int, idle: int) -> None:
    from campaigns.models import Offer, Partner
    from campaigns.offers.uploads import operations

    partner = Partner.objects.create(name=title, slug=title.lower(), created_at=NOW)
    spent = _spent()
    with Memory(idle) as memory:
        upload = operations.receive(
            partner=partner, file_name=title, chunks=lambda: [data], by="partner:bench", now=NOW
        )
        read = _timed(lambda: operations.read_waiting(now=NOW))
        upload.refresh_from_db()
        assert (upload.phase, upload.good) == ("parsed", count), upload.refusal
        while_read = memory.over_idle
        imported = _timed(lambda: _import(upload))
    assert Offer.objects.filter(partner=partner).count() == count
    print(
        f"{title}, {count:,} offers, {len(data) / 2**20:.1f} MB: read {count / read:,.0f} rows/s, "
        f"imported {count / imported:,.0f} rows/s ({_spent() - spent:.1f} s of CPU); "
        f"peak memory over idle {while_read:.0f} MB while reading, "
        f"{memory.over_idle:.0f} MB in all (at most {MOST_MEGABYTES})",
        flush=True,
    )


def _import(upload: Any) -> None:
    """As the page does, and, for so many, the worker."""
    from campaigns.offers.uploads import deciding, operations

    operations.confirm(upload=upload, by="partner:bench", now=NOW)
    deciding.import_confirmed(now=NOW)


def _timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _spent() -> float:
    """Seconds of CPU of this process and its children so far: steadier than the clock on a machine that is shared."""
    return sum(os.times()[:4])


class Memory:
    """Watches what this process and its descendants hold together, shared pages counted once a process."""

    def __init__(self, idle: int) -> None:
        self.idle = self.peak = idle

    def __enter__(self) -> "Memory":
        self._is_over = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._is_over.wait(0.02):
            self.peak = max(self.peak, _held())

    @property
    def over_idle(self) -> float:
        """The peak so far over what was held at first, in MB."""
        return (self.peak - self.idle) / 1024


def _held() -> int:
    """Resident kB of this process and its children."""
    return sum(_status(pid, b"VmRSS") for pid in (os.getpid(), *_children()))


def _children() -> list[int]:
    """The processes whose parent we are, the embedded server's left out."""
    listed = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [pid for pid in listed if _status(pid, b"PPid") == os.getpid() and b"uploads" in _read(pid, "cmdline")]


def _status(pid: int, name: bytes) -> int:
    found = [line for line in _read(pid, "status").splitlines() if line.startswith(name + b":")]
    return int(found[0].split()[1]) if found else 0


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it is gone
        return b""


if __name__ == "__main__":
    main()
