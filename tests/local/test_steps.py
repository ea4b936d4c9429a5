"""What a first start tells while it works."""

import os
import sys
from pathlib import Path

from smart.local import processes, steps
from smart.local.embedded import PROJECT

_CHILD = """
import sys
from smart.local import steps
print("of no interest")
steps.tell(sys.stdout, "Making the tables.")
sys.stdin.read()
steps.tell(sys.stdout, "Importing the directory.")
sys.stdout.write("cut")
sys.exit(3)
"""


def test_a_childs_steps_are_said_while_it_works_and_nothing_else_is(tmp_path: Path) -> None:
    """It goes on only when its first step was heard."""
    said: list[str] = []
    log = tmp_path / "prepare.log"
    reads, writes = os.pipe()
    with os.fdopen(reads, "rb") as stdin, os.fdopen(writes, "wb") as go_on:
        child = processes.spawn([sys.executable, "-c", _CHILD], log=log, cwd=PROJECT, stdin=stdin)

        def hear(step: str) -> None:
            said.append(step)
            go_on.close()

        code = steps.repeat(child, log, say=hear)

    assert said == ["Making the tables.", "Importing the directory."]
    assert code == 3
