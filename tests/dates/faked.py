"""A clock that is elsewhere for a process and all that it starts, by Debian's libfaketime.

The clock runs. How far it is ahead stands in a file that every process reads at each look at the clock, so that all of
them, PostgreSQL too, agree at any moment: an instant to begin at would begin anew in each process. What is monotonic
stays true, else timeouts hang.
"""

import os
from datetime import datetime
from pathlib import Path

from core.lib import clock

# $LIB is the dynamic linker's: Debian's folder of this architecture.
LIBRARY = "/usr/$LIB/faketime/libfaketimeMT.so.1"
PRELOAD = Path(__file__).parent / "preload"
AT, FILE = "SMART_TESTS_AT", "FAKETIME_TIMESTAMP_FILE"


def is_here() -> bool:
    """True when the machine has libfaketime."""
    return any(Path("/usr").glob("lib*/**/faketime/libfaketimeMT.so.1"))


def environment(*, at: datetime, folder: Path) -> dict[str, str]:
    """What lets a process begin at an instant; the file is kept in a folder that every user may enter."""
    file = folder / "ahead"
    set_to(at, file=file, true_now=clock.machine())
    file.chmod(0o644)  # as root the server runs as another user
    return {
        **os.environ,
        "LD_PRELOAD": LIBRARY,
        "FAKETIME_NO_CACHE": "1",
        "PYTHONUNBUFFERED": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PRELOAD), os.environ.get("PYTHONPATH", "")])),
        FILE: str(file),
        AT: at.isoformat(),
    }


def set_to(at: datetime, *, file: Path, true_now: datetime) -> None:
    """Let it be an instant, for every process that reads the file; at once, or a process would read half of it."""
    new = file.with_suffix(".new")
    new.write_text(f"{(at - true_now).total_seconds():+.3f}\n")
    new.replace(file)
