from typing import Any

from django.core.management.base import BaseCommand

from messaging.sending import processes


class Command(BaseCommand):
    """The process of every transport of kind ussd; kill it at any point, what it held is swept."""

    help = "Send through the transports of kind ussd until told to end."

    def handle(self, *args: Any, **options: Any) -> None:
        processes.run(kinds={"ussd"})
