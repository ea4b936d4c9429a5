from typing import Any

from django.core.management.base import BaseCommand

from core.jobs import schedule


class Command(BaseCommand):
    """Writes settings.SCHEDULE into beat's tables."""

    help = "Write the schedule of settings.SCHEDULE into django-celery-beat's tables."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{schedule.sync()} schedule entries changed.")
