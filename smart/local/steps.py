"""Steps of a child, told to the person at the terminal: marked lines in its log, which the supervisor repeats."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

_MARK = "→ "


class _Output(Protocol):
    """A stream, or a command's wrapper around one."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


def tell(output: _Output, step: str) -> None:
    """Tell that a step begins."""
    output.write(f"{_MARK}{step}\n")
    output.flush()


def repeat(child: subprocess.Popen[bytes], log: Path, *, say: Callable[[str], object]) -> int:
    """Say what a child tells in its log until it ends; return its exit code."""
    with log.open(errors="replace") as lines:
        rest = ""
        while True:
            has_ended = child.poll() is not None
            *whole, rest = (rest + lines.read()).split("\n")
            for line in whole:
                if line.startswith(_MARK):
                    say(line.removeprefix(_MARK))
            if has_ended:
                return child.returncode
            time.sleep(0.05)
