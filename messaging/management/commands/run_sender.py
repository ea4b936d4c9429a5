from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from messaging.sending import processes


class Command(BaseCommand):
    """A process for transports by name, where the worker's turns are not enough."""

    help = "Send through the named transports until told to end."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", nargs="+", help="names of transports in TRANSPORTS_FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        processes.run(names=set(options["name"]))
