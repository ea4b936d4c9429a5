import getpass
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.lib import clock
from messaging import outbox, sql


class Command(BaseCommand):
    """A person's word that this very database may send: after the first installation, a restore, a promotion."""

    help = "Confirm that this database may send; without --reason, tell whether it is confirmed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", default="", help="why, for the audit trail")
        parser.add_argument("--by", default="", help="who; the system's user by default")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["reason"]:
            if sql.may_send(site=settings.SENDING_SITE):
                self.stdout.write("This database is confirmed for sending.")
                return
            raise CommandError(
                "This database is not confirmed for sending: nothing leaves. When it is the only one, confirm it"
                " with --reason."
            )
        by = options["by"] or f"cli:{getpass.getuser()}"
        outbox.confirm_epoch(by=by, reason=options["reason"], now=clock.now())
        self.stdout.write("Confirmed: this database may send.")
