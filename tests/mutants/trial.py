"""A copy of the tree and a database of its own, in which tests are run."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from smart.local.embedded import Postgres
from tests.mutants.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
_LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv", "var", "*_cache", "__pycache__", "node_modules", "out", ".hypothesis"
)
_TOLD = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
_PRISTINE = "pristine"
# A test that needs a database: it makes pytest build one.
_ANY_TEST = "tests/core/jobs/test_schedule.py::test_a_slot_is_done_once"
_BUILD_SECONDS = 300
# What is compiled is kept, tests with their asserts and pytest's plugins too: half of the time of a short run.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | {
    "SMART_LOCAL": "on"
}


@dataclass(frozen=True, slots=True)
class Run:
    """What a run of tests came to; `code` is pytest's exit code, None when it took too long and was ended."""

    code: int | None
    first: str  # the first test that failed
    seconds: float
    output: str

    @property
    def passed(self) -> bool:
        """True when all tests passed."""
        return self.code == 0

    @property
    def failed(self) -> bool:
        """True when a test failed; anything else (no such test, a file that cannot be imported) proves nothing."""
        return self.code == 1


class Server:
    """A PostgreSQL for all trials, with a database as migrations leave it, to be cloned."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="smart-mutants-"))
        self.folder.chmod(0o755)  # as root the server runs as another user
        self._postgres = Postgres(self.folder, log=self.folder / "postgres.log", durable=False)
        self._postgres.start()
        self._postgres.wait()

    def url(self, name: str) -> str:
        """What DATABASE_URL says so that pytest-django takes the database `test_<name>`."""
        return self._postgres.url(name)

    def execute(self, *statements: str) -> None:
        """Run statements outside of any database of ours."""
        with psycopg.connect(self._postgres.url("postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def close(self) -> None:
        """End it and delete everything."""
        self._postgres.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Trial:
    """One worker's place: its copy of the tree, its database."""

    def __init__(self, server: Server, number: int) -> None:
        self._server, self._name = server, f"mutants_{number}"
        server.execute(f"CREATE DATABASE {self._name}")  # for tests that need none: they are not given a test's
        self._process: subprocess.Popen[bytes] | None = None
        self.tree = server.folder / f"tree-{number}"
        shutil.copytree(ROOT, self.tree, ignore=_LEFT_OUT, symlinks=True)
        # Checked by their source's digest: what a mutant leaves compiled is never taken for the unbroken module.
        subprocess.run(
            [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "."],
            cwd=self.tree,
            env=_ENVIRONMENT,
            check=True,
        )

    def build(self) -> None:
        """Make the database that all others are cloned from. Raises RuntimeError."""
        run = self._pytest([_ANY_TEST], seconds=_BUILD_SECONDS, is_new=True)
        if not run.passed:
            raise RuntimeError(f"The tests do not run here:\n{run.output}")
        self._server.execute(f"ALTER DATABASE test_{self._name} RENAME TO {_PRISTINE}")

    @contextmanager
    def broken_by(self, mutant: Mutant) -> Iterator[None]:
        """Break the copy; mend it afterwards. Raises Stale."""
        path = self.tree / mutant.file
        text = path.read_text()
        path.write_text(mutant.apply(text))
        try:
            yield
        finally:
            path.write_text(text)

    def ask(self, tests: Sequence[str], *, seconds: float, stops: bool = True, is_seeded: bool = False) -> Run:
        """Run tests on a database as migrations leave it: the unbroken tree's, or with `is_seeded` the copy's own."""
        database = f"test_{self._name}"
        self._server.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        if not is_seeded:
            self._server.execute(f"CREATE DATABASE {database} TEMPLATE {_PRISTINE} STRATEGY FILE_COPY")
        return self._pytest(tests, seconds=seconds, stops=stops, is_new=is_seeded)

    def _pytest(self, tests: Sequence[str], *, seconds: float, stops: bool = True, is_new: bool) -> Run:
        command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=short", "--reuse-db"]
        command += ["-x"] * stops + ["--create-db"] * is_new
        log = self.tree.with_suffix(".log")
        began = time.monotonic()
        with log.open("wb") as output:
            process = self._process = subprocess.Popen(
                [*command, *tests],
                cwd=self.tree,
                env={**_ENVIRONMENT, "DATABASE_URL": self._server.url(self._name)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code: int | None = process.wait(seconds)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                self.stop()
        said = log.read_text(errors="replace")
        found = _TOLD.search(said)
        return Run(code, found[1] if found else "", time.monotonic() - began, said[-4000:])

    def stop(self) -> None:
        """End the run under way, should there be one, and everything it has started."""
        process = self._process
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
