from typing import Any

from django.core.management.base import BaseCommand

from smart.local import reference


class Command(BaseCommand):
    """Writes docs/reference.md; `make docs` calls it."""

    help = "Write docs/reference.md from the declarations."

    def handle(self, *args: Any, **options: Any) -> None:
        reference.PAGE.write_text(reference.page(), encoding="utf-8")
