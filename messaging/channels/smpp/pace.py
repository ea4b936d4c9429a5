"""How fast one bind may write: its own rate, and less for a while once the SMSC has said that it was too fast."""

from collections import deque

_DOWN = 0.7  # what is left of the rate after a throttling answer
_UP_EVERY, _UP = 1.0, 0.05  # additive: this part of the full rate, each second without one
_LEAST = 0.1  # of the full rate: the pauses slow it further
_FULL = 500.0  # what is taken for the full rate, at least, when we have none of our own
_BURST_SECONDS = 0.1


class Pace:
    """A token bucket whose rate falls by a factor and recovers by steps. Times are time.monotonic()'s."""

    def __init__(self, rate: float, *, pause: float, now: float) -> None:
        self.rate = rate  # 0: no limit of our own
        self.limit = rate  # in force; 0: none
        self._full = rate
        self._pause, self._paused_until = pause, 0.0
        self._tokens, self._at = 1.0, now
        self._slowed_at, self._raised_at = -1e9, now
        self._taken: deque[tuple[float, int]] = deque()

    @property
    def is_slowed(self) -> bool:
        """True while the SMSC's throttling is felt."""
        return self.limit != self.rate

    def available(self, now: float) -> int:
        """How many PDUs may be written now."""
        if now < self._paused_until:
            return 0
        self._recover(now)
        if not self.limit:
            return 1_000_000
        self._tokens = min(max(1.0, self.limit * _BURST_SECONDS), self._tokens + (now - self._at) * self.limit)
        self._at = now
        return int(self._tokens)

    def take(self, count: int, now: float) -> None:
        """Count what was written."""
        if self.limit:
            self._tokens -= count
        if not self.rate:  # what we did is the only measure of what was too fast
            self._taken.append((now, count))
            while self._taken and self._taken[0][0] < now - 1:
                self._taken.popleft()

    def wait(self, now: float) -> float:
        """Seconds until there may be something available."""
        if now < self._paused_until:
            return self._paused_until - now
        if not self.limit:
            return 0.0
        return max(0.0, (1.0 - self._tokens) / self.limit - (now - self._at))

    def throttled(self, *, written_at: float, now: float) -> None:
        """Slow down and pause; once for all that was written before the last slowing."""
        if written_at <= self._slowed_at:
            return
        if not self.limit:
            self._full = max(_FULL, float(sum(count for _, count in self._taken)))
        self.limit = max(_LEAST * self._full, _DOWN * (self.limit or self._full))
        self._slowed_at = self._raised_at = now
        self._paused_until = self._at = now + self._pause
        self._tokens = 1.0

    def _recover(self, now: float) -> None:
        if not self.is_slowed:
            return
        steps = int((now - self._raised_at) / _UP_EVERY)
        if steps:
            self._raised_at += steps * _UP_EVERY
            self.limit += steps * _UP * self._full
        if self.limit >= (self.rate or 2 * self._full):  # without a rate of our own, twice what was too fast is none
            self.limit = self.rate
