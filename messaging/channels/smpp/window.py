"""What was written and not yet answered: how much of it there may be, how long it is waited for, what is kept after."""

from collections.abc import Iterator
from dataclasses import dataclass

from messaging.channels.smpp.handing import Handing

# An answer that comes after we gave it up is still known by its number: for so long, and so many, while bound.
_REMEMBERED_SECONDS = 600.0
_MOST_REMEMBERED = 10_000


@dataclass(slots=True)
class WrittenPart:
    """A part that was written and not yet answered."""

    handing: Handing
    number: int
    at: float


class SubmitWindow:
    """The parts of one connection, by sequence number; the oldest first. Times are time.monotonic()'s."""

    def __init__(self, size: int, *, patience: float) -> None:
        self._size, self._patience = size, patience
        self._written: dict[int, WrittenPart] = {}
        self._taking_room: dict[int, float] = {}  # given up, but still part of the window
        self._given_up: dict[int, WrittenPart] = {}

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._written or sequence in self._given_up

    @property
    def in_flight(self) -> int:
        """How much of the window is in use."""
        return len(self._written) + len(self._taking_room)

    @property
    def room(self) -> int:
        """How many more may be written."""
        return self._size - self.in_flight

    @property
    def oldest(self) -> float | None:
        """When the oldest that is waited for was written."""
        return next(iter(self._written.values())).at if self._written else None

    def add(self, sequence: int, written: WrittenPart) -> None:
        """Count a part that is being written."""
        self._written[sequence] = written
        written.handing.in_flight += 1

    def take_back(self, sequence: int) -> None:
        """It was not written after all."""
        self._written.pop(sequence).handing.in_flight -= 1

    def answered(self, sequence: int) -> WrittenPart | None:
        """The part that an answer is for, in time or not; None when nobody knows it (any more)."""
        self._taking_room.pop(sequence, None)
        written = self._written.pop(sequence, None) or self._given_up.pop(sequence, None)
        if written is not None:
            written.handing.in_flight -= 1
        return written

    def overdue(self, now: float) -> Iterator[WrittenPart]:
        """Give up what has waited too long, and forget what was given up long ago."""
        while self._written:
            sequence, written = next(iter(self._written.items()))
            if now < written.at + self._patience:
                break
            del self._written[sequence]
            self._taking_room[sequence] = now
            self._given_up[sequence] = written
            yield written
        while self._taking_room and now > next(iter(self._taking_room.values())) + 2 * self._patience:
            del self._taking_room[next(iter(self._taking_room))]
        while self._given_up and (
            len(self._given_up) > _MOST_REMEMBERED or now > next(iter(self._given_up.values())).at + _REMEMBERED_SECONDS
        ):
            del self._given_up[next(iter(self._given_up))]

    def end(self) -> list[WrittenPart]:
        """Forget all; return what was still waited for."""
        left = list(self._written.values())
        self._written.clear()
        self._taking_room.clear()
        self._given_up.clear()
        return left
