"""Requests to HTTP gateways: kept-alive connections, one deadline for an exchange, and an exact account of failure.

What matters to a sender is whether the gateway may have taken the message. NotSent says that it cannot have: nothing
had been written yet. Unanswered says that nobody knows. Neither says where to: a query may hold a number (M6).
"""

import http.client
import io
import select
import socket
import ssl
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

MOST_BYTES = 16 * 1024  # of an answer
# A gateway may close an idle connection just as we write to it, and then nobody knows: do not reuse old ones.
_IDLE_SECONDS = 10.0
_PROBE_SECONDS = 0.5
_PROBE_EVERY = 2.0
_MOST_DOUBTS = 5
_DOUBT_SECONDS, _LONGEST_DOUBT_SECONDS = 15.0, 300.0


class NotSent(Exception):
    """No connection came about: the gateway has seen nothing."""


class TooLate(Exception):
    """There was no time left to begin: the gateway has seen nothing."""


class Unanswered(Exception):
    """The request went out, in part or whole, and no sound answer came."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gateway said; `body` is cut off at MOST_BYTES."""

    status: int
    body: bytes
    cookies: str  # as the next request of the same session gives them back

    @property
    def text(self) -> str:
        """The body's beginning as text, for telling answers apart."""
        return self.body[:200].decode("utf-8", "replace").strip()


class _Timed(io.RawIOBase):
    """A socket's reading side that gives up at one instant, however slowly bytes trickle in.

    It reads through a file of the socket's own: http.client closes the connection while it reads the headers of an
    answer that is the last, and the socket stays open for as long as a file of it does.
    """

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock, self._until = sock, until
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._until))
        return self._file.readinto(buffer) or 0

    def close(self) -> None:
        """Let go of the socket."""
        self._file.close()
        super().close()

    def makefile(self, mode: str) -> io.BufferedReader:
        """What http.client asks of a socket."""
        return io.BufferedReader(self)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


@dataclass(slots=True)
class _Idle:
    connection: http.client.HTTPConnection
    since: float


class Gateway:
    """One gateway's address and our idle connections to it. Safe to use from several threads."""

    def __init__(self, url: str, *, ca_file: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ImproperlyConfigured("A gateway's url is http(s)://host[:port]/path without user, password or query")
        self.host, self.path = parts.hostname, parts.path or "/"
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context(cafile=ca_file or None) if parts.scheme == "https" else None
        self._idle: deque[_Idle] = deque()
        self._lock = threading.Lock()
        self._closed = False

    def exchange(
        self,
        method: str,
        *,
        query: str = "",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        begin_by: float,
        seconds: float,
    ) -> Answer:
        """Send a request, not after `begin_by` (time.monotonic()), and wait `seconds` at most for all of the answer.

        Raises TooLate, NotSent or Unanswered.
        """
        connection = self._connection(min(seconds, begin_by - time.monotonic()))
        if time.monotonic() > begin_by:
            self._keep(connection)
            raise TooLate
        try:
            answer, is_reusable = _exchange(connection, method, self.path + query, body, headers or {}, seconds)
        except TimeoutError as error:
            connection.close()
            raise Unanswered("timeout") from error
        except OSError as error:
            connection.close()
            raise Unanswered("broken") from error
        except http.client.HTTPException as error:
            connection.close()
            raise Unanswered("garbage") from error
        except BaseException:
            connection.close()
            raise
        if is_reusable:
            self._keep(connection)
        else:
            connection.close()
        return answer

    def probe(self) -> bool:
        """True when somebody listens there, with the right certificate if it is to have one."""
        try:
            self._connect(_PROBE_SECONDS).close()
        except NotSent:
            return False
        return True

    def close(self) -> None:
        """Close what is idle, and what is in use as soon as it is given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = list(self._idle), deque()
        for entry in idle:
            entry.connection.close()

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        while (kept := self._take()) is not None:
            if time.monotonic() - kept.since < _IDLE_SECONDS and not _is_ended(kept.connection):
                return kept.connection
            kept.connection.close()
        if seconds <= 0:
            raise TooLate
        return self._connect(seconds)

    def _connect(self, seconds: float) -> http.client.HTTPConnection:
        connection = (
            http.client.HTTPSConnection(self.host, self.port, timeout=seconds, context=self._tls)
            if self._tls
            else http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        )
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise NotSent(_word(error)) from error
        connection.auto_open = 0  # a connection that broke must not be opened anew behind our back
        return connection

    def _take(self) -> _Idle | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _keep(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(_Idle(connection, time.monotonic()))
                return
        connection.close()


def _word(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    return "certificate" if isinstance(error, ssl.SSLCertVerificationError) else "no_connection"


def _is_ended(connection: http.client.HTTPConnection) -> bool:
    """True when the other side has closed an idle connection, or says what nobody asked for."""
    return connection.sock is None or bool(select.select([connection.sock], [], [], 0)[0])


def _exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    headers: dict[str, str],
    seconds: float,
) -> tuple[Answer, bool]:
    until = time.monotonic() + seconds
    connection.sock.settimeout(seconds)

    def timed(sock: socket.socket, **given: Any) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(_Timed(sock, until), **given)  # type: ignore[arg-type]

    connection.response_class = timed  # type: ignore[assignment]
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    try:
        content = response.read(MOST_BYTES + 1)
        is_reusable = not response.will_close and len(content) <= MOST_BYTES and response.isclosed()
        cookies = "; ".join(line.partition(";")[0].strip() for line in response.headers.get_all("Set-Cookie") or ())
        return Answer(response.status, content[:MOST_BYTES], cookies[:4000]), is_reusable
    finally:
        response.close()


class Standing:
    """Whether a gateway is worth trying: after a failure it rests, and then must listen before it gets a message.

    One that answers so that nobody knows what became of the message rests as well, after some such answers in a row:
    each of them costs a message. It then gets one at a time, until it answers clearly.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._down_until = 0.0
        self._is_down = False
        self._doubts = 0  # answers in a row that said nothing
        self._lock = threading.Lock()
        self.last_error = ""

    def failed(self, error: str, *, seconds: float = _PROBE_EVERY) -> None:
        """Rest for so long."""
        with self._lock:
            self._is_down, self.last_error = True, error
            self._down_until = max(self._down_until, time.monotonic() + seconds)

    def doubted(self, error: str) -> None:
        """Nobody knows what became of a message; rest when that was not the first, the longer the oftener."""
        with self._lock:
            self._doubts += 1
            too_many = self._doubts - _MOST_DOUBTS
        if too_many >= 0:
            self.failed(error, seconds=min(_DOUBT_SECONDS * 2 ** min(too_many, 10), _LONGEST_DOUBT_SECONDS))

    def worked(self) -> None:
        """It has answered clearly."""
        with self._lock:
            self._is_down, self._down_until, self._doubts = False, 0.0, 0

    def is_resting(self) -> bool:
        """True while nothing is to be tried."""
        return self._is_down and time.monotonic() < self._down_until

    def is_up(self) -> bool:
        """Look at most every two seconds whether a gateway that was down is back."""
        if not self._is_down:
            return True
        if self.is_resting():
            return False
        if self._gateway.probe():
            with self._lock:
                self._is_down = False
            return True
        self.failed(self.last_error)
        return False
