"""What only a local set-up keeps."""

from django.db import models


class LocalClock(models.Model):
    """How far the programme's time runs ahead of the machine's; one row, none means not at all."""

    ahead = models.DurationField()

    def __str__(self) -> str:
        return f"+{self.ahead}"
