"""The local programs behind the Makefile's targets.

python -m smart.local run         start everything and stay until Ctrl-C (smart/local/supervisor.py)
python -m smart.local reset       delete the local data, after a question
python -m smart.local manage …    run a manage.py command against the local database, started if need be
"""

import errno
import os
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from types import FrameType

import environ

from smart.local import embedded, ground, processes
from smart.local.embedded import PROJECT, CannotStart
from smart.local.supervisor import StopAsked, Supervisor, say


def run() -> int:
    """Run the supervisor until somebody ends it; a make that is killed takes it along."""
    if "MAKELEVEL" in os.environ:
        processes.die_with_parent()
    try:
        Supervisor().run()
    except StopAsked:
        say("SMART has stopped; its data is kept.")
    return 0


def reset() -> int:
    """Delete the local data of this project."""
    folder = embedded.data_dir()
    if not folder.exists():
        say(f"There is no local data in {folder}.")
        return 0
    with ground.claim(folder):
        if os.environ.get("CONFIRM") != "yes":
            say(f"This deletes the local database and its logs in {folder}. Type yes to go on:")
            if sys.stdin.readline().strip() != "yes":
                say("Nothing was deleted.")
                return 0
        ground.wipe(folder)
    say(f"The local data in {folder} is deleted; the next start makes it anew.")
    return 0


def manage(arguments: list[str]) -> int:
    """Run a manage.py command where `make run` keeps its data, or on DATABASE_URL."""
    command = [sys.executable, "manage.py", *arguments]
    folder = embedded.data_dir()
    env = {"MEDIA_ROOT": str(folder / "media"), **os.environ, "SMART_LOCAL": "on"}
    if "DATABASE_URL" in env:
        return subprocess.run(command, cwd=PROJECT, env=env, check=False).returncode
    database = embedded.Postgres(folder, log=folder / "manage.log", say=say)
    env["DATABASE_URL"] = database.url()
    with ExitStack() as stack:
        with suppress(ground.AlreadyRunning):
            stack.enter_context(ground.claim(folder))
            stack.callback(database.stop)
            database.start()
            database.wait()
        return subprocess.run(command, cwd=PROJECT, env=env, check=False).returncode


def _stop(*_: int | FrameType | None) -> None:
    raise StopAsked


def main(arguments: list[str]) -> int:
    """Do what the first argument says; foreseen obstacles are told without a traceback."""
    for asked in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(asked, _stop)
    environ.Env.read_env(embedded.PROJECT / ".env")  # the same servers and folder for each of them
    try:
        match arguments:
            case ["run"]:
                return run()
            case ["reset"]:
                return reset()
            case ["manage", *rest]:
                return manage(rest)
    except StopAsked:
        return 130
    except CannotStart as obstacle:
        print(obstacle, file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        print(f"The disk that holds {embedded.data_dir()} is full.", file=sys.stderr)
        return 1
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
