"""A directory import by command dies while it reads; the next one sweeps what it left, and never before."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from enrollment.directory import sql
from enrollment.models import DirectoryImport, Subscriber
from smart.local import processes
from smart.local.embedded import PROJECT

LINES = 300_000  # some seconds of reading


def export(path: Path, lines: int) -> Path:
    rows = (f"7701{number:07};activ;active\n" for number in range(lines))
    path.write_text("MSISDN;Brand;Line status\n" + "".join(rows))
    return path


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_what_a_killed_command_staged_is_swept_by_the_next_and_never_while_it_lives(
    environment: dict[str, str], tmp_path: Path, settings: object
) -> None:
    settings.MEDIA_ROOT = str(tmp_path)
    large, small = export(tmp_path / "large.csv", LINES), export(tmp_path / "small.csv", 10)
    command = [sys.executable, "manage.py", "import_subscribers", str(large)]
    importing: subprocess.Popen[bytes] = processes.spawn(
        command, log=tmp_path / "import.log", env={**environment, "MEDIA_ROOT": str(tmp_path)}, cwd=PROJECT
    )

    try:
        assert processes.wait_until(lambda: bool(sql.staged_imports()), seconds=60, every=0.01)
        importing.send_signal(signal.SIGSTOP)
        with pytest.raises(CommandError, match="Another import is running"):
            call_command("import_subscribers", str(small))
        assert len(sql.staged_imports()) == 1
    finally:
        processes.kill_session(importing)
    assert DirectoryImport.objects.get().phase == "uploaded", "it died in the middle of reading"

    def has_run() -> bool:
        """False while the dead one's backend has not noticed yet."""
        try:
            call_command("import_subscribers", str(small))
        except CommandError:
            return False
        return True

    assert processes.wait_until(has_run, seconds=60)
    assert sql.staged_imports() == set()
    assert list(DirectoryImport.objects.order_by("pk").values_list("phase", flat=True)) == ["refused", "done"]
    assert Subscriber.objects.count() == 10
