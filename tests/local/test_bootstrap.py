"""What make does before anything else: the locks into .venv, once, and the programs that the chosen tests drive."""

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from smart.local import bootstrap
from smart.local.embedded import PROJECT


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with locks of its own and a .venv that holds none of them."""
    folder = tmp_path / ".venv"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    for lock in (bootstrap.UV_LOCK, *bootstrap.DEV_LOCKS):
        (tmp_path / lock).write_text(f"{lock}==1\n")
    monkeypatch.setattr(bootstrap, "PROJECT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", folder)
    monkeypatch.setattr(bootstrap, "PYTHON", folder / "bin" / "python")
    monkeypatch.setattr(bootstrap, "UV", folder / "bin" / "uv")
    return folder


@pytest.fixture
def uv(venv: Path) -> Path:
    """A uv that is installed and writes down how it was called."""
    program = venv / "bin" / "uv"
    program.write_text(f'#!/bin/sh\necho "$@" >>{venv}/calls\nenv >{venv}/env\n')
    program.chmod(0o755)
    bootstrap.note_installed(bootstrap.UV_LOCK)
    return program


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pip was asked to install; it does nothing, and was told nothing."""
    asked: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "settings_of_pip", dict)
    monkeypatch.setattr(bootstrap, "install_by_pip", lambda locks: asked.append(list(locks)) or True)
    return asked


def calls(venv: Path) -> list[str]:
    return (venv / "calls").read_text().splitlines() if (venv / "calls").exists() else []


def test_only_a_lock_that_changed_is_installed(venv: Path, uv: Path, pip: list[list[str]]) -> None:
    bootstrap.install(bootstrap.DEV_LOCKS)
    bootstrap.install(bootstrap.DEV_LOCKS)
    bootstrap.install(bootstrap.RUN_LOCKS)
    assert [call.partition("--require-hashes ")[2] for call in calls(venv)] == [
        "-r requirements.txt -r requirements-dev.txt"
    ]

    (venv.parent / "requirements-dev.txt").write_text("another==2\n")
    bootstrap.install(bootstrap.DEV_LOCKS)

    assert calls(venv)[1].endswith("--require-hashes -r requirements-dev.txt")
    assert pip == []


def test_pip_brings_uv_when_its_lock_changed(venv: Path, uv: Path, pip: list[list[str]]) -> None:
    (venv.parent / bootstrap.UV_LOCK).write_text("uv==2\n")

    bootstrap.install(bootstrap.RUN_LOCKS)
    bootstrap.install(bootstrap.RUN_LOCKS)

    assert pip == [[bootstrap.UV_LOCK]]
    assert len(calls(venv)) == 1


def test_where_uv_fails_pip_installs(
    venv: Path, uv: Path, pip: list[list[str]], capfd: pytest.CaptureFixture[str]
) -> None:
    uv.write_text("#!/bin/sh\necho no such index >&2; exit 1\n")

    bootstrap.install(bootstrap.RUN_LOCKS)

    assert pip == [["requirements.txt"]]
    assert "uv could not install this" in capfd.readouterr().out


def test_without_uv_pip_installs(
    venv: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "install_by_pip", lambda locks: locks != [bootstrap.UV_LOCK])

    bootstrap.install(bootstrap.RUN_LOCKS)

    assert bootstrap.is_installed("requirements.txt")
    assert "uv could not be installed, so pip installs everything" in capfd.readouterr().out


def test_what_could_not_be_installed_is_tried_again(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "install_by_pip", lambda locks: False)

    with pytest.raises(bootstrap.Obstacle, match=r"requirements\.txt could not be installed"):
        bootstrap.install(bootstrap.RUN_LOCKS)

    assert not bootstrap.is_installed("requirements.txt")


def test_uv_looks_where_pip_is_told_to_look(
    venv: Path, uv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By pip's files or the environment, which is the stronger; and what uv itself was told is stronger than both."""
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://first.example/simple\ncert = /certs/all.pem\ntimeout = 7\n"
        "[install]\nextra-index-url =\n    https://b.example/simple\n    https://c.example/simple\n"
    )
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_", "SSL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("PIP_INDEX_URL", "https://a.example/simple")
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "90")

    bootstrap.install(bootstrap.RUN_LOCKS)

    told = dict(line.split("=", 1) for line in (venv / "env").read_text().splitlines() if "=" in line)
    assert told["UV_DEFAULT_INDEX"] == "https://a.example/simple"
    assert told["UV_INDEX"] == "https://b.example/simple https://c.example/simple"
    assert told["SSL_CERT_FILE"] == "/certs/all.pem"
    assert told["UV_HTTP_TIMEOUT"] == "90"
    assert "example" not in (venv / "calls").read_text()  # arguments are seen by every user; an address may be secret


def test_two_makes_wait_for_each_other(venv: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from smart.local import bootstrap;"
        " bootstrap.VENV = Path(sys.argv[1])\nwith bootstrap.alone(): print('mine', flush=True)"
    )
    with (venv.parent / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(
            [sys.executable, "-c", script, venv], stdout=subprocess.PIPE, text=True, cwd=PROJECT
        ) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == "Another make is installing here; waiting for it.\n"

            fcntl.flock(lock, fcntl.LOCK_UN)

            assert other.stdout.readline() == "mine\n"
            assert other.wait(60) == 0


@pytest.mark.parametrize(
    ("arguments", "is_wanted"),
    [
        ((), True),
        (("-k", "till"), True),
        (("tests",), True),
        (("tests/e2e",), True),
        (("tests/e2e/test_till.py::test_x", "-x"), True),
        (("tests/lib", "tests/e2e/test_till.py"), True),
        (("tests/core/lib/test_msisdn.py",), False),
        (("tests/lib", "tests/peers"), False),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, tuple) else "",
)
def test_a_browser_is_wanted_by_what_runs_browser_tests(arguments: tuple[str, ...], is_wanted: bool) -> None:
    assert bootstrap.are_wanted(("tests/e2e",), arguments) is is_wanted


# What a test names when it drives one of the machine's programs.
_SIGNS = {
    "curl": r'which\("curl"\)',
    "openssl": r'\["openssl"|which\("openssl"\)',
    "espeak-ng": r'which\("espeak-ng"\)|can_synthesize\(\)',
    "bearerbox": r'"bearerbox"',
    "chromium": r"mark\.e2e",
    "libatomic.so.1": r"mark\.e2e",
    "faketime": r"faked\.is_here\(\)",
}


def test_every_test_that_drives_a_program_is_known_to_want_it() -> None:
    sources = [path for path in (PROJECT / "tests").rglob("test_*.py") if path != Path(__file__)]

    for name, sign in _SIGNS.items():
        (tool,) = [tool for tool in bootstrap.TOOLS if name in tool.names]
        drivers = [str(path) for path in sources if re.search(sign, path.read_text())]
        assert drivers
        assert [path for path in drivers if not bootstrap.are_wanted(tool.tests, (path,))] == []
    assert {name for tool in bootstrap.TOOLS for name in tool.names} <= {*_SIGNS, *bootstrap.BROWSERS}


def test_every_test_that_sends_to_the_smsc_or_lets_axe_read_is_known_to_want_npm() -> None:
    sources = [path for path in (PROJECT / "tests").rglob("test_*.py") if path != Path(__file__)]
    drivers = [str(path) for path in sources if re.search(r"start_smsc|\bAXE\b|peers\.smsc", path.read_text())]

    assert drivers
    assert [path for path in drivers if not bootstrap.are_wanted(bootstrap.SMSC_TESTS, (path,))] == []
