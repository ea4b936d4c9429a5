"""A small SMSC in a thread: as much of SMPP 3.4 as Kannel asks for, from the specification and none of our own code."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_BIND_TRANSCEIVER, _SUBMIT, _DELIVER, _UNBIND, _ENQUIRE = 0x09, 0x04, 0x05, 0x06, 0x15
_RESPONSE = 0x80000000


@dataclass(frozen=True)
class Submitted:
    """One submit_sm."""

    source: str
    destination: str
    esm_class: int
    validity_period: str
    registered_delivery: int
    data_coding: int
    short_message: bytes

    @property
    def part(self) -> tuple[int, int]:
        """Which part of how many, from the header before the text."""
        if not self.esm_class & 0x40:
            return 1, 1
        return self.short_message[5], self.short_message[4]

    @property
    def text(self) -> str:
        """The part's text; only UCS-2 is needed here."""
        skip = self.short_message[0] + 1 if self.esm_class & 0x40 else 0
        assert self.data_coding == 8
        return self.short_message[skip:].decode("utf-16-be")


@dataclass
class SmallSmsc:
    """Where it listens and what it was given. `refuse_with` is the status of its answers to submit_sm."""

    port: int
    bound: threading.Event = field(default_factory=threading.Event)
    submitted: list[Submitted] = field(default_factory=list)
    refuse_with: int = 0


@contextmanager
def serve() -> Iterator[SmallSmsc]:
    """Serve one client after another until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        smsc = SmallSmsc(listener.getsockname()[1])
        present: list[socket.socket] = []

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                present[:] = [connection]
                with connection, suppress(OSError):
                    _converse(smsc, connection)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield smsc
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for connection in present:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            thread.join()


def _converse(smsc: SmallSmsc, connection: socket.socket) -> None:
    with connection.makefile("rb") as stream:
        sequence = 0
        while len(header := stream.read(16)) == 16:
            length, command, _status, number = struct.unpack(">IIII", header)
            body = stream.read(length - 16)
            if command == _SUBMIT:
                message = _read(body)
                smsc.submitted.append(message)
                name = b"%08x" % len(smsc.submitted)
                status = smsc.refuse_with
                _send(connection, command | _RESPONSE, status, number, b"" if status else name + b"\0")
                if message.registered_delivery & 1 and not status:
                    sequence += 1
                    _send(connection, _DELIVER, 0, sequence, _receipt(message, name))
            elif command in (_BIND_TRANSCEIVER, _UNBIND, _ENQUIRE):
                _send(connection, command | _RESPONSE, 0, number, b"smsc\0" if command == _BIND_TRANSCEIVER else b"")
                if command == _BIND_TRANSCEIVER:
                    smsc.bound.set()


def _send(connection: socket.socket, command: int, status: int, number: int, body: bytes) -> None:
    connection.sendall(struct.pack(">IIII", 16 + len(body), command, status, number) + body)


def _read(body: bytes) -> Submitted:
    _service, rest = body.split(b"\0", 1)
    source, rest = rest[2:].split(b"\0", 1)
    destination, rest = rest[2:].split(b"\0", 1)
    esm_class = rest[0]
    _schedule, rest = rest[3:].split(b"\0", 1)
    validity, rest = rest.split(b"\0", 1)
    registered, _replace, coding, _default, length = rest[:5]
    return Submitted(
        source.decode(), destination.decode(), esm_class, validity.decode(), registered, coding, rest[5 : 5 + length]
    )


def _receipt(message: Submitted, name: bytes) -> bytes:
    text = (
        b"id:%s sub:001 dlvrd:001 submit date:2611231200 done date:2611231200 stat:DELIVRD err:000 text:%s"
        % (name, message.destination.encode())  # some networks repeat the number here
    )
    addresses = b"\1\1%s\0\0\0%s\0" % (message.destination.encode(), message.source.encode())
    return b"\0" + addresses + bytes([4, 0, 0, 0, 0, 0, 0, 0, 0, len(text)]) + text
