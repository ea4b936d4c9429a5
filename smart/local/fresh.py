"""Prove `make run` and `make test` on a Debian with nothing but python3, python3-venv, make and git: `make fresh`.

It is made in a folder; the project is cloned into it as it was committed, and both commands run in it. That wants root
and an archive; where one is missing it says so, and fails nothing. What this machine's package clients are told by
the environment (indexes, proxies, certificates) is told inside, too.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

from smart.local import bootstrap, chroots, embedded
from smart.local.embedded import PROJECT

PACKAGES = ("python3", "python3-venv", "make", "git")
# Some of each kind: rules without a database, pages with one, a process of its own, and a browser.
TESTS = ("tests/core/lib", "tests/care", "tests/e2e/test_handset.py")
_TOLD = ("PIP_", "UV_", "SSL_CERT_", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "npm_config_")
_PROXIES = {"http_proxy", "https_proxy", "no_proxy", "all_proxy"}


def main(tests: list[str]) -> int:
    """Make the machine, run both commands in it, tell how long each took; the first failure ends it."""
    try:
        archive, suite = chroots.find_archive()
    except chroots.Unfit as obstacle:
        print(f"{obstacle} `make fresh` is skipped.")
        return 0
    base = Path(tempfile.mkdtemp(prefix="smart-fresh-"))
    base.chmod(0o755)  # PostgreSQL runs as another user
    try:
        machine = Machine(base / "machine", archive, suite)
        return machine.prove(tests or list(TESTS))
    finally:
        shutil.rmtree(base, ignore_errors=True)


class Machine:
    """A minimal Debian in a folder, with a clone of the project."""

    def __init__(self, root: Path, archive: str, suite: str) -> None:
        self.root, self.archive, self.suite = root, archive, suite
        self.took: list[tuple[str, float]] = []

    def prove(self, tests: list[str]) -> int:
        """Do everything in turn; return what the command that failed returned, else 0."""
        for what, step in (
            (f"a minimal Debian {self.suite}", self._make),
            ("make run, until it answers", self._run),
            (f"make test ARGS='{' '.join(tests)}'", lambda: self._test(tests)),
        ):
            print(f"\n== {what}", flush=True)
            began = time.monotonic()
            if code := step():
                print(f"== {what}: failed")
                return code
            self.took.append((what, time.monotonic() - began))
        print("\n" + "\n".join(f"{seconds:7.1f} s  {what}" for what, seconds in self.took))
        return 0

    def _make(self) -> int:
        """Install it, let its clients reach what ours do, clone what is committed."""
        try:
            chroots.make(self.root, archive=self.archive, suite=self.suite, packages=PACKAGES)
        except chroots.Unfit as obstacle:
            print(obstacle)
            return 1
        for value in self._told().values():
            if value.startswith("/") and Path(value).is_file():  # a certificate
                (self.root / value[1:]).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(value, self.root / value[1:])
        return subprocess.run(["git", "clone", "-q", f"file://{PROJECT}", self.root / "smart"], check=False).returncode

    def _told(self) -> dict[str, str]:
        """What package clients are told: by the environment, and where pip looks by its files."""
        told = {name: value for name, value in os.environ.items() if name.startswith(_TOLD)}
        told |= {name: value for name, value in os.environ.items() if name.lower() in _PROXIES}
        for option, value in bootstrap.settings_of_pip().items():
            if "://" in value and "file://" not in value:
                told["PIP_" + option.upper().replace("-", "_")] = value
        told.pop("PIP_FIND_LINKS", None)  # folders of this machine
        return told

    def _inside(self, command: str) -> subprocess.Popen[str]:
        """Start a shell command in the machine; everything that it started ends with it."""
        shell = ("sh", "-c", f"cd /smart && {command}")
        there = chroots.inside(self.root, *shell, env={**chroots.USUAL, **self._told()})
        return subprocess.Popen(there, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)

    def _run(self) -> int:
        """Start it until its address answers, then end it."""
        began, port = time.monotonic(), embedded.free_port()
        with self._inside(f"make run PORT={port}") as running:
            assert running.stdout is not None
            for line in running.stdout:
                print(f"{time.monotonic() - began:6.1f}  {line}", end="", flush=True)
                if "SMART is up at" in line:
                    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as page:
                        page.request("GET", "/")
                        is_there = page.getresponse().status == 200
                    running.kill()
                    return 0 if is_there else 1
            return running.wait() or 1

    def _test(self, tests: list[str]) -> int:
        with self._inside(f"make test ARGS='{' '.join(tests)}'") as testing:
            assert testing.stdout is not None
            for line in testing.stdout:
                print(line, end="", flush=True)
            return testing.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
