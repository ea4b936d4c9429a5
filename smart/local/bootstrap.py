"""Makes .venv what the locks say, and sees to the programs that tests and benchmarks drive.

`python3 smart/local/bootstrap.py run|test|peers|check|bench [what pytest is given]`. Run by make with whatever python3
there is, so it uses nothing but the standard library and, until the version is checked, nothing newer than Python 3.7.
A lock is installed when it changes, and then only; two makes at once wait for each other.

pip installs uv, and uv the rest: in a fifth of pip's time. uv knows nothing of pip's settings, so it is told where pip
looks for packages; where uv cannot be had or fails, pip installs everything.
"""

from __future__ import annotations

import ast
import ctypes
import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
VENV = PROJECT / ".venv"
JASMIN = PROJECT / "var" / "jasmin"
JASMIN_LOCK = "tests/peers_heavy/jasmin.txt"
SMSC = PROJECT / "tests" / "peers" / "smsc"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
UV_LOCK = "requirements-uv.txt"
RUN_LOCKS = ("requirements.txt",)
DEV_LOCKS = ("requirements.txt", "requirements-dev.txt")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Debian starts what it installs; the tests want its programs and no server of the machine's own.
ASLEEP = """
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap "rm -f $policy" EXIT INT TERM
    printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod 755 $policy || exit 1
fi
"$@" && update-rc.d "$0" disable
"""


class Obstacle(Exception):
    """What is missing and how to get it, in one sentence."""


def main(purpose: str, *arguments: str) -> None:
    """Bring .venv up to date, then the programs that the purpose wants."""
    if sys.version_info < (3, 11):  # noqa: UP036 - make runs us with whatever there is
        raise Obstacle(
            "SMART needs Python 3.11 or newer, {} is {}.{}; name another one: make {} PYTHON=python3.12".format(
                sys.executable, *sys.version_info[:2], purpose
            )
        )
    with alone():
        install(RUN_LOCKS if purpose == "run" else DEV_LOCKS)
        if purpose in ("test", "peers"):
            see_to_tools(arguments)
        if purpose == "peers":
            see_to_peers(arguments)
        if purpose == "bench":
            see_to_smsc()
            if not shutil.which("wrk") and not apt_install("wrk"):
                print("There is no wrk here and it could not be installed: key presses are not measured.")


@contextmanager
def alone() -> Iterator[None]:
    """Let one make at a time install here; another one says that it waits."""
    with (VENV.resolve().parent / ".venv.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another make is installing here; waiting for it.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install(locks: tuple[str, ...]) -> None:
    """Install those locks that .venv does not hold yet, and note that it does."""
    if not works(PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"):
        make_venv()
    if not (missing := [lock for lock in locks if not is_installed(lock)]):
        return
    print(f"Installing {' and '.join(missing)} into .venv; this is done when they change.", flush=True)
    if not install_by_uv(missing) and not install_by_pip(missing):
        raise Obstacle(f"{' and '.join(missing)} could not be installed: what pip says above tells why.")
    for lock in missing:
        note_installed(lock)


def is_installed(lock: str) -> bool:
    """True when .venv holds the lock as it is now."""
    stamp = VENV / f"{lock}.installed"
    return stamp.exists() and stamp.read_text() == digest_of(lock)


def note_installed(lock: str) -> None:
    """Remember that .venv holds the lock as it is now."""
    (VENV / f"{lock}.installed").write_text(digest_of(lock))


def digest_of(lock: str) -> str:
    """What a lock says to this Python."""
    return hashlib.sha256(sys.version.encode() + (PROJECT / lock).read_bytes()).hexdigest()


def make_venv() -> None:
    """Make .venv anew; Debian and Ubuntu keep a part of venv in a package of its own."""
    if importlib.util.find_spec("ensurepip") is None:
        package = "python{}.{}-venv".format(*sys.version_info[:2])
        if not apt_install(package):
            raise Obstacle(f"Python cannot make virtual environments here: run `apt-get install {package}` first.")
    # Five seconds less than with a pip of its own: the one that Python brings along runs as it is, packed.
    options = ["--clear", *(["--without-pip"] if packed_pip() else [])]
    if subprocess.run([sys.executable, "-m", "venv", *options, VENV], check=False).returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        raise Obstacle("The virtual environment .venv could not be made: what Python says above tells why.")


def packed_pip() -> Path | None:
    """The wheel of pip that Python brings along for new environments; it need not be unpacked to run."""
    folders = [Path(named)] if (named := sysconfig.get_config_var("WHEEL_PKG_DIR")) else []
    if (ensurepip := importlib.util.find_spec("ensurepip")) and ensurepip.origin:
        folders.append(Path(ensurepip.origin).parent / "_bundled")
    return max((wheel for folder in folders for wheel in folder.glob("pip-*.whl")), default=None)


def pip(*arguments: str) -> list[str]:
    """The command that runs pip on .venv."""
    wheel = packed_pip()
    program = ["-m", "pip"] if wheel is None else [str(wheel / "pip")]
    return [str(PYTHON), *program, "--disable-pip-version-check", *arguments]


def install_by_pip(locks: list[str]) -> bool:
    """Let pip install locks; what hinders it, it says itself."""
    files = [part for lock in locks for part in ("-r", lock)]
    done = subprocess.run(pip("install", "-q", "--no-compile", "--require-hashes", *files), cwd=PROJECT, check=False)
    return done.returncode == 0


def install_by_uv(locks: list[str]) -> bool:
    """Let uv install locks, itself brought by pip; say why not when it cannot."""
    if not (UV.exists() and is_installed(UV_LOCK)):
        print("Installing uv, which installs the rest.", flush=True)
        if not install_by_pip([UV_LOCK]):
            print("uv could not be installed, so pip installs everything: this takes some times longer.", flush=True)
            return False
        note_installed(UV_LOCK)
    if run_uv(PYTHON, locks):
        return True
    print("uv could not install this (it says above why); pip tries instead.", flush=True)
    return False


def run_uv(python: Path, locks: list[str]) -> bool:
    """Let uv install locks into an environment.

    Not by `sync`, which removes what another lock wants; and not compiled, for a start imports a third of it.
    """
    command = [str(UV), "pip", "install", "--quiet", "--python", str(python), "--require-hashes"]
    files = [part for lock in locks for part in ("-r", lock)]
    settings = as_uv_has_it(settings_of_pip()) | os.environ
    return subprocess.run([*command, *files], cwd=PROJECT, env=settings, check=False).returncode == 0


def settings_of_pip() -> dict[str, str]:
    """What pip is told by its files and by the environment, by the option's name."""
    done = subprocess.run(pip("config", "list"), stdout=subprocess.PIPE, text=True, check=False)
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}  # a later one is stronger
    for line in done.stdout.splitlines():
        name, _, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if section in found:
            found[section][option] = str(ast.literal_eval(value))
    return {option: value for section in found.values() for option, value in section.items()}


def as_uv_has_it(settings: dict[str, str]) -> dict[str, str]:
    """Where and how pip looks for packages, as the environment tells it to uv.

    pip takes a package from any of its indexes, uv from the first that has it in any version, unless told otherwise;
    with every file's hash in the lock, it does not matter who serves it.
    """
    told = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
    for option, variable, between in (
        ("index-url", "UV_DEFAULT_INDEX", " "),
        ("extra-index-url", "UV_INDEX", " "),
        ("find-links", "UV_FIND_LINKS", ","),
        ("trusted-host", "UV_INSECURE_HOST", " "),
        ("no-index", "UV_NO_INDEX", " "),
        ("timeout", "UV_HTTP_TIMEOUT", " "),
        ("default-timeout", "UV_HTTP_TIMEOUT", " "),
        ("proxy", "ALL_PROXY", " "),
        ("cert", "SSL_CERT_FILE", " "),
        ("client-cert", "SSL_CLIENT_CERT", " "),
    ):
        if value := between.join(settings.get(option, "").split()):
            told[variable] = value
    return told


@dataclass(frozen=True)
class Tool:
    """A program or library of the machine that tests want: how it is known, where it comes from, who wants it."""

    names: tuple[str, ...]  # all of them are wanted; of a browser one is enough
    packages: tuple[str, ...]
    tests: tuple[str, ...]  # files and folders
    without: str  # what cannot be had without it
    is_one_enough: bool = False
    around: tuple[str, ...] = ()  # what wraps apt-get

    def is_here(self) -> bool:
        """True when it need not be installed."""
        return (any if self.is_one_enough else all)(map(has, self.names))

    def see_to(self) -> None:
        """Install it when it is missing and we may; else say what will be skipped."""
        if self.is_here() or apt_install(*self.packages, around=self.around):
            return
        missing = [name for name in self.names if not has(name)][: 1 if self.is_one_enough else None]
        wanted = " ".join(self.packages)
        print(f"There is no {' and no '.join(missing)} here and it could not be installed", end=" ")
        print(f"(apt-get install {wanted}): {self.without}.", flush=True)


TOOLS = (
    Tool(
        ("curl", "openssl"),
        ("curl", "openssl"),
        ("tests/test_docs.py", "tests/messaging", "tests/peers"),
        "tests of TLS and of docs/api.md are skipped",
    ),
    Tool(
        ("espeak-ng",),
        ("espeak-ng",),
        ("tests/messaging", "tests/surveys", "tests/survey_dialogs", "tests/peers_heavy/test_asterisk.py"),
        "tests of spoken prompts are skipped",
    ),
    Tool(
        ("bearerbox",),
        ("kannel",),
        ("tests/peers",),
        "tests through a real Kannel are skipped",
        around=("sh", "-c", ASLEEP, "kannel"),
    ),
    Tool(
        BROWSERS,
        ("chromium", "fonts-dejavu-core"),
        ("tests/e2e",),
        "browser tests are skipped",
        is_one_enough=True,
    ),
    Tool(("faketime",), ("faketime",), ("tests/dates",), "nothing is tried at other instants"),
    # Playwright's own node is linked against it; without it every browser test fails before it begins.
    Tool(("libatomic.so.1",), ("libatomic1",), ("tests/e2e",), "browser tests are skipped"),
)
SMSC_TESTS = ("tests/peers", "tests/e2e")  # axe-core, which reads pages, comes with it


def see_to_tools(arguments: tuple[str, ...]) -> None:
    """See to what the chosen tests drive, and to nothing else."""
    for tool in TOOLS:
        if are_wanted(tool.tests, arguments):
            tool.see_to()
    if are_wanted(SMSC_TESTS, arguments):
        see_to_smsc()


def are_wanted(tests: tuple[str, ...], arguments: tuple[str, ...]) -> bool:
    """True when pytest, given these arguments, may run one of these tests; without a path among them it runs all."""
    named = [path for argument in arguments if (path := (PROJECT / argument.partition("::")[0]).resolve()).exists()]
    wanted = [PROJECT / test for test in tests]
    return not named or any(
        path == test or test in path.parents or path in test.parents for path in named for test in wanted
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


def see_to_peers(arguments: tuple[str, ...]) -> None:
    """See to the large peers that the chosen tests talk to."""
    if are_wanted(("tests/peers_heavy/test_jasmin.py",), arguments):
        see_to_jasmin()
    if are_wanted(("tests/peers_heavy/test_asterisk.py",), arguments):
        # It needs what only the environment has.
        subprocess.run([PYTHON, "-m", "smart.local.asterisk"], cwd=PROJECT, check=False)


def see_to_jasmin() -> None:
    """Install Jasmin, in an environment of its own, and the RabbitMQ that it wants; else say what is missing."""
    if not find("rabbitmq-server") and not apt_install(
        "rabbitmq-server", around=("sh", "-c", ASLEEP, "rabbitmq-server")
    ):
        print("There is no RabbitMQ here and it could not be installed: tests through a real Jasmin are skipped.")
        return
    digest, stamp = digest_of(JASMIN_LOCK), JASMIN / ".installed"
    if stamp.exists() and stamp.read_text() == digest:
        return
    print("Installing Jasmin into var/jasmin; this is done when its lock changes.", flush=True)
    made = works(sys.executable, "-m", "venv", "--clear", "--without-pip", JASMIN)
    if not (made and UV.exists() and run_uv(JASMIN / "bin" / "python", [JASMIN_LOCK])):
        print("Jasmin could not be installed: tests through it are skipped.")
        return
    stamp.write_text(digest)


def has(name: str) -> bool:
    """True when the machine has a program, or a shared library."""
    if ".so" not in name:
        return find(name) is not None
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


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
    options = ["-qq", "-o", "Dpkg::Use-Pty=0", "-o", "DPkg::Lock::Timeout=300"]  # another project may be installing
    apt = [*sudo, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *options]
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
