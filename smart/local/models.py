"""What only a local set-up keeps."""

from django.db import models


class LocalClock(models.Model):
    """How far the programme's time runs ahead of the machine's; one row, none means not at all."""

    ahead = models.DurationField()

    def __str__(self) -> str:
        return f"+{self.ahead}"


class DemoBase(models.Model):
    """The demo base's making; one row. Without an end it was interrupted, and what there is of it is no base."""

    begun_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"#{self.pk}"


class HandsetNetwork(models.Model):
    """How the simulated network delivers, as set on the handset page; one row."""

    delay_seconds = models.PositiveSmallIntegerField(default=0)
    loss_percent = models.PositiveSmallIntegerField(default=0)
    sends_receipts = models.BooleanField(default=True)

    def __str__(self) -> str:
        return f"{self.delay_seconds} s"


class HandsetMessage(models.Model):
    """A message on its way to a handset, or in its inbox."""

    subscriber_id = models.BigIntegerField(db_index=True)
    reference = models.CharField(max_length=40, unique=True)  # ours: a repeat is the same message
    channel = models.CharField(max_length=4)
    text = models.TextField()
    accepted_at = models.DateTimeField()
    arrives_at = models.DateTimeField()
    valid_until = models.DateTimeField()
    is_lost = models.BooleanField(default=False)
    arrived_at = models.DateTimeField(null=True)
    reported_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["arrives_at"], condition=models.Q(reported_at__isnull=True), name="handsetmessage_underway"
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
