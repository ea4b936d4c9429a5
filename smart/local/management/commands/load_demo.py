from typing import Any

from django.core.management.base import BaseCommand, CommandError

from bonuses import lifecycle as bonuses
from core.lib import clock
from smart.local import demo, steps


class Command(BaseCommand):
    """Loads the demo base once; a second run changes nothing."""

    help = "Load the demo base, the demo accounts and the simulator's API clients unless they are there."

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        bonuses.make_partitions(now=now)
        try:
            is_new = demo.load(now=now, say=lambda step: steps.tell(self.stdout, step))
        except demo.HalfMade:
            raise CommandError(
                "a start was interrupted while it made the demo base: empty this database, then start again"
            ) from None
        self.stdout.write("The demo base is loaded." if is_new else "The demo base is there.")
