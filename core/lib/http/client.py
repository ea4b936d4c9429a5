"""The one HTTP client: kept-alive connections, one deadline for an exchange, and an exact account of failure.

What matters to a caller is whether the other side may have done what it was asked. NotSent and TooLate say that it
cannot have: nothing had been written yet. Unanswered says that nobody knows. None of them says where to: a query may
hold a number (M6).
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

MOST_BYTES = 16 * 1024  # of an answer, unless a client asks for more
# A peer may close an idle connection just as we write to it, and then nobody knows: do not reuse old ones.
IDLE_SECONDS = 10.0
_PROBE_SECONDS = 0.5


class RequestFailed(Exception):
    """No sound answer came."""


class NotSent(RequestFailed):
    """No connection came about: the peer has seen nothing."""


class TooLate(RequestFailed):
    """There was no time left to begin: the peer has seen nothing."""


class Unanswered(RequestFailed):
    """The request went out, in part or whole, and no sound answer came."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a peer said; `body` is cut off at the client's most bytes."""

    status: int
    body: bytes
    cookies: str  # as the next request of the same session gives them back

    @property
    def text(self) -> str:
        """The body's beginning as text, for telling answers apart."""
        return self.body[:200].decode("utf-8", "replace").strip()


class HttpClient:
    """One peer's address and our idle connections to it. Safe to use from several threads.

    `idle_seconds` is how long a connection may wait for its next request; with 0 each request has one of its own.
    """

    def __init__(
        self, url: str, *, ca_file: str = "", most_bytes: int = MOST_BYTES, idle_seconds: float = IDLE_SECONDS
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            raise ImproperlyConfigured("A url must be http(s)://host[:port]/path without user, password or query")
        self.host, self.path = parts.hostname, parts.path or "/"
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.tls = ssl.create_default_context(cafile=ca_file or None) if parts.scheme == "https" else None
        self._most_bytes, self._idle_seconds = most_bytes, idle_seconds
        self._idle: deque[_Idle] = deque()
        self._lock = threading.Lock()
        self._closed = False

    def exchange(
        self,
        method: str,
        path: str = "",
        *,
        query: str = "",
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        seconds: float,
        begin_by: float | None = None,
    ) -> HttpAnswer:
        """Send a request, not after `begin_by` (time.monotonic()), and wait `seconds` at most for all of the answer.

        `path`, when there is one, is below the client's own; connecting is part of the seconds.
        Raises TooLate, NotSent or Unanswered.
        """
        end = time.monotonic() + seconds
        begin_by = end if begin_by is None else min(begin_by, end)
        connection = self._connection(begin_by)
        if time.monotonic() > begin_by:
            self._keep(connection)
            raise TooLate
        target = (self.path.rstrip("/") + path if path else self.path) + query
        try:
            answer, is_reusable = _exchange(connection, method, target, body, headers or {}, end, self._most_bytes)
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

    def _connection(self, begin_by: float) -> http.client.HTTPConnection:
        while (kept := self._take()) is not None:
            if time.monotonic() - kept.since < self._idle_seconds and not _is_ended(kept.connection):
                return kept.connection
            kept.connection.close()
        seconds = begin_by - time.monotonic()
        if seconds <= 0:
            raise TooLate
        return self._connect(seconds)

    def _connect(self, seconds: float) -> http.client.HTTPConnection:
        connection = (
            http.client.HTTPSConnection(self.host, self.port, timeout=seconds, context=self.tls)
            if self.tls
            else http.client.HTTPConnection(self.host, self.port, timeout=seconds)
        )
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            raise NotSent(_word(error)) from error
        connection.auto_open = 0  # a connection that broke must not be opened anew behind our back
        return connection

    def _take(self) -> "_Idle | None":
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _keep(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if self._idle_seconds > 0 and not self._closed:
                self._idle.append(_Idle(connection, time.monotonic()))
                return
        connection.close()


@dataclass(slots=True)
class _Idle:
    connection: http.client.HTTPConnection
    since: float


class _Timed(io.RawIOBase):
    """A socket's reading side that gives up at one instant, however slowly bytes trickle in.

    It reads through a file of the socket's own: http.client closes the connection while it reads the headers of an
    answer that is the last, and the socket stays open for as long as a file of it does.
    """

    def __init__(self, sock: socket.socket, end: float) -> None:
        self._sock, self._end = sock, end
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(_left(self._end))
        return self._file.readinto(buffer) or 0

    def close(self) -> None:
        """Let go of the socket."""
        self._file.close()
        super().close()

    def makefile(self, mode: str) -> io.BufferedReader:
        """What http.client asks of a socket."""
        return io.BufferedReader(self)


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _word(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "timeout"
    return "certificate" if isinstance(error, ssl.SSLCertVerificationError) else "no_connection"


def _is_ended(connection: http.client.HTTPConnection) -> bool:
    """True when the other side has closed an idle connection, or says what nobody asked for."""
    if connection.sock is None:
        return True
    poll = select.poll()  # select() takes no descriptor over 1023, and a web server may have more
    poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))


def _exchange(
    connection: http.client.HTTPConnection,
    method: str,
    target: str,
    body: bytes | None,
    headers: dict[str, str],
    end: float,
    most_bytes: int,
) -> tuple[HttpAnswer, bool]:
    connection.sock.settimeout(_left(end))

    def timed(sock: socket.socket, **given: Any) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(_Timed(sock, end), **given)  # type: ignore[arg-type]

    connection.response_class = timed  # type: ignore[assignment]
    connection.request(method, target, body, headers)
    response = connection.getresponse()
    try:
        content = response.read(most_bytes + 1)
        is_reusable = not response.will_close and len(content) <= most_bytes and response.isclosed()
        cookies = "; ".join(line.partition(";")[0].strip() for line in response.headers.get_all("Set-Cookie") or ())
        return HttpAnswer(response.status, content[:most_bytes], cookies[:4000]), is_reusable
    finally:
        response.close()
