from typing import Any

from django.core.management.base import BaseCommand

from bonuses import operations as bonuses
from smart.lib import clock
from smart.local import demo


class Command(BaseCommand):
    """Loads the demo base once; a second run changes nothing."""

    help = "Load the demo base, the demo accounts and the simulator's API clients unless they are there."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load."""
        now = clock.now()
        bonuses.make_partitions(now=now)
        self.stdout.write("The demo base is loaded." if demo.load(now=now) else "The demo base is there.")
