"""Messages on their way through one bind: written as window, pace and deadlines allow, ended by the SMSC's answers.

Written and unanswered means that nobody can say (M9); not written means that it may go another time. An answer that
comes after we stopped waiting is told as a late outcome.
"""

import time
from collections.abc import Callable

from messaging.channels.base import Outcome, Verdict
from messaging.channels.smpp import pdus
from messaging.channels.smpp.handing import Handing
from messaging.channels.smpp.pace import Pace
from messaging.channels.smpp.pdus import Heard
from messaging.channels.smpp.peer import Lost, Peer
from messaging.channels.smpp.waiting import Waiting
from messaging.channels.smpp.window import SubmitWindow, WrittenPart
from messaging.channels.smpp.wire import Wire

_CHUNK = 16 * 1024
_RETRY_AFTER = {pdus.THROTTLED: 2.0, pdus.QUEUE_FULL: 5.0, pdus.INVALID_BIND_STATE: 2.0}


class Submits:
    """All that one link has been given; `late` is told what became of a message whose end was uncertain."""

    def __init__(self, peer: Peer, *, late: Callable[[Outcome], None]) -> None:
        self._peer, self._late = peer, late
        self.pace = Pace(peer.rate, pause=peer.throttle_pause, now=time.monotonic())
        self.waiting = Waiting()
        self.window = SubmitWindow(peer.window, patience=peer.response_seconds)

    def due(self, now: float, *, can_write: bool) -> float:
        """When there is something to do that neither side's octets bring about."""
        dues = [now + 1.0]
        if (oldest := self.window.oldest) is not None:
            dues.append(oldest + self._peer.response_seconds)
        if self.waiting:
            dues.append(self.waiting.due)
            if can_write and self.window.room > 0:
                dues.append(now + self.pace.wait(now))
        return min(dues)

    def give_up(self, now: float) -> bool:
        """Let go of what has waited too long, for an answer or for its turn; True when an answer is missing."""
        is_missing = False
        for written in self.window.overdue(now):
            written.handing.settle(Verdict.UNCERTAIN, "no_answer_from_smsc")
            is_missing = True
        self.waiting.end_overdue(now)
        return is_missing

    def end(self, error: str) -> None:
        """The connection is gone: tell of everything what became of it."""
        for written in self.window.end():
            written.handing.settle(Verdict.UNCERTAIN, f"lost:{error}"[:60])
        self.waiting.end("not_bound")

    # Writing

    def write(self, wire: Wire) -> None:
        """Write as many as window, pace and deadlines allow and the socket takes."""
        while not wire.is_full:
            chunk = self._chunk(wire, time.monotonic())
            if not chunk:
                return
            self._send(wire, chunk)

    def _chunk(self, wire: Wire, now: float) -> list[tuple[int, WrittenPart, bytes]]:
        """The next parts as PDUs, by sequence number: no more than fit into one write."""
        room = min(self.window.room, self.pace.available(now), len(self.waiting))
        chunk, size = [], 0
        while room > 0 and size < _CHUNK and (part := self.waiting.take(now)):
            handing, number = part
            sequence = wire.next_sequence()
            octets = self._pdu(handing, number, sequence)
            chunk.append((sequence, WrittenPart(handing, number, now), octets))
            size += len(octets)
            room -= 1
        return chunk

    def _pdu(self, handing: Handing, number: int, sequence: int) -> bytes:
        message = handing.message
        return pdus.submit(
            handing.parts[number],
            source=self._peer.source,
            msisdn=message.msisdn,
            validity=handing.validity,
            sequence=sequence,
            user_reference=message.message_id & 0xFFFF if self._peer.has_user_reference else None,
        )

    def _send(self, wire: Wire, chunk: list[tuple[int, WrittenPart, bytes]]) -> None:
        """Write PDUs. One of which nothing was taken waits again: it is not written."""
        now = time.monotonic()
        for sequence, written, _ in chunk:
            written.at = now
            self.window.add(sequence, written)
        begun = wire.send(
            [octets for *_, octets in chunk], by=[written.handing.message.deadline for _, written, _ in chunk]
        )
        for sequence, written, _ in reversed(chunk[begun:]):
            self.window.take_back(sequence)
            self.waiting.put_first(written.handing, written.number)
        self.pace.take(begun, now)

    # Answers

    def answered(self, heard: Heard, now: float) -> bool:
        """Take an answer to a submit_sm; True when it was taken. Raises Lost when the SMSC knows of no bind."""
        written = self.window.answered(heard.sequence)
        if written is None:
            return False
        if heard.status == pdus.OK and heard.name == "submit_sm_resp":
            self._accepted(written.handing, written.number, heard.message_id)
            return True
        self._refused(written, heard.status, now)
        return False

    def _accepted(self, handing: Handing, number: int, network_id: str) -> None:
        handing.ids[number] = network_id
        handing.accepted += 1
        if handing.is_settled:
            if handing.accepted == len(handing.parts):
                self._tell_late(handing, Verdict.ACCEPTED)
        elif handing.accepted == len(handing.parts):
            handing.settle(Verdict.ACCEPTED)
        elif number == 0 and handing.accepted == 1:
            for following in reversed(range(1, len(handing.parts))):
                self.waiting.put_first(handing, following)

    def _refused(self, written: WrittenPart, status: int, now: float) -> None:
        handing, error = written.handing, f"smpp:{status:#04x}"
        if status in (pdus.THROTTLED, pdus.QUEUE_FULL):
            self.pace.throttled(written_at=written.at, now=now)
        if handing.is_settled:
            self._tell_late(handing, Verdict.REJECTED, f"late:{error}")
        elif status not in _RETRY_AFTER:
            handing.settle(Verdict.REJECTED, error)
        elif handing.accepted == 0:
            handing.settle(Verdict.RETRY, error, retry_after=_RETRY_AFTER[status])
        else:
            self.waiting.put_first(handing, written.number)
        if status == pdus.INVALID_BIND_STATE:
            raise Lost(error)

    def _tell_late(self, handing: Handing, verdict: Verdict, error: str = "") -> None:
        if (outcome := handing.late(verdict, error)) is not None:
            self._late(outcome)
