from typing import Any

from django.core.management.base import BaseCommand

from campaigns.models import Campaign
from core.lib import clock
from smart.local import answers, simulated
from surveys.models import Survey


class Command(BaseCommand):
    """Lets members do what they do with what was sent to them: redeem it, answer it, ignore it, leave; each once."""

    help = "Let simulated members redeem their codes, answer surveys, or leave, after what was delivered to them."

    def handle(self, *args: Any, **options: Any) -> None:
        """React to every campaign and survey, each member once."""
        now = clock.now()
        taken = left = 0
        for campaign in Campaign.objects.filter(launched_at__isnull=False):
            taken += simulated.react(campaign=campaign, now=now, only_delivered=True)
            left += simulated.leave(campaign=campaign)
        begun = Survey.objects.filter(state__in=[Survey.State.RUNNING, Survey.State.PAUSED])
        answered = sum(answers.react(survey=survey, now=now) for survey in begun)
        self.stdout.write(f"{taken} codes were redeemed, {answered} surveys were answered, {left} members left.")
