"""The parts of messages that wait to be written, and their deadlines."""

import math
from collections import deque

from messaging.channels.smpp.handing import Handing

_MARGIN = 0.01  # before a deadline: the time from looking at the clock to writing


class Waiting:
    """Parts in the order in which they are to be written. Times are time.monotonic()'s."""

    def __init__(self) -> None:
        self._parts: deque[tuple[Handing, int]] = deque()
        self._next_deadline = math.inf

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def due(self) -> float:
        """When the first of them is to be given up."""
        return self._next_deadline - _MARGIN

    def put(self, handing: Handing) -> None:
        """A message is to be written when its turn comes."""
        self._parts.append((handing, 0))
        self._next_deadline = min(self._next_deadline, handing.message.deadline)

    def put_first(self, handing: Handing, number: int) -> None:
        """What is begun goes before what is not."""
        self._parts.appendleft((handing, number))
        self._next_deadline = min(self._next_deadline, handing.message.deadline)

    def take(self, now: float) -> tuple[Handing, int] | None:
        """The next part that may still be written."""
        while self._parts:
            handing, number = self._parts.popleft()
            if handing.is_settled:
                continue
            if now < handing.message.deadline - _MARGIN:
                return handing, number
            handing.never_written("deadline")
        return None

    def end_overdue(self, now: float) -> None:
        """Nothing is written after its deadline (M1)."""
        if not self._parts or now < self.due:
            return
        for handing, _ in self._parts:
            if now >= handing.message.deadline - _MARGIN:
                handing.never_written("deadline")
        self._parts = deque(part for part in self._parts if not part[0].is_settled)
        self._next_deadline = min((handing.message.deadline for handing, _ in self._parts), default=math.inf)

    def end(self, error: str) -> None:
        """None of them will be written."""
        while self._parts:
            self._parts.popleft()[0].never_written(error)
        self._next_deadline = math.inf
