"""What the documents say is so: links lead somewhere, tables name real files, commands run as they are written."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands
from django.db import connection

from core.access import auth
from enrollment.models import Subscriber

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")),
         *sorted((ROOT / "deploy").rglob("*.md"))]  # fmt: skip
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
_PATH = re.compile(r"`((?:smart|enrollment|bonuses|messaging|campaigns|surveys|templates|static|locale|tests|bench|docs"
                   r"|deploy)/[\w./-]*)`")  # fmt: skip
_COMMAND = re.compile(r"(?:manage\.py|smart-manage|make -s manage ARGS='|make manage ARGS=\") ?([a-z_]+)")
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text()

    missing = [link for link in _LINK.findall(text) if "://" not in link and not (page.parent / link).exists()]
    missing += [path for path in _PATH.findall(text) if not (ROOT / path).exists()]
    missing += [command for command in _COMMAND.findall(text) if command not in get_commands()]
    assert not missing


def test_every_code_of_a_page_is_a_decision_that_stands() -> None:
    """An ADR cited in code or documents exists, and every ADR is in the list."""
    there = {path.name[:4] for path in (ROOT / "docs/adr").glob("0*.md")}
    sources = [path for room in ("smart", "enrollment", "bonuses", "bench", "tests", "docs", "deploy")
               for path in (ROOT / room).rglob("*") if path.suffix in {".py", ".md", ".sql"}]  # fmt: skip

    cited = {number for path in sources for number in re.findall(r"ADR (\d{4})", path.read_text())}

    assert cited <= there
    assert there == set(re.findall(r"\((\d{4})-", (ROOT / "docs/adr/README.md").read_text()))


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("openssl")), reason="no curl or openssl here")
@pytest.mark.django_db(transaction=True)
@pytest.mark.machine_clock
def test_the_commands_of_the_api_page_run_as_written(
    live_server: Any, make_subscriber: Callable[..., Subscriber], tmp_path: Path
) -> None:
    """Each block in the one shell; below a command stands what its answer holds."""
    for _ in range(3):
        make_subscriber(language="kk")
    auth.forget_cached()
    script, expected = tmp_path / "api.sh", []
    lines = ["set -euo pipefail", 'make() { shift 2; "$PYTHON" manage.py ${1#ARGS=}; }', "manage() { :; }"]
    for block in _BLOCK.findall((ROOT / "docs/api.md").read_text()):
        for line in block.splitlines():
            if line.startswith("#> "):
                expected.append(line.removeprefix("#> "))
                lines.append("printf '\\036'")
            else:
                lines.append(line)
    script.write_text("\n".join(lines))
    url = re.sub(r"/[^/?]*(?=\?|$)", f"/{connection.settings_dict['NAME']}", os.environ["DATABASE_URL"])

    done = subprocess.run(
        ["bash", script],
        cwd=ROOT,
        env={**os.environ, "SMART": live_server.url, "PYTHON": sys.executable, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    answers = done.stdout.split("\036")
    assert done.returncode == 0, done.stderr
    assert [(want, got) for want, got in zip(expected, answers, strict=False) if want not in got] == []
    assert len(answers) == len(expected) + 1
