"""What every transport is to its sender: a name, channels, and one verb that hands messages to a network."""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that passed the gate; its attempt is committed.

    `msisdn` is digits (77010000001) and goes nowhere but to the network. `valid_until` is an absolute UTC instant after
    which the network must not deliver. `deadline` is a time.monotonic(): once it is past, hand nothing over.
    `reference` is the same in every attempt of a message.
    """

    message_id: int
    month: date
    fence: int
    number: int  # of the attempt, from 1
    subscriber_id: int
    msisdn: str = field(repr=False)
    text: str = field(repr=False)
    language: str
    encoding: str  # gsm7 | ucs2
    segments: int
    channel: str  # sms | ussd | ivr
    message_class: str
    kind: str
    gated_at: datetime
    valid_until: datetime
    deadline: float

    @property
    def reference(self) -> str:
        """What we call the message towards networks: nothing a number could be told from."""
        return f"{self.message_id}"


class Verdict(enum.StrEnum):
    """How a hand-over ended, in the words of Attempt.Outcome."""

    ACCEPTED = "accepted"  # the network has it
    REJECTED = "rejected"  # the network will never take it
    RETRY = "retry"  # the network surely did not take it now: throttled, queue full, no connection, busy
    NOT_HANDED = "not_handed"  # we did not hand it over: the deadline passed, or we are stopping
    UNCERTAIN = "uncertain"  # it may have it: the connection broke, no answer came


@dataclass(frozen=True, slots=True)
class Outcome:
    """A message's verdict; `network_ids` name its parts, `error` is the network's word for the log and the list."""

    message: Outgoing
    verdict: Verdict
    network_ids: tuple[str, ...] = ()
    error: str = ""
    answer: str = ""  # what the reader keyed in: USSD question, a call
    retry_after: float = 0  # with RETRY: seconds until the next attempt, if the network or the line wants a pause
    is_final: bool = False  # the network needs no receipt: accepted is delivered (USSD push, a call)


@dataclass(frozen=True, slots=True)
class Health:
    """What a transport says of itself, once a second."""

    is_up: bool
    in_flight: int = 0
    window: int = 0
    last_error: str = ""


class Transport(Protocol):
    """One way to a network; made from one entry of settings.TRANSPORTS by its kind's class.

    `hand_over` answers with exactly one outcome for each message, raises nothing, and gives up at each message's
    deadline; `health` is cheap; `close` ends connections. It may also have `query(network_id)`, which asks what became
    of a message, and `late()`, which gives outcomes that came to be known after `hand_over` had to answer UNCERTAIN.
    """

    name: str
    kind: str
    channels: tuple[str, ...]
    weight: int
    rate: float  # messages a second, at most; 0: as fast as it goes
    batch: int  # messages at a time, at most

    def __init__(self, options: dict[str, Any]) -> None: ...

    def hand_over(self, batch: Sequence[Outgoing]) -> list[Outcome]: ...

    def health(self) -> Health: ...

    def close(self) -> None: ...


def by_fence(outcomes: Iterable[Outcome]) -> dict[int, list[Outcome]]:
    """Outcomes by the fence that their messages were claimed under: the late ones of a moment are of many claims."""
    found: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.message.fence, []).append(outcome)
    return found
