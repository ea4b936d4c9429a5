import sys
from typing import Any

from django.core.management.base import BaseCommand

from core.lib import clock
from smart.backoffice import invariants


class Command(BaseCommand):
    """Runs docs/invariants.sql (B12); exit code 1 when a query returns a row."""

    help = "Check the invariants of docs/invariants.sql."

    def handle(self, *args: Any, **options: Any) -> None:
        """Tell each one's verdict."""
        failed = 0
        for verdict in invariants.verify(now=clock.now()):
            if not verdict.violations:
                self.stdout.write(f"ok    {verdict.invariant.name}")
                continue
            failed += 1
            self.stdout.write(self.style.ERROR(f"{verdict.violations:>5} {verdict.invariant.name}"))
            self.stdout.write(f"      not so: {verdict.invariant.meaning}")
            for row in verdict.first:
                self.stdout.write(f"      {row}")
        self.stdout.write("Every invariant holds." if not failed else f"{failed} invariants are violated.")
        if failed:
            sys.exit(1)
