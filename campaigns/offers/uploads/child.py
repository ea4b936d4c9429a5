"""Starting the child process that reads a file, and listening to it line by line."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from campaigns.offers.uploads.table import FileRow, Unreadable

MEMORY = 192 * 1024 * 1024  # address space, of which Python and openpyxl take 40 MB before they read anything
SECONDS = 30
COMMAND = (sys.executable, "-B", "-E", "-s", "-m", "campaigns.offers.uploads.reading")
_PROJECT = Path(__file__).resolve().parents[3]
_OUT_OF_TIME = (-signal.SIGXCPU, -signal.SIGALRM)


@contextmanager
def reading(path: Path, *, memory: int = MEMORY, seconds: int = SECONDS) -> Iterator[tuple[int, Iterator[FileRow]]]:
    """Give the number of rows and the rows as they come. Raises Unreadable, also while they are iterated."""
    # Nothing of ours goes with it: no address of the database, no key.
    environment = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    with subprocess.Popen(
        [*COMMAND, str(path.resolve()), str(memory), str(seconds)],
        cwd=_PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as child:
        try:
            first = json.loads(_line(child))
            if "refused" in first:
                raise Unreadable(first["refused"], **first["details"])
            yield first["rows"], _rows(child, first["rows"])
        finally:
            child.kill()


def _rows(child: subprocess.Popen[bytes], count: int) -> Iterator[FileRow]:
    for _ in range(count):
        yield FileRow(*json.loads(_line(child)))


def _line(child: subprocess.Popen[bytes]) -> bytes:
    """The next whole line. Raises Unreadable when the child ended before it."""
    assert child.stdout is not None
    line = child.stdout.readline()
    if not line.endswith(b"\n"):
        raise Unreadable("too_slow" if child.wait() in _OUT_OF_TIME else "reader_died")
    return line
