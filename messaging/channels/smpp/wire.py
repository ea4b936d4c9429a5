"""A connection's octets: what is begun is finished before anything else, what comes is cut into PDUs."""

import select
import socket
import ssl
import time
from collections.abc import Iterator

from messaging.channels.smpp import pdus
from messaging.channels.smpp.pdus import Heard
from messaging.channels.smpp.peer import Lost, Peer


class Wire:
    """An open connection; nothing blocks but opening it. Every method may raise OSError, Lost or Malformed."""

    def __init__(self, peer: Peer) -> None:
        self._patience = peer.response_seconds
        self._socket = _open(peer)
        self._is_tls = isinstance(self._socket, ssl.SSLSocket)
        self._inbound = bytearray()
        self._outbound = b""  # begun: the socket has taken a part of it
        self._outbound_by = 0.0  # the earliest deadline within it
        self._owed: list[bytes] = []
        self._wants_write = False
        self._sequence = 0

    @property
    def is_begun(self) -> bool:
        """True while a PDU is written in part."""
        return bool(self._outbound)

    @property
    def is_full(self) -> bool:
        """True while the socket takes no more."""
        return bool(self._outbound) or self._wants_write

    def next_sequence(self) -> int:
        """The number of our next PDU."""
        self._sequence = self._sequence % 0x7FFFFFFF + 1
        return self._sequence

    def close(self) -> None:
        """Close, whatever is under way."""
        self._socket.close()

    # Writing

    def owe(self, octets: bytes) -> None:
        """Write this next, before any message."""
        self._owed.append(octets)

    def flush(self, now: float) -> bool:
        """Write what is begun and what is owed; True when the socket takes more. Raises Lost if it takes too long."""
        if self._outbound and now > self._outbound_by:
            raise Lost("write_timeout")
        while self._outbound:
            if not self._push(self._outbound):
                return False
        if self._owed:
            octets, self._owed = b"".join(self._owed), []
            self._outbound_by = now + self._patience
            self._push(octets)
        return not self._outbound

    def send(self, units: list[bytes], *, by: list[float]) -> int:
        """Write PDUs, each by its deadline; return how many are begun. Those of which nothing was taken are not."""
        octets = b"".join(units)
        taken = self._push(octets)
        if self._is_tls and self._outbound:
            taken = len(octets)  # a record was begun with all of it
        ends, begun = 0, 0
        for unit in units:
            if ends >= taken:
                break
            begun += 1
            ends += len(unit)
        if left := len(octets) - ends:
            self._outbound = self._outbound[:-left]
            self._wants_write = True
        if self._outbound:
            self._outbound_by = min(time.monotonic() + self._patience, *by[:begun])
        return begun

    def say_last(self, octets: bytes) -> None:
        """Write at once, if nothing is begun; whether it arrives does not matter any more."""
        if not self._outbound:
            self._push(octets)

    def _push(self, octets: bytes) -> int:
        """Write; what the socket does not take is begun. Return how many octets it took."""
        try:
            count = self._socket.send(octets)
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            count = 0
            self._wants_write = True
        self._outbound = octets[count:]
        return count

    # Reading

    def wait(self, seconds: float, *, also: socket.socket) -> tuple[bool, bool]:
        """Wait until something can be done; return (the connection is to be read, `also` is)."""
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True, False
        writing = [self._socket] if self.is_full else []
        reading, writable, _ = select.select([self._socket, also], writing, [], seconds)
        self._wants_write = False
        # TLS may have to read before it can write, and the other way round: both are tried whenever either can be.
        return self._socket in reading or (self._is_tls and bool(writable)), also in reading

    def read(self) -> Iterator[Heard]:
        """The PDUs that have come whole."""
        try:
            octets = self._socket.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except ssl.SSLWantWriteError:
            self._wants_write = True
            return
        if not octets:
            raise Lost("closed_by_smsc")
        buffer = self._inbound
        buffer += octets
        at = 0
        while (length := pdus.length_of(buffer, at)) is not None:
            yield pdus.read(bytes(buffer[at : at + length]))
            at += length
        del buffer[:at]


def _open(peer: Peer) -> socket.socket:
    sock = socket.create_connection((peer.host, peer.port), timeout=peer.response_seconds)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if peer.context is not None:
            sock = peer.context.wrap_socket(sock, server_hostname=peer.host)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock
