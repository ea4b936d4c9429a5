"""`make test-dates`: the suite at eight instants, two at a time; prints what failed at which, then a table.

    python -m tests.dates [--at PART_OF_A_NAME] [--jobs N] [what pytest is given]

Left out is what needs real processes, and what is marked `long`.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from core.lib import astana, clock
from tests.dates import faked, instants

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = ("tests/e2e", "tests/peers", "tests/faults", "tests/local/test_supervisor.py", "tests/mutants")
USUAL = ("-m", "not e2e and not faults and not long", *(f"--ignore={path}" for path in LEFT_OUT))
SETTING_UP = timedelta(minutes=3)  # the server and the schema are made before the instant, as they would be
_COUNTED = re.compile(r"(\d+) (passed|failed|errors?|skipped)")


@dataclass(frozen=True, slots=True)
class Run:
    """What came of the suite at one instant."""

    name: str
    at: datetime
    is_green: bool
    counted: dict[str, int]
    failed: list[str]
    seconds: float
    log: Path

    def row(self) -> str:
        """Its line of the table."""
        instant = f"{self.at.astimezone(astana.ZONE):%Y-%m-%d %H:%M:%S}"
        wrong = self.counted.get("failed", 0) + self.counted.get("error", 0) + self.counted.get("errors", 0)
        run = wrong + self.counted.get("passed", 0)
        verdict = "" if self.is_green else f"  {self.log}"
        return f"{self.name:<25}{instant:<21}{run:>6}{wrong:>8}{self.seconds / 60:>9.1f}{verdict}"


def run(name: str, at: datetime, chosen: list[str], folder: Path) -> Run:
    """Run the suite at an instant; say what failed as soon as it is known."""
    place = folder / re.sub(r"\W+", "-", name)
    place.mkdir()
    place.chmod(0o755)  # as root the server runs as another user
    began, log = time.monotonic(), place / "log"
    environment = faked.environment(at=at - SETTING_UP, folder=place) | {faked.AT: at.isoformat()}
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "tests.dates.plugin", "-rfE", "--tb=short", *chosen]
    with log.open("wb") as output:
        code = subprocess.run(command, cwd=ROOT, env=environment, stdout=output, stderr=output, check=False).returncode
    told = log.read_text(errors="replace")
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", told, re.MULTILINE)
    for test in failed:
        print(f"At {name}: {test}", flush=True)
    counted = {word: int(number) for number, word in _COUNTED.findall(told.rstrip().rpartition("\n")[2])}
    return Run(name, at, code == 0, counted, failed, time.monotonic() - began, log)


def main() -> int:
    """Run all, two at a time; 0 when every instant is green."""
    parser = argparse.ArgumentParser(prog="make test-dates", description="The suite at instants hard on calendars.")
    parser.add_argument("--at", default="", help="a part of an instant's name")
    parser.add_argument("--jobs", type=int, default=2, help="how many instants at a time")
    arguments, given = parser.parse_known_args()
    if not faked.is_here():
        print("There is no libfaketime here: apt-get install faketime.")
        return 2
    chosen = {name: at for name, at in instants.from_today(clock.machine()).items() if arguments.at in name}
    folder = Path(tempfile.mkdtemp(prefix="smart-dates-"))
    folder.chmod(0o755)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        runs = list(pool.map(lambda each: run(*each, [*USUAL, *given], folder), chosen.items()))
    print(f"{'instant':<25}{'in Astana':<21}{'tests':>6}{'failed':>8}{'minutes':>9}")
    for each in runs:
        print(each.row())
    return 0 if runs and all(each.is_green for each in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
