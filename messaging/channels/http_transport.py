"""What transports to HTTP gateways share: options, connections, and what a failed request means for its message."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from core.lib.http.breaker import CircuitBreaker
from core.lib.http.client import HttpAnswer, HttpClient, NotSent, TooLate, Unanswered
from messaging.channels.base import Health, Outcome, Outgoing, Verdict
from messaging.channels.options import Configured, required
from messaging.channels.pool import Pool

_MISCONFIGURED_SECONDS = 30.0
_BUSY = {429, 503}


class HttpTransport(Configured, ABC):
    """Hands each message over in a request of its own, several at once over kept-alive connections.

    Options: url, ca_file, connections, timeout_seconds. A kind says how one message goes (`_hand_over`), and which
    answers are our own mistake, which every message would share (`misconfigured`): they make the transport rest.
    """

    misconfigured: frozenset[int]

    def __init__(
        self, options: dict[str, Any], *, channel: str, connections: int, seconds: float, batch: int | None = None
    ) -> None:
        size = int(options.get("connections", connections))
        super().__init__(options, channel=channel, batch=size if batch is None else batch)
        self._seconds = float(options.get("timeout_seconds", seconds))
        self._gateway = HttpClient(required(options, "url"), ca_file=str(options.get("ca_file", "")))
        self._breaker = CircuitBreaker(probe=self._gateway.probe, trial_seconds=self._seconds)
        self._pool = Pool(self._try, name=self.name, size=size)

    def hand_over(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Hand over each message, several at once; one that cannot begin by its deadline is not handed over (M1)."""
        return self._pool.map(batch)

    def health(self) -> Health:
        """Up unless the gateway was not there when last tried, or would have none of our messages."""
        is_up = self._breaker.is_up()
        return Health(is_up, self._pool.in_flight, self._pool.size, "" if is_up else self._breaker.last_error)

    def close(self) -> None:
        """Close the connections when what is under way has ended."""
        self._pool.close()
        self._gateway.close()

    def _try(self, message: Outgoing) -> Outcome:
        """One message's outcome, where the breaker or the connection decides it."""
        if not self._breaker.may_try():
            return Outcome(message, Verdict.RETRY, error=self._breaker.last_error)
        try:
            return self._hand_over(message)
        except TooLate:
            return Outcome(message, Verdict.NOT_HANDED, error="deadline")
        except NotSent as error:
            self._breaker.failed(str(error))
            return Outcome(message, Verdict.RETRY, error=str(error))
        except Unanswered as error:
            self._breaker.doubted(str(error))
            return Outcome(message, Verdict.UNCERTAIN, error=str(error))

    @abstractmethod
    def _hand_over(self, message: Outgoing) -> Outcome:
        """Hand over one message. May raise TooLate, NotSent or Unanswered."""

    def _put_off(self, message: Outgoing, answer: HttpAnswer, *, is_ours: bool = False) -> Outcome | None:
        """The outcome of an answer that means "not now", or that we are set up wrongly; None of any other."""
        error = f"http_{answer.status}"
        if answer.status in _BUSY:
            return Outcome(message, Verdict.RETRY, error=error, retry_after=5)
        if is_ours or answer.status in self.misconfigured:
            self._breaker.failed(error, seconds=_MISCONFIGURED_SECONDS)
            return Outcome(message, Verdict.RETRY, error=error, retry_after=_MISCONFIGURED_SECONDS)
        return None
