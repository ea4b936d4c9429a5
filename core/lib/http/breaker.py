"""Letting a peer rest that fails, so that what comes meanwhile waits elsewhere instead of failing with it."""

import threading
import time
from collections.abc import Callable

_REST_SECONDS = 2.0


class CircuitBreaker:
    """Whether a peer is worth trying. Safe to use from several threads.

    `failed` opens it at once: the peer is not there, or would have none of our requests. `doubted` opens it at the
    `most_doubts`-th answer in a row that left us in the dark, for `seconds`, and twice as long each time, up to
    `longest`. When that rest is over one request at a time is tried, until `worked` closes it.
    """

    def __init__(
        self,
        *,
        probe: Callable[[], bool] = lambda: True,
        most_doubts: int = 5,
        seconds: float = 15.0,
        longest: float = 300.0,
        trial_seconds: float = 5.0,
    ) -> None:
        self._probe = probe
        self._most_doubts, self._seconds, self._longest = most_doubts, seconds, longest
        self._trial_seconds = trial_seconds
        self._is_down = False
        self._down_until = 0.0
        self._doubts = 0  # in a row
        self._trial_until = 0.0
        self._lock = threading.Lock()
        self.last_error = ""

    def failed(self, error: str, *, seconds: float = _REST_SECONDS) -> None:
        """Rest for so long at least."""
        with self._lock:
            self._rest(error, seconds)

    def doubted(self, error: str) -> None:
        """Nobody knows what became of a request; rest when that was not the first, the longer the oftener."""
        with self._lock:
            if self._is_resting(time.monotonic()):
                return  # it was under way when the rest began: a full pool would else make the first rest the longest
            self._doubts += 1
            too_many = self._doubts - self._most_doubts
            if too_many >= 0:
                self._rest(error, min(self._seconds * 2 ** min(too_many, 10), self._longest))

    def worked(self) -> None:
        """The peer has answered clearly."""
        with self._lock:
            self._is_down, self._down_until, self._doubts, self._trial_until = False, 0.0, 0, 0.0

    def may_try(self) -> bool:
        """Whether to send a request now; who is told so tells how it went.

        While the peer is doubted only one is under way, for as long as a trial takes: without that, every thread that
        waited for the end of the rest would risk its request at once.
        """
        with self._lock:
            now = time.monotonic()
            if self._is_resting(now):
                return False
            if self._doubts >= self._most_doubts:
                if now < self._trial_until:
                    return False
                self._trial_until = now + self._trial_seconds
            return True

    def is_up(self) -> bool:
        """Whether to begin anything new; a peer that was down must be found listening by the probe first."""
        if not self._is_down:
            return True
        if self._is_resting(time.monotonic()):
            return False
        if self._probe():
            with self._lock:
                self._is_down = False
            return True
        self.failed(self.last_error)
        return False

    def _rest(self, error: str, seconds: float) -> None:
        self._is_down, self.last_error, self._trial_until = True, error, 0.0
        self._down_until = max(self._down_until, time.monotonic() + seconds)

    def _is_resting(self, now: float) -> bool:
        return self._is_down and now < self._down_until
