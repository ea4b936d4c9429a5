"""What became of a message, asked of the SMSC: query_sm and its answer."""

import threading
from dataclasses import dataclass, field

from messaging.channels.smpp import pdus
from messaging.channels.smpp.pdus import Address, Heard


@dataclass(slots=True)
class Query:
    """A query_sm; `state` is the answer's message_state."""

    network_id: str
    state: int | None = None
    is_answered: threading.Event = field(default_factory=threading.Event)


class Queries:
    """Those of one connection that wait for an answer."""

    def __init__(self) -> None:
        self._asked: dict[int, Query] = {}

    def __contains__(self, sequence: int) -> bool:
        return sequence in self._asked

    def ask(self, query: Query, *, sequence: int, source: Address) -> bytes:
        """Return the PDU that asks."""
        self._asked[sequence] = query
        return pdus.write(
            "query_sm",
            sequence,
            message_id=query.network_id,
            source_addr_ton=source.ton,
            source_addr_npi=source.npi,
            source_addr=source.number,
        )

    def answered(self, heard: Heard) -> None:
        """Give the answer to whoever asked."""
        query = self._asked.pop(heard.sequence)
        if heard.status == pdus.OK:
            query.state = heard.fields.message_state
        query.is_answered.set()

    def end(self) -> None:
        """Nobody will answer any more."""
        for query in self._asked.values():
            query.is_answered.set()
        self._asked.clear()
