"""Messages to an SMSC over SMPP 3.4, as a sender sees it."""

import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from messaging import receipts
from messaging.channels.base import Health, Outcome, Outgoing, Verdict
from messaging.channels.options import Configured
from messaging.channels.smpp import pdus
from messaging.channels.smpp.handing import Batch, Handing
from messaging.channels.smpp.link import Link
from messaging.channels.smpp.pdus import Address, Heard, Unsendable
from messaging.channels.smpp.peer import Peer
from messaging.channels.smpp.queries import Query
from messaging.channels.smpp.receipts import Keeper

_LONGEST = {"system_id": 15, "password": 8, "system_type": 12, "source": 20}  # octets, by SMPP 3.4
_ALPHANUMERIC, _INTERNATIONAL, _SHORT = (5, 0), (1, 1), (3, 0)  # type of number, numbering plan
_LONGEST_ALPHANUMERIC = 11
_MOST_LATE = 10_000  # outcomes kept for whoever asks


class SmppTransport(Configured):
    """Hands messages to an SMSC over one bind, many at a time; keeps its receipts."""

    kind = "smpp"

    def __init__(self, options: dict[str, Any], *, store: Callable[..., int] = receipts.store) -> None:
        super().__init__(options, channel="sms", batch=500)
        self._segmentation = self._choice(options, "segmentation", "udh", "message_payload")
        is_pair = self._choice(options, "bind", "transceiver", "tx_rx") == "tx_rx"
        self._peer = self._read_peer(options)
        self._keeper = Keeper(self.name, store)
        self._late: deque[Outcome] = deque(maxlen=_MOST_LATE)
        self._link = self._bind("bind_transmitter" if is_pair else "bind_transceiver")
        self._links = [self._link, *([self._bind("bind_receiver")] if is_pair else [])]

    def hand_over(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        """Submit each message; returns when the SMSC has answered for all of them, or nobody will."""
        outcomes = Batch(batch)
        handings = [
            handing
            for place, message in enumerate(batch)
            if (handing := self._handing(outcomes, place, message)) is not None
        ]
        if not self._link.post(handings):
            for handing in handings:
                handing.never_written("not_bound")
        latest = max((message.deadline for message in batch), default=0.0)
        # The link settles everything itself; the rest is in case that its thread is no more.
        return outcomes.wait(max(0.0, latest - time.monotonic()) + 2 * self._peer.response_seconds + 5)

    def late(self) -> list[Outcome]:
        """What became of messages whose outcome was UNCERTAIN, told by answers that came after all; each once.

        ACCEPTED with the names that are new, or REJECTED: the SMSC surely does not have it (whole).
        """
        return [self._late.popleft() for _ in range(len(self._late))]

    def query(self, network_id: str) -> str | None:
        """Ask what became of a message: delivered, undelivered, underway, or None when the SMSC does not say."""
        query = Query(network_id)
        if not network_id or not self._link.post([query]):
            return None
        query.is_answered.wait(self._peer.response_seconds)
        return None if query.state is None else pdus.status_of(query.state)

    def health(self) -> Health:
        """Up while bound; being throttled, a receiver that is away and receipts not stored are told as errors."""
        link = self._link
        errors = (*(each.last_error for each in self._links), self._keeper.last_error, "slowed" * link.is_slowed)
        return Health(link.is_bound, link.in_flight, self._peer.window, next(filter(None, errors), ""))

    def close(self) -> None:
        """Store what receipts have come, unbind, close."""
        self._keeper.close()
        for link in self._links:
            link.close()

    def _bind(self, command: str) -> Link:
        return Link(self._peer, command, self._heard, self._late.append)

    def _heard(self, link: Link, heard: Heard) -> None:
        self._keeper.heard(link, heard)

    def _handing(self, outcomes: Batch, place: int, message: Outgoing) -> Handing | None:
        """A message made ready; None, with its outcome, when it cannot travel."""
        try:
            parts = pdus.parts_of(message.text, reference=message.message_id, segmentation=self._segmentation)
        except Unsendable as error:
            outcomes.settle(place, Outcome(message, Verdict.REJECTED, error=str(error)))
            return None
        return Handing(outcomes, place, message, parts, pdus.absolute(message.valid_until), [""] * len(parts))

    def _read_peer(self, options: dict[str, Any]) -> Peer:
        for name in ("host", "system_id", "password", "source"):
            value = options.get(name)
            if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable():
                raise ImproperlyConfigured(f"Transport {self.name}: {name} is missing, or not of ASCII characters")
        for name, longest in _LONGEST.items():
            if len(str(options.get(name, ""))) > longest:
                raise ImproperlyConfigured(f"Transport {self.name}: {name} is longer than {longest} characters")
        window = int(options.get("window", 50))
        if window < 1 or self.rate < 0:
            raise ImproperlyConfigured(f"Transport {self.name}: window is 1 at least, rate is 0 or more")
        return Peer(
            name=self.name,
            host=options["host"],
            port=int(options.get("port", 2775)),
            system_id=options["system_id"],
            password=options["password"],
            system_type=str(options.get("system_type", "")),
            source=self._read_source(options),
            window=window,
            rate=self.rate,
            enquire_link_seconds=float(options.get("enquire_link_seconds", 30)),
            response_seconds=float(options.get("response_timeout_seconds", 10)),
            throttle_pause=float(options.get("throttle_pause_seconds", 1)),
            context=self._read_tls(options),
            has_user_reference=bool(options.get("user_message_reference", True)),
        )

    def _read_source(self, options: dict[str, Any]) -> Address:
        source: str = options["source"]
        digits = source.removeprefix("+")
        if not digits.isdigit():
            ton, npi = _ALPHANUMERIC
            if len(source) > _LONGEST_ALPHANUMERIC:
                raise ImproperlyConfigured(f"Transport {self.name}: an alphanumeric source has 11 characters at most")
        else:
            source = digits
            ton, npi = _INTERNATIONAL if len(digits) > 8 else _SHORT
        return Address(source, int(options.get("source_ton", ton)), int(options.get("source_npi", npi)))

    def _read_tls(self, options: dict[str, Any]) -> ssl.SSLContext | None:
        if not options.get("tls", False):
            return None
        context = ssl.create_default_context(cafile=options.get("ca_file") or None)
        if not options.get("tls_verify", True):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _choice(self, options: dict[str, Any], name: str, *known: str) -> str:
        value = str(options.get(name, known[0]))
        if value not in known:
            raise ImproperlyConfigured(f"Transport {self.name}: {name} is {' or '.join(known)}")
        return value
