from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from messaging.sending import processes


class Command(BaseCommand):
    """A process for transports of a kind, or by name where the worker's turns are not enough.

    Kill it at any point, what it held is swept.
    """

    help = "Send through the transports of a kind, or through those named, until told to end."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("name", nargs="*", default=[], help="names of transports in TRANSPORTS_FILE")
        which.add_argument("--kind", help="every transport of this kind")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["kind"]:
            processes.run(kinds={options["kind"]})
        else:
            processes.run(names=set(options["name"]))
