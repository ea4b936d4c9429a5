"""`make mutants`: break the rules one row at a time and print what survives; 0 when nothing did and all was sound."""

import argparse
import hashlib
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from tests import rules
from tests.mutants.mutant import Mutant, Stale
from tests.mutants.rows import ROWS
from tests.mutants.trial import ROOT, Run, Server, Trial

NOT_ASKED = ("tests/e2e/", "tests/peers/", "tests/faults/")
RANDOM = ("test_machine.py", "test_outbox_machine.py", "test_races.py")  # asked last: they notice now and then
T, Item = TypeVar("T"), TypeVar("Item")
NAMED_SECONDS, ALL_SECONDS = 300.0, 1200.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant: caught, survived, hung (a test never ended) or void (nothing was proved)."""

    mutant: Mutant
    outcome: str
    by: str = ""
    seconds: float = 0.0
    output: str = ""


def tenth(rows: Sequence[Mutant], commit: str) -> list[Mutant]:
    """A tenth of the rows, at least one: another one for another commit, always the same for the same."""
    drawn = sorted(rows, key=lambda row: hashlib.sha256(f"{commit} {row}".encode()).digest())
    return drawn[: -(-len(rows) // 10)]


def claiming(rule: str) -> list[str]:
    """The test files that claim a rule and may be asked, random ones last."""
    files = [file for file in sorted(rules.in_tests().get(rule, ())) if not file.startswith(NOT_ASKED)]
    return sorted(files, key=lambda file: (file.endswith(RANDOM), file))


def judge(trial: Trial, mutant: Mutant) -> Verdict:
    """Break the copy and ask: the row's own tests, then all others that claim the rule."""
    named = mutant.tests.split()
    others = [file for file in claiming(mutant.rule) if file not in named]
    seconds = 0.0
    try:
        with trial.broken_by(mutant):
            for tests, most in ((named, NAMED_SECONDS), (others, ALL_SECONDS)):
                if not tests:
                    continue
                run = trial.ask(tests, seconds=most, is_seeded=mutant.is_seeded)
                seconds += run.seconds
                if not run.passed:
                    outcome = "caught" if run.failed else "hung" if run.code is None else "void"
                    return Verdict(mutant, outcome, run.first, seconds, run.output)
    except Stale as stale:
        return Verdict(mutant, "void", output=str(stale))
    return Verdict(mutant, "survived", seconds=seconds)


class Gate:
    """Trials at work, each mutant with one that is free."""

    def __init__(self, server: Server, jobs: int) -> None:
        self._all = [Trial(server, number) for number in range(jobs)]
        self._all[0].build()
        self._trials: queue.SimpleQueue[Trial] = queue.SimpleQueue()
        for trial in self._all:
            self._trials.put(trial)
        self._jobs = jobs
        self._print = threading.Lock()

    def _with_a_trial(self, work: Callable[[Trial], T]) -> T:
        trial = self._trials.get()
        try:
            return work(trial)
        finally:
            self._trials.put(trial)

    def _each(self, work: Callable[[Trial, Item], T], items: Sequence[Item]) -> list[T]:
        """Do it for each, as many at once as there are trials; an interrupt ends what is under way."""
        pool = ThreadPoolExecutor(self._jobs)
        try:
            return list(pool.map(lambda item: self._with_a_trial(lambda trial: work(trial, item)), items))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for trial in self._all:
                trial.stop()
            raise
        finally:
            pool.shutdown()

    def check_sound(self, tests: Sequence[str]) -> list[str]:
        """Run tests on the unbroken tree; return what is wrong. A test that always fails would catch everything."""
        shares = [share for share in (sorted(tests)[part :: self._jobs] for part in range(self._jobs)) if share]

        def ask(trial: Trial, share: list[str]) -> Run:
            return trial.ask(share, seconds=ALL_SECONDS, stops=False)

        return [run.output for run in self._each(ask, shares) if not run.passed]

    def judge_all(self, mutants: Sequence[Mutant]) -> list[Verdict]:
        """Judge every mutant, each told as it is done."""

        def judged(trial: Trial, mutant: Mutant) -> Verdict:
            verdict = judge(trial, mutant)
            with self._print:
                print(f"{verdict.outcome:9}{verdict.seconds:5.0f} s  {mutant.name}", flush=True)
                if verdict.by:
                    print(f"{'':19}by {verdict.by}", flush=True)
            return verdict

        return self._each(judged, mutants)


def tell(verdicts: Sequence[Verdict]) -> None:
    """Print a table by rule, then everything that was not caught."""
    outcomes = ("caught", "survived", "hung", "void")
    print("\nrule  rows  " + "  ".join(outcomes))
    for rule in [*rules.read(), "all"]:
        mine = [one.outcome for one in verdicts if rule in (one.mutant.rule, "all")]
        if mine:
            print(f"{rule:5}{len(mine):5}  " + "  ".join(f"{mine.count(name):{len(name)}}" for name in outcomes))
    for one in verdicts:
        if one.outcome != "caught":
            print(f"\n{one.outcome.upper()}: {one.mutant.name}")
            if one.outcome in ("hung", "void"):
                print(one.output)


def options(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--tenth", action="store_true", help="a tenth of the rows, chosen by the commit's hash")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="rows of this rule, or whose file's path holds this text"
    )
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    return parser.parse_args(argv)


def chosen(given: argparse.Namespace) -> list[Mutant]:
    """The rows that the command line asks for. Ends the program where there are none."""
    is_path = not rules.ids_in(given.only)
    rows = [row for row in ROWS if row.rule == given.only or (is_path and given.only in row.file)]
    if given.tenth:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
        rows = tenth(rows, commit.stdout.strip())
    if not rows:
        sys.exit(f"No row is of “{given.only}”.")
    return rows


def main(argv: Sequence[str]) -> int:
    """Run the gate; 0 when every mutant was caught by tests that pass on the unbroken tree."""
    given = options(argv)
    rows = chosen(given)
    began = time.monotonic()
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # a shell's background job is not to hear of Ctrl-C
            signal.signal(number, lambda *_: sys.exit("Stopped."))  # by way of `finally`: nothing stays behind
    server = Server()
    try:
        gate = Gate(server, given.jobs)
        named = {test for row in rows for test in row.tests.split()}
        print(f"{len(rows)} mutants. First their {len(named)} tests on the unbroken tree.", flush=True)
        if wrong := gate.check_sound(sorted(named)):
            print(*wrong, "\nThese tests fail with nothing broken: nothing can be proved by them.", sep="\n")
            return 1
        verdicts = gate.judge_all(rows)
        strangers = {
            one.by.partition("[")[0] for one in verdicts if one.outcome == "caught" and not is_among(one.by, named)
        }
        wrong = gate.check_sound(sorted(strangers)) if strangers else []
    finally:
        server.close()
    tell(verdicts)
    if wrong:
        print(*wrong, "\nThese tests caught mutants and fail with nothing broken as well.", sep="\n")
    print(f"\n{time.monotonic() - began:.0f} s")
    return int(bool(wrong) or any(one.outcome != "caught" for one in verdicts))


def is_among(test: str, named: set[str]) -> bool:
    """True when a test was asked for by its own name or by its file's."""
    return bool({test, test.partition("::")[0]} & named)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
