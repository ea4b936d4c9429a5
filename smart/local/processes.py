"""Child processes that never outlive their parent: each leads its own session and is signalled when the parent dies."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _tie_to_parent(death_signal: int) -> Callable[[], None]:
    """Return what the child does between fork and exec: ask the kernel for a signal when its parent is gone."""
    parent = os.getpid()

    def tie() -> None:
        if _libc is None:
            return
        _libc.prctl(_PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return tie


def die_with_parent() -> None:
    """Be asked to end (SIGTERM) when whoever started us is gone."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    user: str | None = None,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    stdin: IO[bytes] | None = None,
    death_signal: int = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start a child that writes to a file (never to a pipe, which it might fill or hand on) and dies with us."""
    account: dict[str, Any] = {"user": user, "group": user, "extra_groups": []} if user else {}
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=stdin or subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=_tie_to_parent(death_signal),
            **account,
        )


def stop(process: subprocess.Popen[bytes], *, stop_signal: int = signal.SIGTERM, seconds: float = 10) -> None:
    """Ask a child to end, wait, then kill what is left of its session."""
    stop_all([process], stop_signal=stop_signal, seconds=seconds)


def stop_all(children: list[subprocess.Popen[bytes]], *, stop_signal: int = signal.SIGTERM, seconds: float) -> None:
    """Ask children to end, wait for all of them together, then kill what is left of their sessions."""
    alive = [child for child in children if child.poll() is None]
    for child in alive:
        child.send_signal(stop_signal)
    wait_until(lambda: all(child.poll() is not None for child in alive), seconds=seconds)
    for child in children:
        kill_session(child)


def kill_session(process: subprocess.Popen[bytes]) -> None:
    """Kill a child and the processes it started; those that are gone are none of our business."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(is_so: Callable[[], bool], *, seconds: float, every: float = 0.02) -> bool:
    """Look until something is so; False when it was not within the time."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


def last_line(log: Path) -> str:
    """Return the last line a child wrote, for the sentence that tells of its death."""
    with suppress(OSError):
        lines = [line for line in log.read_text(errors="replace")[-4000:].splitlines() if line.strip()]
        return lines[-1].strip() if lines else ""
    return ""
