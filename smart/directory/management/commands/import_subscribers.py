import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import translation

from core.lib import clock
from core.lib.errors import Refusal
from enrollment.directory import operations
from enrollment.models import DirectoryImport
from smart.directory import imports

_BAR = 30
_MEANING = {
    "new": "new lines",
    "changed": "changed lines",
    "unchanged": "unchanged lines",
    "recycled": "numbers with a new owner",
    "vanishing": "lines no longer there",
    "members": "memberships",
    "memberships_ending": "of them would end",
    "ending_vanished": "  because the line is missing",
    "ending_terminated": "  because it is terminated",
    "ending_brand": "  because it is of another brand",
    "ending_owner": "  because it has a new owner",
    "duplicates": "identical lines again",
    "superseded": "lines with another of the same number below",
    "rejected": "rejected lines",
    "unreadable": "of them without a number that can be read",
    "warnings": "fields left as they were",
}


class Command(BaseCommand):
    """Imports the operator's directory export (J7, B8)."""

    help = "Import the operator's directory export. Lines missing from it are gone, unless it is --partial."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The file and what it is."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--partial", action="store_true", help="the file is a part: missing lines mean nothing")
        parser.add_argument("--dry-run", action="store_true", help="tell what would change, change nothing")
        parser.add_argument(
            "--allow-ending",
            type=int,
            metavar="COUNT",
            help="so many memberships may end, and any number of lines be gone",
        )
        parser.add_argument("--by", metavar="NAME", default="", help="who allows it, for the audit trail")

    def handle(self, *args: Any, **options: Any) -> None:
        """Preview or carry out; a rejected line is no failure, an unusable file is (exit code 1)."""
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError("There is no such file.")
        allowed, name = options["allow_ending"], options["by"].strip()
        if (allowed is None) != (not name) or (allowed or 0) < 0:
            raise CommandError(
                "--allow-ending COUNT, from 0 on, and --by NAME belong together: somebody answers for it."
            )
        with translation.override("en"):
            try:
                with imports.alone():
                    imports.sweep()
                    self._import(path, options)
            except Refusal as refusal:
                raise CommandError(str(refusal)) from None

    def _import(self, path: Path, options: dict[str, Any]) -> None:
        now = clock.now()
        run = imports.begin(
            path=path.resolve(),
            file_name=path.name,
            is_full=not options["partial"],
            by="directory",
            now=now,
            takes_up=not options["dry_run"],
        )
        imports.preview(run=run, now=now, progress=self._progress)
        self._tell(run)
        if options["dry_run"]:
            operations.end_dry_run(run=run)
            self.stdout.write("Dry run: nothing was changed.")
            return
        if options["allow_ending"] is not None:
            by = f"command:{options['by'].strip()}"
            imports.allow_ending(run=run, ending=options["allow_ending"], by=by, now=now)
        try:
            imports.carry_out(run=run, by="directory", now=now, progress=self._progress)
        except Refusal as refusal:
            if run.phase == DirectoryImport.Phase.STAGED:
                operations.refuse(run=run, why=str(refusal))  # and drop what was staged: the next try reads anew
            raise
        self.stdout.write(f"Done; {run.counts['memberships_ended']} memberships ended.")

    def _tell(self, run: DirectoryImport) -> None:
        for name, meaning in _MEANING.items():
            self.stdout.write(f"{run.counts.get(name, 0):>10,}  {meaning}")
        self.stdout.write(f"Report: {run.report}")

    def _progress(self, phase: str, done: int, total: int) -> None:
        """A bar on a terminal; a line every tenth elsewhere."""
        share = done / total if total else 1.0
        if sys.stdout.isatty():
            bar = "#" * int(share * _BAR)
            end = "\n" if share >= 1 else ""
            self.stdout.write(f"\r{phase:>9} [{bar:<{_BAR}}] {share:4.0%}", ending=end)
            self.stdout.flush()
        elif (phase, int(share * 10)) != getattr(self, "_told", None):
            self._told = (phase, int(share * 10))
            self.stdout.write(f"{phase}: {share:.0%}")
