"""A transport to nowhere that takes everything: for measuring the sender, and for a set-up without a network."""

from collections.abc import Sequence
from typing import Any

from messaging.channels.base import Health, Outcome, Outgoing, Verdict
from messaging.channels.options import Configured


class NullTransport(Configured):
    """Accepts every message; its receipts never come."""

    kind = "null"

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(options, channel="sms", batch=1000)

    def hand_over(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        return [Outcome(message, Verdict.ACCEPTED) for message in batch]

    def health(self) -> Health:
        return Health(is_up=True)

    def close(self) -> None:
        """Nothing to close."""
