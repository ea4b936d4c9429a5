"""An HTTP gateway of our own in a thread, which answers as it is told, or not at all; and messages to hand over."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from core.lib import clock
from messaging.channels.base import Outgoing


@dataclass(frozen=True)
class Request:
    """One request as it came, and the number of the connection that it came through."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int


# What a behaviour does with a request: bytes to answer with, None to hang up (without a word, or after some).
Behaviour = Callable[[Request], bytes | Iterable[bytes | None] | None]


@dataclass
class FakeGateway:
    """Where it listens and what it was asked; `behave` may be exchanged at any time."""

    port: int
    behave: Behaviour
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    came: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    over: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}{path}"


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    """An HTTP answer that keeps the connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@contextmanager
def serve(behave: Behaviour, *, tls: ssl.SSLContext | None = None) -> Iterator[FakeGateway]:
    """Serve on a loopback port until the block ends; every thread and socket ends with it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gateway = FakeGateway(listener.getsockname()[1], behave, tls)
        threads: list[threading.Thread] = []
        open_sockets: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                if tls is not None:
                    connection = tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
                open_sockets.append(connection)
                thread = threading.Thread(target=_serve, args=(gateway, connection, len(open_sockets)))
                threads.append(thread)
                thread.start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield gateway
        finally:
            gateway.over.set()
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for connection in open_sockets:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def _serve(gateway: FakeGateway, connection: socket.socket, number: int) -> None:
    with connection, connection.makefile("rb") as stream:
        try:
            while line := stream.readline():
                headers: dict[str, str] = {}
                while (header := stream.readline().decode("latin-1").strip()) != "":
                    name, _, value = header.partition(":")
                    headers[name.strip().lower()] = value.strip()
                body = stream.read(int(headers.get("content-length", 0)))
                request = Request(line.decode("latin-1").strip(), headers, body, number)
                gateway.requests.append(request)
                gateway.came.release()
                answer = gateway.behave(request)
                if answer is None:
                    return
                for part in [answer] if isinstance(answer, bytes) else answer:
                    if part is None:
                        return
                    connection.sendall(part)
        except OSError:
            return


def restcomm(behave: Behaviour) -> Behaviour:
    """Read requests as RestComm's HttpServerSbb does: the content type by equality, before anything else.

    Any other is answered with an empty 200 when it would open a dialog; within one it aborts the dialog.
    """

    def read(request: Request) -> bytes | Iterable[bytes | None] | None:
        if request.headers.get("content-type") == "text/xml":
            return behave(request)
        if "cookie" not in request.headers:
            return reply("200 OK")
        choice = "isProcedureCancellationReason_associatedProcedureFailure"
        return reply("200 OK", f'<dialog type="Abort" mapUserAbortChoice="{choice}"/>'.encode())

    return read


@contextmanager
def closed_port() -> Iterator[int]:
    """A loopback port that refuses connections: taken, but not listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


def outgoing(**fields: Any) -> Outgoing:
    """A message that has passed the gate."""
    usual: dict[str, Any] = {
        "message_id": 4211,
        "month": date(2026, 11, 1),
        "fence": 7,
        "number": 1,
        "subscriber_id": 1,
        "msisdn": "77010000001",
        "text": "Сәлем! Шай −20 %",
        "language": "kk",
        "encoding": "ucs2",
        "segments": 1,
        "channel": "sms",
        "message_class": "offer",
        "kind": "offer",
        "gated_at": datetime(2026, 11, 23, 7, tzinfo=UTC),
        "valid_until": clock.now() + timedelta(hours=2, seconds=30),
        "deadline": time.monotonic() + 60,
    }
    return Outgoing(**usual | fields)
