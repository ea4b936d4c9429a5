"""One bound connection to an SMSC, made anew whenever it breaks; its thread alone touches the socket.

What is handed to it waits in a queue until the window, the pace and the message's deadline let it be written. Written
and unanswered means that nobody can say (M9); not written means that it may go another time.
"""

import contextlib
import logging
import math
import random
import select
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from messaging.channels.base import Verdict
from messaging.channels.smpp import pdus
from messaging.channels.smpp.handing import Handing
from messaging.channels.smpp.pace import Pace
from messaging.channels.smpp.pdus import Address, Heard, Malformed

logger = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
_CHUNK = 16 * 1024
_MARGIN = 0.01  # before a deadline: the time from looking at the clock to writing
_UNBIND_SECONDS = 2.0
_RETRY_AFTER = {pdus.THROTTLED: 2.0, pdus.QUEUE_FULL: 5.0, pdus.INVALID_BIND_STATE: 2.0}


class Lost(Exception):
    """The connection cannot go on; the message is a word for the list."""


@dataclass(frozen=True)
class Peer:
    """Where an SMSC is, how we bind, and how patient we are. Its password is in no repr."""

    name: str
    host: str
    port: int
    system_id: str
    source: Address
    password: str = field(default="", repr=False)
    system_type: str = ""
    window: int = 50
    rate: float = 0
    enquire_link_seconds: float = 30
    response_seconds: float = 10
    throttle_pause: float = 1
    context: ssl.SSLContext | None = None
    has_user_reference: bool = True


@dataclass(slots=True)
class _Sent:
    """A part that was written and not yet answered."""

    handing: Handing
    number: int
    at: float


@dataclass(slots=True)
class Query:
    """A query_sm; `state` is the answer's message_state."""

    network_id: str
    state: int | None = None
    is_answered: threading.Event = field(default_factory=threading.Event)


class Link:
    """A bind and the thread that keeps it. `heard` is given what the SMSC delivers; it answers by `reply`."""

    def __init__(self, peer: Peer, command: str, heard: Callable[["Link", Heard], None]) -> None:
        self._peer, self._command, self._heard = peer, command, heard
        self.is_bound, self.last_error = False, "not_bound"
        self.malformed = 0
        self._stopping = threading.Event()
        self._posting = threading.Lock()  # guards is_bound with _posted, so that nothing is posted to a dead bind
        self._posted: deque[Handing | Query | tuple[int, bytes]] = deque()
        self._waker, self._waken = socket.socketpair()
        self._waker.setblocking(False)
        self._waken.setblocking(False)
        self._pace = Pace(peer.rate, pause=peer.throttle_pause, now=time.monotonic())
        self._queue: deque[tuple[Handing, int]] = deque()
        self._sent: dict[int, _Sent] = {}
        self._late: dict[int, float] = {}  # given up, but still taking room in the window
        self._queries: dict[int, Query] = {}
        self._socket: socket.socket | None = None
        self._sequence = 0
        self.generation = 0  # counts connections: an answer belongs to the one that asked
        self._reset()
        self._thread = threading.Thread(target=self._run, name=f"{peer.name}-{command}", daemon=True)
        self._thread.start()

    # For any thread

    @property
    def in_flight(self) -> int:
        """How much of the window is in use."""
        return len(self._sent) + len(self._late)

    @property
    def is_slowed(self) -> bool:
        """True while the SMSC's throttling is felt."""
        return self._pace.is_slowed

    def post(self, items: Iterable[Handing | Query]) -> bool:
        """Take these to be written; False, and nothing taken, when there is no bind."""
        with self._posting:
            if not self.is_bound or self._stopping.is_set():
                return False
            self._posted.extend(items)
        self._wake()
        return True

    def reply(self, generation: int, octets: bytes) -> None:
        """Answer what that connection asked; if it is gone, nobody waits for the answer."""
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
            error = ""
            try:
                self._connect()
                self._serve()
            except (Lost, Malformed) as why:
                error = str(why)
                self.malformed += isinstance(why, Malformed)
            except (OSError, ValueError) as why:
                error = type(why).__name__
            except Exception as why:
                # Whatever a peer could make us stumble over must not end the bind for good, nor be logged in full.
                error = f"bug:{type(why).__name__}"
            was_useful = self._was_useful
            self._disconnect(error or "closed")
            if error and not self._stopping.is_set():
                logger.warning("The %s of %s has ended: %s", self._command, self._peer.name, error)
            if was_useful:
                pause = _FIRST_PAUSE
            self._stopping.wait(min(_LONGEST_PAUSE, pause * random.uniform(1.0, 1.5)))
            pause = min(_LONGEST_PAUSE, pause * 2)

    def _reset(self) -> None:
        self._inbound = bytearray()
        self._outbound = b""  # begun: the socket has taken a part of it
        self._outbound_by = 0.0  # the earliest deadline within it
        self._control: list[bytes] = []
        self._was_useful = False
        self._enquired_at: float | None = None
        self._suspect_since: float | None = None
        self._unbound_at: float | None = None
        self._wants_write = False
        self._next_deadline = math.inf

    def _connect(self) -> None:
        peer = self._peer
        self._reset()
        sock = socket.create_connection((peer.host, peer.port), timeout=peer.response_seconds)
        self._socket = sock  # closed by _disconnect, whatever happens next
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if peer.context is not None:
            self._socket = sock = peer.context.wrap_socket(sock, server_hostname=peer.host)
        sock.setblocking(False)
        self.generation += 1
        self._sequence = 0
        self._opened_at = self._heard_at = time.monotonic()
        self._control.append(
            pdus.write(
                self._command,
                self._next_sequence(),
                system_id=peer.system_id,
                password=peer.password,
                system_type=peer.system_type,
            )
        )

    def _disconnect(self, error: str) -> None:
        """Close, and tell of everything under way what became of it."""
        with self._posting:
            self.is_bound, self.last_error = False, error[:60]
            posted = list(self._posted)
            self._posted.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        for sent in self._sent.values():
            sent.handing.settle(Verdict.UNCERTAIN, f"lost:{error}"[:60])
        self._sent.clear()
        self._late.clear()
        for item in [*(handing for handing, _ in self._queue), *posted]:
            if isinstance(item, Handing):
                item.never_written("not_bound")
            elif isinstance(item, Query):
                item.is_answered.set()
        self._queue.clear()
        for query in self._queries.values():
            query.is_answered.set()
        self._queries.clear()

    def _serve(self) -> None:
        """Write and read until the connection breaks (raises) or we have unbound (returns)."""
        while True:
            now = time.monotonic()
            self._take_posted()
            self._give_up(now)
            self._keep_alive(now)
            if self._is_unbound(now):
                return
            self._write(now)
            for ready in self._select(time.monotonic()):
                if ready is self._waken:
                    with contextlib.suppress(BlockingIOError):
                        while self._waken.recv(4096):
                            pass
                elif self._receive():
                    return

    def _select(self, now: float) -> list[socket.socket]:
        sock = self._open_socket
        if isinstance(sock, ssl.SSLSocket) and sock.pending():
            return [sock]
        writing = [sock] if self._outbound or self._wants_write else []
        reading, writable, _ = select.select([sock, self._waken], writing, [], self._time_left(now))
        self._wants_write = False
        # TLS may have to read before it can write, and the other way round: both are tried whenever either can be.
        return list({*reading, *(writable if isinstance(sock, ssl.SSLSocket) else ())})

    @property
    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            raise Lost("closed")
        return self._socket

    def _time_left(self, now: float) -> float:
        """Seconds until something is due without the peer's or our doing."""
        peer = self._peer
        dues = [now + 1.0, self._heard_at + peer.enquire_link_seconds]
        if self._sent:
            dues.append(next(iter(self._sent.values())).at + peer.response_seconds)
            if self._enquired_at is None:
                dues.append(max(self._heard_at, self._oldest_sent()) + peer.response_seconds / 2)
        if self._enquired_at is not None:
            dues.append(self._enquired_at + peer.response_seconds)
        if self._queue and self.is_bound:
            dues.append(self._next_deadline - _MARGIN)
            is_blocked = self._outbound or self._wants_write or self._suspect_since is not None
            if self.in_flight < peer.window and not is_blocked:
                dues.append(now + self._pace.wait(now))
        return max(0.0, min(dues) - now)

    # Patience

    def _give_up(self, now: float) -> None:
        """Let go of what has waited too long: for an answer, for its turn, for the peer to read."""
        patience = self._peer.response_seconds
        if not self.is_bound and now > self._opened_at + patience:
            raise Lost("bind_timeout")
        if self._outbound and now > self._outbound_by:
            raise Lost("write_timeout")
        while self._sent:
            sequence, sent = next(iter(self._sent.items()))
            if now < sent.at + patience:
                break
            del self._sent[sequence]
            self._late[sequence] = now
            sent.handing.settle(Verdict.UNCERTAIN, "no_answer_from_smsc")
            self._suspect_since = now  # write nothing more into what may be a black hole
        while self._late and now > next(iter(self._late.values())) + 2 * patience:
            del self._late[next(iter(self._late))]
        if self._queue and now >= self._next_deadline - _MARGIN:
            self._end_overdue(now)

    def _end_overdue(self, now: float) -> None:
        """Nothing is written after its deadline (M1)."""
        for handing, _ in self._queue:
            if now >= handing.message.deadline - _MARGIN:
                handing.never_written("deadline")
        self._queue = deque(entry for entry in self._queue if not entry[0].is_settled)
        self._next_deadline = min((handing.message.deadline for handing, _ in self._queue), default=math.inf)

    def _oldest_sent(self) -> float:
        return next(iter(self._sent.values())).at

    def _keep_alive(self, now: float) -> None:
        """Ask whether the peer is there: after a silence, and sooner when it owes us answers."""
        peer = self._peer
        if self._enquired_at is not None:
            if now > self._enquired_at + peer.response_seconds:
                raise Lost("silent")
            return
        if not self.is_bound:
            return
        is_owed = bool(self._sent) and now >= max(self._heard_at, self._oldest_sent()) + peer.response_seconds / 2
        if is_owed or self._suspect_since is not None or now >= self._heard_at + peer.enquire_link_seconds:
            self._enquired_at = now
            self._control.append(pdus.write("enquire_link", self._next_sequence()))

    def _is_unbound(self, now: float) -> bool:
        """When we are to end: wait for what was written, say goodbye, and end without an answer if need be."""
        if not self._stopping.is_set():
            return False
        while self._queue:
            self._queue.popleft()[0].never_written("stopping")
        if not self.is_bound:
            return True
        if self._unbound_at is None and not self._sent and not self._outbound:
            self._unbound_at = now
            self._control.append(pdus.write("unbind", self._next_sequence()))
        return self._unbound_at is not None and now > self._unbound_at + _UNBIND_SECONDS

    # Writing

    def _next_sequence(self) -> int:
        self._sequence = self._sequence % 0x7FFFFFFF + 1
        return self._sequence

    def _take_posted(self) -> None:
        while self._posted:
            item = self._posted.popleft()
            if isinstance(item, Handing):
                self._queue.append((item, 0))
                self._next_deadline = min(self._next_deadline, item.message.deadline)
            elif isinstance(item, Query):
                self._ask(item)
            elif item[0] == self.generation:
                self._control.append(item[1])

    def _ask(self, query: Query) -> None:
        sequence, source = self._next_sequence(), self._peer.source
        self._queries[sequence] = query
        self._control.append(
            pdus.write(
                "query_sm",
                sequence,
                message_id=query.network_id,
                source_addr_ton=source.ton,
                source_addr_npi=source.npi,
                source_addr=source.number,
            )
        )

    def _write(self, now: float) -> None:
        """Write what is begun, what we owe the peer, and messages: as much as the socket takes, and no more."""
        while self._outbound:
            if not self._push(self._outbound):
                return
        if self._control:
            octets, self._control = b"".join(self._control), []
            self._outbound_by = now + self._peer.response_seconds
            self._push(octets)
        while not self._outbound and self.is_bound and self._suspect_since is None:
            chunk = self._chunk(time.monotonic())
            if not chunk:
                return
            self._submit(chunk)

    def _push(self, octets: bytes) -> int:
        """Write; what the socket does not take is begun. Return how many octets it took."""
        try:
            count = self._open_socket.send(octets)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            count = 0
            self._wants_write = True
        self._outbound = octets[count:]
        return count

    def _chunk(self, now: float) -> list[tuple[Handing, int, bytes, int]]:
        """The next messages' parts as PDUs: those that window, pace and deadline allow, within one write."""
        room = min(self._peer.window - self.in_flight, self._pace.available(now), len(self._queue))
        chunk, size = [], 0
        while room > 0 and self._queue and size < _CHUNK:
            handing, number = self._queue.popleft()
            if handing.is_settled:
                continue
            if now >= handing.message.deadline - _MARGIN:
                handing.never_written("deadline")
                continue
            sequence = self._next_sequence()
            octets = self._pdu(handing, number, sequence)
            chunk.append((handing, number, octets, sequence))
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

    def _submit(self, chunk: list[tuple[Handing, int, bytes, int]]) -> None:
        """Write PDUs. A PDU of which nothing was taken goes back to the queue: it is not written."""
        octets = b"".join(entry[2] for entry in chunk)
        now = time.monotonic()
        for handing, number, _, sequence in chunk:
            self._sent[sequence] = _Sent(handing, number, now)
            handing.in_flight += 1
        taken = self._push(octets)
        if isinstance(self._open_socket, ssl.SSLSocket) and self._outbound:
            taken = len(octets)  # a record was begun with all of it
        ends, begun = 0, 0
        for position, (_, _, pdu, _) in enumerate(chunk):
            if ends < taken:
                begun = position + 1
            ends += len(pdu)
        for handing, number, pdu, sequence in reversed(chunk[begun:]):
            del self._sent[sequence]
            handing.in_flight -= 1
            self._put_first(handing, number)
            self._outbound = self._outbound[: -len(pdu)]
        self._wants_write |= begun < len(chunk)
        if self._outbound:
            self._outbound_by = min(
                now + self._peer.response_seconds, *(entry[0].message.deadline for entry in chunk[:begun])
            )
        self._pace.take(begun, now)

    # Reading

    def _receive(self) -> bool:
        """Read what there is; True when the peer has let us go."""
        try:
            octets = self._open_socket.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except ssl.SSLWantWriteError:
            self._wants_write = True
            return False
        if not octets:
            raise Lost("closed_by_smsc")
        buffer = self._inbound
        buffer += octets
        at, now = 0, time.monotonic()
        is_over = False
        while not is_over and (length := pdus.length_of(buffer, at)) is not None:
            is_over = self._act(pdus.read(bytes(buffer[at : at + length])), now)
            at += length
        del buffer[:at]
        if at:
            self._heard_at = now
            self._enquired_at = self._suspect_since = None
        return is_over

    def _act(self, heard: Heard, now: float) -> bool:
        """Do what a PDU asks; True when the connection is over."""
        name = heard.name
        if name == "submit_sm_resp" or (name == "generic_nack" and heard.sequence in self._sent):
            self._answered(heard, now)
        elif name == "deliver_sm":
            self._heard(self, heard)
        elif name == "enquire_link":
            self._control.append(pdus.write("enquire_link_resp", heard.sequence))
        elif name == f"{self._command}_resp":
            self._bound(heard)
        elif name in ("query_sm_resp", "generic_nack") and heard.sequence in self._queries:
            self._told(self._queries.pop(heard.sequence), heard)
        elif name == "unbind":
            if not self._outbound:
                self._push(pdus.write("unbind_resp", heard.sequence))
            raise Lost("unbound_by_smsc")
        elif name == "unbind_resp":
            return True
        elif name in ("data_sm", "outbind") or (name.startswith("bind_") and not name.endswith("_resp")):
            self._control.append(pdus.write("generic_nack", heard.sequence, status=pdus.INVALID_COMMAND))
        return False

    def _bound(self, heard: Heard) -> None:
        if heard.status != pdus.OK:
            raise Lost(f"bind:{heard.status:#04x}")
        with self._posting:
            self.is_bound, self.last_error = True, ""

    def _told(self, query: Query, heard: Heard) -> None:
        if heard.status == pdus.OK and heard.fields is not None:
            query.state = heard.fields.message_state
        query.is_answered.set()

    def _answered(self, heard: Heard, now: float) -> None:
        self._late.pop(heard.sequence, None)
        sent = self._sent.pop(heard.sequence, None)
        if sent is None:
            return
        handing = sent.handing
        handing.in_flight -= 1
        if heard.status == pdus.OK and heard.name == "submit_sm_resp":
            self._was_useful = True
            self._accepted(handing, sent.number, heard.message_id)
            return
        error = f"smpp:{heard.status:#04x}"
        if heard.status in (pdus.THROTTLED, pdus.QUEUE_FULL):
            self._pace.throttled(written_at=sent.at, now=now)
        if heard.status not in _RETRY_AFTER:
            handing.settle(Verdict.REJECTED, error)
        elif handing.accepted == 0:
            handing.settle(Verdict.RETRY, error, retry_after=_RETRY_AFTER[heard.status])
        elif not handing.is_settled:
            self._put_first(handing, sent.number)
        if heard.status == pdus.INVALID_BIND_STATE:
            raise Lost(error)

    def _accepted(self, handing: Handing, number: int, network_id: str) -> None:
        handing.ids[number] = network_id
        handing.accepted += 1
        if handing.is_settled:
            return
        if handing.accepted == len(handing.parts):
            handing.settle(Verdict.ACCEPTED)
        elif number == 0 and handing.accepted == 1:
            for following in reversed(range(1, len(handing.parts))):
                self._put_first(handing, following)

    def _put_first(self, handing: Handing, number: int) -> None:
        """What is begun goes before what is not."""
        self._queue.appendleft((handing, number))
        self._next_deadline = min(self._next_deadline, handing.message.deadline)
