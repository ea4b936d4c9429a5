from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection

from smart.local import steps


class Command(BaseCommand):
    """All that a local start needs before the web server, in one process: each Django start costs a second."""

    help = "Migrate the database, write beat's schedule and load the demo base; a second run changes nothing."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            connection.ensure_connection()
        except OperationalError as error:
            why = str(error).strip().partition("\n")[0]
            raise CommandError(f"the database does not let us in: {why}") from error
        steps.tell(self.stdout, "Making the tables.")
        call_command("migrate", verbosity=0, interactive=False)
        call_command("sync_schedule", stdout=self.stderr)
        call_command("load_demo")
