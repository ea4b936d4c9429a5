from typing import Any

from django.core.management.base import BaseCommand

from campaigns.models import Campaign
from smart.lib import clock
from smart.local import simulated


class Command(BaseCommand):
    """Lets members do what they do with what campaigns gave them: redeem it, ignore it, leave; each once."""

    help = "Let simulated members redeem their codes, or leave, after the messages that were delivered to them."

    def handle(self, *args: Any, **options: Any) -> None:
        """React to every campaign, each member once."""
        now = clock.now()
        taken = left = 0
        for campaign in Campaign.objects.filter(launched_at__isnull=False):
            taken += simulated.react(campaign=campaign, now=now, only_delivered=True)
            left += simulated.leave(campaign=campaign)
        self.stdout.write(f"{taken} codes were redeemed, {left} members left.")
