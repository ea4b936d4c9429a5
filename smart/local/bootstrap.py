"""Makes .venv what the locks say: `python3 smart/local/bootstrap.py run|test|check|bench`.

Run by make with whatever python3 there is, so it uses nothing but the standard library and, until the version is
checked, nothing newer than Python 3.7. The locks are installed when they change, and then only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
VENV = PROJECT / ".venv"
SMSC = PROJECT / "tests" / "peers" / "smsc"
PYTHON = VENV / "bin" / "python"
RUN_LOCKS = ("requirements.txt",)
DEV_LOCKS = ("requirements.txt", "requirements-dev.txt")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Debian starts what it installs; the tests want Kannel's programs and no gateway of the machine's own.
ASLEEP = """
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap "rm -f $policy" EXIT INT TERM
    printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod 755 $policy || exit 1
fi
"$@" && update-rc.d kannel disable
"""


class Obstacle(Exception):
    """What is missing and how to get it, in one sentence."""


def main(purpose: str) -> None:
    """Bring .venv up to date; for tests, see to a browser too, for benchmarks to wrk."""
    if sys.version_info < (3, 11):  # noqa: UP036 - make runs us with whatever there is
        raise Obstacle(
            "SMART needs Python 3.11 or newer, {} is {}.{}; name another one: make {} PYTHON=python3.12".format(
                sys.executable, *sys.version_info[:2], purpose
            )
        )
    install(RUN_LOCKS if purpose == "run" else DEV_LOCKS)
    if purpose == "test":
        see_to_tools()
    if purpose in ("test", "bench"):
        see_to_smsc()
    if purpose == "bench" and not shutil.which("wrk") and not apt_install("wrk"):
        print("There is no wrk here and it could not be installed (apt-get install wrk): key presses are not measured.")


def install(locks: tuple[str, ...]) -> None:
    """Install the locks unless .venv holds them already, and note that it does."""
    digest = hashlib.sha256(
        sys.version.encode() + b"".join((PROJECT / lock).read_bytes() for lock in locks)
    ).hexdigest()
    stamp = VENV / f"{locks[-1]}.installed"
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == digest:
        return
    if not works(PYTHON, "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"):
        make_venv()
    for lock in locks:
        print(f"Installing {lock} into .venv; this is done when it changes.", flush=True)
        command = [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes"]
        if subprocess.run([*command, "-r", lock], cwd=PROJECT, check=False).returncode != 0:
            raise Obstacle(f"{lock} could not be installed: what pip says above tells why.")
    stamp.write_text(digest)


def make_venv() -> None:
    """Make .venv anew; Debian and Ubuntu keep a part of venv in a package of its own."""
    if importlib.util.find_spec("ensurepip") is None:
        package = "python{}.{}-venv".format(*sys.version_info[:2])
        if not apt_install(package):
            raise Obstacle(f"Python cannot make virtual environments here: run `apt-get install {package}` first.")
    if subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=False).returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        raise Obstacle("The virtual environment .venv could not be made: what Python says above tells why.")


def see_to_tools() -> None:
    """Install Debian's chromium for the browser tests when it is missing and we may; else say what will be skipped.

    And curl and openssl, for the commands of docs/api.md; espeak-ng, for spoken prompts; Kannel, to send through.
    """
    missing = [tool for tool in ("curl", "openssl") if not shutil.which(tool)]
    if missing and not apt_install(*missing):
        print(f"There is no {' and no '.join(missing)} here: the test of docs/api.md is skipped.")
    if not shutil.which("espeak-ng") and not apt_install("espeak-ng"):
        print("There is no espeak-ng here and it could not be installed: tests of spoken prompts are skipped.")
    if not find("bearerbox") and not apt_install("kannel", around=("sh", "-c", ASLEEP, "sh")):
        print("There is no kannel here and it could not be installed: tests through a real Kannel are skipped.")
    if any(map(shutil.which, BROWSERS)) or apt_install("chromium", "fonts-dejavu-core"):
        return
    print(
        "There is no chromium here and it could not be installed (apt-get install chromium): browser tests are skipped."
    )


def see_to_smsc() -> None:
    """Install the SMSC that tests and benchmarks send to, by npm, when its lock changed; else say what is missing."""
    lock = SMSC / "package-lock.json"
    digest, stamp = hashlib.sha256(lock.read_bytes()).hexdigest(), SMSC / "node_modules" / ".installed"
    if shutil.which("node") and stamp.exists() and stamp.read_text() == digest:
        return
    if not (shutil.which("node") and shutil.which("npm")) and not apt_install("nodejs", "npm"):
        print("There is no node here and it could not be installed: tests through a real SMSC are skipped.")
        return
    print("Installing the tests' SMSC with npm; this is done when its lock changes.", flush=True)
    if not works("npm", "ci", "--prefix", SMSC, "--ignore-scripts", "--no-audit", "--no-fund"):
        print("npm could not install the tests' SMSC: tests through it are skipped.")
        return
    stamp.write_text(digest)


def find(program: str) -> str | None:
    """Where a program is, also where Debian keeps what only root should start."""
    return shutil.which(program, path="{}:/usr/sbin".format(os.environ.get("PATH", os.defpath)))


def apt_install(*packages: str, around: tuple[str, ...] = ()) -> bool:
    """Install Debian packages if we are root or sudo asks nothing; True when done. `around` wraps the command."""
    if shutil.which("apt-get") is None:
        return False
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if sudo and not works("sudo", "-n", "true"):
        return False
    print(f"Installing {' '.join(packages)} with apt-get.", flush=True)
    apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "Dpkg::Use-Pty=0"]
    wanted = [*sudo, *around, *apt[len(sudo) :], "install", "-y", "--no-install-recommends", *packages]
    return works(*wanted) or (works(*apt, "update") and works(*wanted))


def works(*command: str | Path) -> bool:
    """True when the command can be run and says so."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Obstacle as obstacle:
        sys.exit(str(obstacle))
    except KeyboardInterrupt:
        sys.exit("Interrupted; start again, it goes on where it was.")
