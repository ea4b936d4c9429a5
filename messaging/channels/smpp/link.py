"""One bound connection to an SMSC, made anew whenever it breaks; its thread alone touches the socket.

What is handed to it waits until it may be written (submits.py); what the SMSC asks is answered here.
"""

import contextlib
import logging
import random
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from messaging.channels.base import Outcome
from messaging.channels.smpp import pdus
from messaging.channels.smpp.handing import Handing
from messaging.channels.smpp.pdus import Heard, MalformedPdu
from messaging.channels.smpp.peer import Lost, Peer
from messaging.channels.smpp.pulse import Pulse
from messaging.channels.smpp.queries import Queries, Query
from messaging.channels.smpp.submits import Submits
from messaging.channels.smpp.wire import Wire

logger = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_UNBIND_SECONDS = 2.0


class Link:
    """A bind and the thread that keeps it.

    `heard` is given what the SMSC delivers, and answers by `reply`; `late` is given what became of a message after
    its outcome was uncertain. Both are called by the link's thread.
    """

    def __init__(
        self, peer: Peer, command: str, heard: Callable[["Link", Heard], None], late: Callable[[Outcome], None]
    ) -> None:
        self._peer, self._command, self._heard = peer, command, heard
        self.is_bound, self.last_error = False, "not_bound"
        self.malformed = 0
        self._stopping = threading.Event()
        self._posting = threading.Lock()  # guards is_bound with _posted, so that nothing is posted to a dead bind
        self._posted: deque[Handing | Query | tuple[int, bytes]] = deque()
        self._waker, self._waken = socket.socketpair()
        self._waker.setblocking(False)
        self._waken.setblocking(False)
        self._submits, self._queries = Submits(peer, late=late), Queries()
        self.generation = 0  # counts connections: an answer belongs to the one that asked
        self._was_useful = False
        self._unbound_at: float | None = None
        self._thread = threading.Thread(target=self._run, name=f"{peer.name}-{command}", daemon=True)
        self._thread.start()

    # For any thread

    @property
    def in_flight(self) -> int:
        """How much of the window is in use."""
        return self._submits.window.in_flight

    @property
    def is_slowed(self) -> bool:
        """True while the SMSC's throttling is felt."""
        return self._submits.pace.is_slowed

    def post(self, items: Iterable[Handing | Query]) -> bool:
        """Take these to be written; False, and nothing taken, when there is no bind."""
        with self._posting:
            if not self.is_bound or self._stopping.is_set():
                return False
            self._posted.extend(items)
        self._wake()
        return True

    def reply(self, generation: int, octets: bytes) -> None:
        """Answer what that connection asked, with one PDU or several; if it is gone, nobody waits for the answer."""
        with self._posting:
            if self.is_bound and generation == self.generation:
                self._posted.append((generation, octets))
        self._wake()

    def close(self) -> None:
        """Unbind and end the thread; waits for answers to what was written."""
        self._stopping.set()
        self._wake()
        self._thread.join()
        self._waker.close()
        self._waken.close()

    def _wake(self) -> None:
        # BlockingIOError: it has been woken often enough. OSError: it is closed.
        with contextlib.suppress(OSError):
            self._waker.send(b"\0")

    # The connection's life

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            self._was_useful = False
            error = self._live()
            self._end(error or "closed")
            if error and not self._stopping.is_set():
                logger.warning("The %s of %s has ended: %s", self._command, self._peer.name, error)
            if self._was_useful:
                pause = _FIRST_PAUSE
            self._stopping.wait(min(_LONGEST_PAUSE, pause * random.uniform(1.0, 1.5)))
            pause = min(_LONGEST_PAUSE, pause * 2)

    def _live(self) -> str:
        """Connect and serve until the connection breaks or we have unbound; return why it broke."""
        try:
            wire = Wire(self._peer)
            try:
                self._serve(wire)
            finally:
                wire.close()
        except (Lost, MalformedPdu) as why:
            self.malformed += isinstance(why, MalformedPdu)
            return str(why)
        except (OSError, ValueError) as why:
            return type(why).__name__
        except Exception as why:
            # Whatever a peer could make us stumble over must not end the bind for good, nor be logged in full.
            return f"bug:{type(why).__name__}"
        return ""

    def _end(self, error: str) -> None:
        """Tell of everything under way what became of it."""
        with self._posting:
            self.is_bound, self.last_error = False, error[:60]
            posted = list(self._posted)
            self._posted.clear()
        self._submits.end(error)
        for item in posted:
            if isinstance(item, Handing):
                item.never_written("not_bound")
            elif isinstance(item, Query):
                item.is_answered.set()
        self._queries.end()

    def _serve(self, wire: Wire) -> None:
        """Write and read until the connection breaks (raises) or we have unbound (returns)."""
        self.generation += 1
        self._unbound_at = None
        pulse = Pulse(self._peer, now=time.monotonic())
        self._introduce(wire)
        while True:
            now = time.monotonic()
            self._take_posted(wire)
            self._be_patient(wire, pulse, now)
            if self._is_unbound(wire, now):
                return
            if wire.flush(now) and self.is_bound and not pulse.is_suspect:
                self._submits.write(wire)
            is_read, is_woken = wire.wait(self._time_left(wire, pulse), also=self._waken)
            if is_woken:
                with contextlib.suppress(BlockingIOError):
                    while self._waken.recv(4096):
                        pass
            if is_read and self._receive(wire, pulse):
                return

    def _introduce(self, wire: Wire) -> None:
        peer = self._peer
        wire.owe(
            pdus.write(
                self._command,
                wire.next_sequence(),
                system_id=peer.system_id,
                password=peer.password,
                system_type=peer.system_type,
            )
        )

    def _is_unbound(self, wire: Wire, now: float) -> bool:
        """When we are to end: wait for what was written, say goodbye, and end without an answer if need be."""
        if not self._stopping.is_set():
            return False
        self._submits.waiting.end("stopping")
        if not self.is_bound:
            return True
        if self._unbound_at is None and self._submits.window.oldest is None and not wire.is_begun:
            self._unbound_at = now
            wire.owe(pdus.write("unbind", wire.next_sequence()))
        return self._unbound_at is not None and now > self._unbound_at + _UNBIND_SECONDS

    def _time_left(self, wire: Wire, pulse: Pulse) -> float:
        """Seconds until something is due without the peer's or our doing."""
        now = time.monotonic()
        can_write = self.is_bound and not wire.is_full and not pulse.is_suspect
        dues = (self._submits.due(now, can_write=can_write), pulse.due(self._submits.window.oldest))
        return max(0.0, min(dues) - now)

    def _be_patient(self, wire: Wire, pulse: Pulse, now: float) -> None:
        """Let go of what has waited too long; ask whether the peer is there."""
        if not self.is_bound:
            pulse.require_bind(now)
        if self._submits.give_up(now):
            pulse.is_suspect = True
        if pulse.is_to_enquire(now, self._submits.window.oldest, is_bound=self.is_bound):
            wire.owe(pdus.write("enquire_link", wire.next_sequence()))

    def _take_posted(self, wire: Wire) -> None:
        while self._posted:
            item = self._posted.popleft()
            if isinstance(item, Handing):
                self._submits.waiting.put(item)
            elif isinstance(item, Query):
                wire.owe(self._queries.ask(item, sequence=wire.next_sequence(), source=self._peer.source))
            elif item[0] == self.generation:
                wire.owe(item[1])

    # What comes

    def _receive(self, wire: Wire, pulse: Pulse) -> bool:
        """Read what there is; True when the peer has let us go."""
        now, something = time.monotonic(), False
        for heard in wire.read():
            something = True
            if self._act(wire, heard, now):
                return True
        if something:
            pulse.heard(now)
        return False

    def _act(self, wire: Wire, heard: Heard, now: float) -> bool:
        """Do what a PDU asks; True when the connection is over."""
        name = heard.name
        if name == "submit_sm_resp" or (name == "generic_nack" and heard.sequence in self._submits.window):
            self._was_useful |= self._submits.answered(heard, now)
        elif name == "deliver_sm":
            self._heard(self, heard)
        elif name == "enquire_link":
            wire.owe(pdus.write("enquire_link_resp", heard.sequence))
        elif name == f"{self._command}_resp":
            self._bound(heard)
        elif name in ("query_sm_resp", "generic_nack") and heard.sequence in self._queries:
            self._queries.answered(heard)
        elif name == "unbind":
            wire.say_last(pdus.write("unbind_resp", heard.sequence))
            raise Lost("unbound_by_smsc")
        elif name == "unbind_resp":
            return True
        elif name in (pdus.UNKNOWN, "data_sm", "outbind") or (name.startswith("bind_") and not name.endswith("_resp")):
            wire.owe(pdus.write("generic_nack", heard.sequence, status=pdus.INVALID_COMMAND))
        return False

    def _bound(self, heard: Heard) -> None:
        if heard.status != pdus.OK:
            raise Lost(f"bind:{heard.status:#04x}")
        with self._posting:
            self.is_bound, self.last_error = True, ""
