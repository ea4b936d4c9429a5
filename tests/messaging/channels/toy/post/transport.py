"""A letter box: it takes what there are stamps for."""

from collections.abc import Sequence
from typing import Any

from messaging.channels.base import Health, Outcome, Outgoing, Verdict
from messaging.channels.options import Configured


class PostTransport(Configured):
    """Keeps the letters it took."""

    kind = "post"
    letters: list[str] = []

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(options, channel="sms", batch=10)
        self._stamps = int(options["stamps"])

    def hand_over(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Post what there are stamps for."""
        self._stamps -= len(batch)
        self.letters.extend(message.text for message in batch)
        return [Outcome(message, Verdict.ACCEPTED) for message in batch]

    def health(self) -> Health:
        """Up while there are stamps."""
        return Health(is_up=self._stamps > 0)

    def close(self) -> None:
        """Nothing to close."""
