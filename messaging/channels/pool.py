"""Handing a batch over through several connections at once, each message for itself."""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from messaging.channels.base import Outcome, Outgoing, Verdict

logger = logging.getLogger(__name__)


class Pool:
    """A few threads; what a message's hand-over does not foresee becomes an uncertain outcome, never an exception."""

    def __init__(self, hand_over: Callable[[Outgoing], Outcome], *, name: str, size: int) -> None:
        self.size = size
        self.in_flight = 0
        self._hand_over = hand_over
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(size, thread_name_prefix=name)
        self._is_closed = False

    def map(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Return one outcome for each message, in order."""
        if self._is_closed:
            return [Outcome(message, Verdict.NOT_HANDED, error="closing") for message in batch]
        if len(batch) == 1:
            return [self._one(batch[0])]
        return list(self._threads.map(self._one, batch))

    def close(self) -> None:
        """Let what is under way end."""
        self._is_closed = True
        self._threads.shutdown(wait=True)

    def _one(self, message: Outgoing) -> Outcome:
        if self._is_closed:
            return Outcome(message, Verdict.NOT_HANDED, error="closing")
        with self._lock:
            self.in_flight += 1
        try:
            return self._hand_over(message)
        except Exception as error:
            logger.error("A hand-over failed in a way that was not foreseen: %s", type(error).__name__)
            return Outcome(message, Verdict.UNCERTAIN, error="unforeseen")
        finally:
            with self._lock:
                self.in_flight -= 1
