"""What is to become of a batch: each message's parts, what the SMSC said of them, one outcome."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from messaging.channels.base import Outcome, Outgoing, Verdict
from messaging.channels.smpp.pdus import Part


class Batch:
    """Outcomes as they come in; whoever handed the batch over waits for all of them."""

    def __init__(self, messages: Sequence[Outgoing]) -> None:
        self._outcomes: list[Outcome | None] = [None] * len(messages)
        self._messages = messages
        self._open = len(messages)
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        if not messages:
            self._is_over.set()

    def settle(self, place: int, outcome: Outcome) -> None:
        """Record an outcome; the first one counts."""
        with self._lock:
            if self._outcomes[place] is None:
                self._outcomes[place] = outcome
                self._open -= 1
                if not self._open:
                    self._is_over.set()

    def outcome(self, place: int) -> Outcome | None:
        """That message's outcome, if it is known."""
        return self._outcomes[place]

    def wait(self, seconds: float) -> list[Outcome]:
        """All outcomes; of what has none after so long, nobody can say."""
        self._is_over.wait(seconds)
        for place, message in enumerate(self._messages):
            self.settle(place, Outcome(message, Verdict.UNCERTAIN, error="no_outcome"))
        return [outcome for outcome in self._outcomes if outcome is not None]


@dataclass(slots=True)
class Handing:
    """A message on its way: part 1 goes first, the others once it was taken; then each on its own."""

    batch: Batch
    place: int
    message: Outgoing
    parts: tuple[Part, ...]
    validity: str
    ids: list[str]
    accepted: int = 0
    in_flight: int = 0

    @property
    def is_settled(self) -> bool:
        return self.batch.outcome(self.place) is not None

    def settle(self, verdict: Verdict, error: str = "", *, retry_after: float = 0) -> None:
        """End it. The ids of a message taken in part name it too, unless a part surely never arrived."""
        ids = tuple(filter(None, self.ids)) if verdict in (Verdict.ACCEPTED, Verdict.UNCERTAIN) else ()
        self.batch.settle(self.place, Outcome(self.message, verdict, ids, error, retry_after=retry_after))

    def never_written(self, error: str) -> None:
        """End it for want of time or a connection: nothing of it left, or only a part."""
        if self.accepted or self.in_flight:
            self.ids = [""] * len(self.parts)  # it cannot be whole: no receipt of a part may say that it arrived
            self.settle(Verdict.UNCERTAIN, error)
        else:
            self.settle(Verdict.NOT_HANDED, error)

    def late(self, verdict: Verdict, error: str = "") -> Outcome | None:
        """The outcome that an answer tells after we stopped waiting; None unless nobody could say until then.

        It names the parts that the first outcome did not name: naming them again would undo their receipts.
        """
        first = self.batch.outcome(self.place)
        if first is None or first.verdict is not Verdict.UNCERTAIN:
            return None
        ids = tuple(name for name in self.ids if name and name not in first.network_ids)
        return Outcome(self.message, verdict, ids if verdict is Verdict.ACCEPTED else (), error)
