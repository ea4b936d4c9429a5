"""`make run` as a person meets it: real processes, real obstacles, one sentence each."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import environ
import psycopg
import pytest
from django.core.management import CommandError, call_command

from smart.local import __main__ as commands
from smart.local import bootstrap, demo, embedded, ground, processes, supervisor
from smart.local.embedded import PROJECT, CannotStart

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel, by /proc")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A data folder that the database's user may enter even when we are root, kept through the module."""
    made = Path(tempfile.mkdtemp(prefix="smart-run-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., "Run"]]:
    """Start `python -m smart.local run` on the folder; whatever is left at the end is killed."""
    runs: list[Run] = []

    def start_one(port: int | str) -> "Run":
        runs.append(Run(folder, str(port)))
        return runs[-1]

    yield start_one
    for run in runs:
        run.process.kill()
        run.process.wait()
    assert processes.wait_until(lambda: not processes_on(folder), seconds=60)


class Run:
    """A supervisor and what it says."""

    def __init__(self, folder: Path, port: str) -> None:
        ours = ("DATABASE_URL", "CELERY_BROKER_URL", "MAKELEVEL")
        unnamed = {key: value for key, value in os.environ.items() if key not in ours}
        self.folder = folder
        self.output = folder / "said"
        with self.output.open("wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "smart.local", "run"],
                cwd=PROJECT,
                env=unnamed | {"SMART_DATA_DIR": str(folder), "PORT": port},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )

    @property
    def said(self) -> str:
        return self.output.read_text()

    def says(self, words: str, seconds: float = 300) -> bool:
        return (
            processes.wait_until(lambda: words in self.said or self.process.poll() is not None, seconds=seconds)
            and words in self.said
        )

    def refuses_with(self, words: str) -> None:
        assert self.process.wait(60) == 1
        assert words in self.said
        assert len(self.said.splitlines()) == 1
        assert "Traceback" not in self.said


def processes_on(folder: Path) -> dict[int, str]:
    """Everything alive that was started for the folder: its children inherit SMART_DATA_DIR."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (entry / "environ").read_bytes():
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # it ended while we looked, or is none of ours
    return found


def worker_of(folder: Path) -> int:
    """The process id of the Celery worker itself; its children have greater ones."""
    return min(pid for pid, command in processes_on(folder).items() if " worker " in command)


@pytest.mark.faults
@ON_LINUX
def test_a_killed_start_and_a_stopped_one_leave_no_process_and_the_next_goes_on(start, folder):
    port = embedded.free_port()

    killed = start(port)
    assert killed.says("SMART is up at"), killed.said
    assert processes.wait_until(lambda: len(processes_on(folder)) >= 6, seconds=60), processes_on(folder)
    killed.process.send_signal(signal.SIGKILL)
    assert processes.wait_until(lambda: not processes_on(folder), seconds=60), processes_on(folder)

    stopped = start(port)
    assert stopped.says("SMART is up at"), stopped.said
    assert "Setting up" not in stopped.said  # it found its data
    stopped.process.send_signal(signal.SIGTERM)
    assert stopped.process.wait(30) == 0
    assert processes_on(folder) == {}


@pytest.mark.faults
@ON_LINUX
def test_a_worker_that_dies_is_told_and_started_again(start, folder):
    run = start(embedded.free_port())
    assert run.says("SMART is up at"), run.said

    victim = worker_of(folder)
    os.kill(victim, signal.SIGKILL)

    assert run.says("worker ended unexpectedly (killed by SIGKILL); it starts again in 1 s.")
    assert processes.wait_until(
        lambda: any(pid > victim and " worker " in command for pid, command in processes_on(folder).items()), seconds=20
    )


@pytest.mark.faults
def test_a_busy_port_is_told(start):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        start(port).refuses_with(f"Port {port} is taken by another program: choose another")


@pytest.mark.faults
def test_a_second_start_on_the_same_data_is_told(start, folder):
    with ground.claim(folder, "http://127.0.0.1:8000/"):
        start(embedded.free_port()).refuses_with("SMART is already running on the data in")


def test_a_port_that_is_none_is_told(start):
    start("eight").refuses_with("PORT=eight is no port number")


@pytest.mark.faults
@pytest.mark.parametrize("interrupted", ["pg.new", "pg"], ids=["within initdb", "without its control file"])
def test_a_half_made_database_is_told_and_made_anew(folder, interrupted):
    place = folder / f"half-{interrupted}"
    embedded.make_folder(place)
    (place / interrupted).mkdir()
    (place / interrupted / "PG_VERSION").write_text("18\n")
    said: list[str] = []
    database = embedded.Postgres(place, log=place / "postgres.log", durable=False, say=said.append)

    database.start()
    database.wait()

    with psycopg.connect(database.url()) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("smart",)
    database.stop()
    assert len(said) == 1
    assert "made anew" in said[0]


@pytest.mark.faults
def test_a_demo_base_that_was_half_made_is_told_and_made_anew(folder, monkeypatch, capsys):
    """What an interrupted first start left is dropped; once it was whole, nothing of it is."""
    place = folder / "half-demo"
    monkeypatch.setenv("SMART_DATA_DIR", str(place))
    ground.claim(place).close()
    run = supervisor.Supervisor()
    database = embedded.Postgres(place, log=place / "postgres.log", durable=False)
    database.start()
    database.wait()

    run._begin_anew(database)
    with psycopg.connect(database.url()) as connection:
        connection.execute("CREATE TABLE left_by_it ()")
    run._begin_anew(database)

    with psycopg.connect(database.url()) as connection:
        assert connection.execute("SELECT to_regclass('left_by_it')").fetchone() == (None,)
    database.stop()
    assert capsys.readouterr().out.splitlines() == [
        "Setting up the database and the demo base; this is done once.",
        "An earlier start was interrupted while it made the demo base; it is made anew.",
    ]


@pytest.mark.django_db
def test_a_half_made_demo_base_of_a_named_database_is_told(monkeypatch):
    """It is somebody's own database, so nothing is dropped there."""
    monkeypatch.setattr(demo, "_partner", lambda now: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        call_command("load_demo")

    with pytest.raises(CommandError, match="a start was interrupted while it made the demo base: empty this database"):
        call_command("load_demo")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("redis://:secret@127.0.0.1:1/0", "Connection refused"),
        ("garbage", "does not answer"),
        ("foo://x", "No such transport: foo"),
        ("redis://[", "it is no address"),
    ],
)
def test_a_broker_that_does_not_answer_is_told(url, why):
    with pytest.raises(CannotStart, match="The broker that CELERY_BROKER_URL names does not answer") as told:
        ground.refuse_silent_broker(url)

    assert why in str(told.value)
    assert "secret" not in str(told.value)


def test_a_broker_that_answers_is_taken(folder):
    port = embedded.free_port()
    with subprocess.Popen(embedded.valkey_command(port, folder), stdout=subprocess.DEVNULL) as broker:
        try:
            assert processes.wait_until(lambda: _takes(f"redis://127.0.0.1:{port}/0"), seconds=60)
        finally:
            broker.kill()


def _takes(url: str) -> bool:
    try:
        ground.refuse_silent_broker(url)
    except CannotStart:
        return False
    return True


@pytest.mark.faults
def test_a_database_whose_path_is_too_long_for_a_socket_answers_elsewhere(folder):
    place = folder / ("long" * 30)
    database = embedded.Postgres(place, log=folder / "long.log", durable=False)

    database.start()
    database.wait()

    with psycopg.connect(database.url()) as connection:
        assert connection.info.status == psycopg.pq.ConnStatus.OK
    database.stop()
    shutil.rmtree(database.socket_dir)


def test_a_disk_without_room_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000))

    with pytest.raises(CannotStart, match=r"has 5 MB left; SMART needs 300 MB"):
        ground.refuse_full_disk(tmp_path)


@pytest.mark.parametrize("before", ["CommandError: ", "django.core.exceptions.ImproperlyConfigured: "])
def test_a_sentence_of_ours_is_told_without_its_exception(tmp_path, before):
    log = tmp_path / "prepare.log"
    log.write_text(f"Traceback …\n{before}DATABASE_URL must name PostgreSQL.\n")

    assert embedded.explain(log) == "DATABASE_URL must name PostgreSQL"


def test_a_server_that_died_of_a_full_disk_says_so(tmp_path):
    log = tmp_path / "postgres.log"
    log.write_text('FATAL:  could not write to file "pg_wal/xlogtemp.9": No space left on device\nLOG: shut down\n')

    assert embedded.explain(log) == f"the disk that holds {tmp_path} is full"


def test_reset_deletes_what_starts_made_and_nothing_else(tmp_path):
    for name in ("pg", "log", "pg.broken-20261123-120000", "mine"):
        (tmp_path / name).mkdir()

    ground.wipe(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_command_works_where_the_file_env_says_that_run_does(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text(f"DATABASE_URL=postgres://db.example/smart\nSMART_DATA_DIR={tmp_path}/data\n")
    monkeypatch.setattr(embedded, "PROJECT", tmp_path)
    monkeypatch.setattr(os, "environ", {"PATH": os.environ["PATH"]})
    monkeypatch.setattr(environ.Env, "ENVIRON", os.environ)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    given: dict[str, str] = {}
    monkeypatch.setattr(subprocess, "run", lambda *_, env, **__: given.update(env) or SimpleNamespace(returncode=0))

    assert commands.main(["manage", "verify"]) == 0

    assert given["DATABASE_URL"] == "postgres://db.example/smart"
    assert given["MEDIA_ROOT"] == f"{tmp_path}/data/media"


def test_an_old_python_is_told(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))

    with pytest.raises(bootstrap.Obstacle, match=r"needs Python 3\.11 or newer, .* is 3\.9; .* make run PYTHON="):
        bootstrap.main("run")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read: No such file or directory"),
        ("[[transport", "is not TOML"),
        ('[[transport]]\nname = "a"\nkind = "smp"', "kind “smp” is none of: "),
        ('[[transport]]\nname = "a"\nkind = "smpp"\npassword_env = "NOT_SET"', "a wants its password in NOT_SET"),
    ],
    ids=["no file", "no TOML", "a kind mistyped", "no password"],
)
def test_transports_that_cannot_be_are_told_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, sentence: str
) -> None:
    file = tmp_path / "transports.toml"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("TRANSPORTS_FILE", str(file))

    with pytest.raises(CannotStart, match=sentence):
        supervisor._senders()


def test_every_kind_of_transport_is_known_before_settings_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    file = tmp_path / "transports.toml"
    file.write_text("".join(f'[[transport]]\nname = "{kind}"\nkind = "{kind}"\n' for kind in settings.TRANSPORT_KINDS))
    monkeypatch.setenv("TRANSPORTS_FILE", str(file))

    assert supervisor._senders() == [
        (kind, ["manage.py", "run_sender", "--kind", kind]) for kind in ("ivr", "smpp", "ussd")
    ]


def test_the_logs_of_the_run_before_are_kept(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "web.log").write_text("before")

    supervisor.Supervisor._put_logs_by(SimpleNamespace(logs=tmp_path / "logs"))

    assert (tmp_path / "logs" / "web.log.1").read_text() == "before"
    assert not (tmp_path / "logs" / "web.log").exists()
