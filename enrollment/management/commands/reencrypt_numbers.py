from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from core.lib import crypto
from enrollment.models import Subscriber

_BATCH = 5_000


class Command(BaseCommand):
    """Brings every number under the current key, while everything runs; as often as you like."""

    help = "Encrypt every phone number anew under the current key (MSISDN_ENCRYPT_WITH, else the greatest id)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Go through the subscribers in order of id; a killed run is started again and finds little left to do."""
        last, done = 0, 0
        while True:
            reached, written = _encrypt_after(last)
            if reached == last:
                break
            last, done = reached, done + written
        self.stdout.write(f"{done:,} numbers encrypted anew under key {crypto.current_key()}.")


@transaction.atomic
def _encrypt_after(last: int) -> tuple[int, int]:
    """Do one batch; return the last id looked at and how many were written."""
    batch = list(
        Subscriber.objects.select_for_update(no_key=True)
        .filter(pk__gt=last)
        .order_by("pk")
        .only("pk", "msisdn")[:_BATCH]
    )
    old = [subscriber for subscriber in batch if bytes(subscriber.msisdn)[0] != crypto.current_key()]
    for subscriber in old:
        subscriber.msisdn = crypto.encrypt_msisdn(crypto.decrypt_msisdn(subscriber.msisdn))
    Subscriber.objects.bulk_update(old, ["msisdn"], batch_size=1000)
    return (batch[-1].pk if batch else last), len(old)
