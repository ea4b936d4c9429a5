"""Asterisk's REST interface: requests, and the WebSocket that brings events.

Neither exceptions nor log lines hold a password or what a body holds; the password travels in a header, never in an
address that a proxy might log.
"""

import base64
import contextlib
import json
import logging
import random
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from django.core.exceptions import ImproperlyConfigured
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from core.lib.http.breaker import CircuitBreaker
from core.lib.http.client import HttpClient, NotSent, RequestFailed, Unanswered

Event = dict[str, Any]

logger = logging.getLogger(__name__)

_CONNECTING = 5.0  # seconds
_ANSWERING = 10.0
_KEEPALIVE = 10.0
_TIDY_EVERY = 2.0
_REPLACED = "replaced"
_LONGEST_ANSWER = 1_000_000
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
# The library tells its logger the handshake's headers.
_SILENT = logging.Logger("ari", level=logging.CRITICAL + 1)


class Rest:
    """Requests to Asterisk, safe to use from any thread, and a breaker that each of their answers sets.

    Whoever begins a call asks the breaker first; what ends one is always tried.
    """

    def __init__(self, *, url: str, username: str, password: str, ca_file: str = "") -> None:
        try:
            # Each request has a connection of its own: Asterisk closes idle ones when it likes, and a call is lost
            # whose order was being written.
            self._client = HttpClient(url, ca_file=ca_file, most_bytes=_LONGEST_ANSWER, idle_seconds=0)
        except ImproperlyConfigured as error:
            raise ValueError(f"ivr: {error}") from None
        self.tls = self._client.tls
        self.headers = {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}
        self.breaker = CircuitBreaker(probe=self._client.probe, trial_seconds=_ANSWERING)

    def ask(
        self, method: str, path: str, *, body: dict[str, Any] | None = None, before: float | None = None, **query: str
    ) -> tuple[int, Any]:
        """Send one request and return (status, decoded answer); nothing is sent once time.monotonic() is `before`.

        Raises NotSent, TooLate (both: nothing was sent), Unanswered.
        """
        connected_by = time.monotonic() + _CONNECTING
        headers = {**self.headers, "Connection": "close"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = self._client.exchange(
                method,
                quote(path),
                query=_query(query),
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                seconds=_ANSWERING,
                begin_by=connected_by if before is None else min(connected_by, before),
            )
        except NotSent:
            self.breaker.failed("not_connected")
            raise
        except Unanswered:
            self.breaker.doubted("no_reply")
            raise
        if is_unclear(answer.status):
            self.breaker.doubted(f"ari_{answer.status}")
        else:
            self.breaker.worked()
        return answer.status, _decoded(answer.body)

    def events_url(self, app: str) -> str:
        """The address of the WebSocket."""
        client = self._client
        host = f"[{client.host}]" if ":" in client.host else client.host
        base = client.path.rstrip("/")
        return f"{'wss' if client.tls else 'ws'}://{host}:{client.port}{base}/events{_query({'app': app})}"


def is_unclear(status: int) -> bool:
    """True of an answer that a proxy gives: Asterisk may have heard of the request. Its own are 500 and 503."""
    return status > 500 and status != 503


def _query(query: dict[str, str]) -> str:
    return "?" + urlencode(query) if query else ""


class Events:
    """The WebSocket, kept open by one thread.

    `came_up` is called before anything may rely on it, `arrived` for each event, `went_down` when it is lost, `tidy`
    every few seconds between; all in that thread.
    """

    def __init__(
        self,
        rest: Rest,
        *,
        app: str,
        came_up: Callable[[], None],
        arrived: Callable[[Event], None],
        went_down: Callable[[], None],
        tidy: Callable[[], None],
    ) -> None:
        self._url, self._headers, self._tls = rest.events_url(app), rest.headers, rest.tls
        self._came_up, self._arrived, self._went_down, self._tidy = came_up, arrived, went_down, tidy
        self._closing = threading.Event()
        self._socket: ClientConnection | None = None
        self.up = threading.Event()
        self.last_error = ""
        self._thread = threading.Thread(target=self._run, name=f"ari-{app}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Close the WebSocket and end its thread."""
        self._closing.set()
        if (socket := self._socket) is not None:
            socket.close()
        self._thread.join()

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while not self._closing.is_set():
            try:
                with self._open() as self._socket:
                    self._listen(self._socket)
            except (OSError, WebSocketException, RequestFailed) as error:
                if self.last_error != _REPLACED:
                    self.last_error = _word(error)
            except Exception as error:
                logger.error("The thread of Asterisk's events: %s", type(error).__name__)
                self.last_error = "internal"
            finally:
                self._socket = None
                if self.up.is_set():
                    self.up.clear()
                    self._went_down()
                    pause = _LONGEST_PAUSE if self.last_error == _REPLACED else _FIRST_PAUSE
                    if not self._closing.is_set():
                        logger.warning("Asterisk's events are lost: %s", self.last_error or "closed")
            self._closing.wait(pause * random.uniform(0.75, 1.25))
            pause = min(_LONGEST_PAUSE, 2 * pause)

    def _open(self) -> ClientConnection:
        return connect(
            self._url,
            additional_headers=self._headers,
            ssl=self._tls,
            open_timeout=_CONNECTING,
            ping_interval=_KEEPALIVE,
            ping_timeout=_KEEPALIVE,
            close_timeout=1,
            compression=None,
            user_agent_header=None,
            proxy=None,
            logger=_SILENT,
        )

    def _listen(self, socket: ClientConnection) -> None:
        if self._closing.is_set():
            return
        self._came_up()
        self.last_error = ""
        self.up.set()
        tidied_at = time.monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                self._take(socket.recv(timeout=_TIDY_EVERY))
            if time.monotonic() - tidied_at >= _TIDY_EVERY:
                self._tidy()
                tidied_at = time.monotonic()

    def _take(self, frame: str | bytes) -> None:
        event = _decoded(frame)
        if not isinstance(event, dict) or not isinstance(event.get("type"), str):
            return
        if event["type"] == "ApplicationReplaced":  # another process took the application's name
            self.last_error = _REPLACED
        self._arrived(event)


def _decoded(text: str | bytes) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _word(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate"
    if isinstance(error, InvalidStatus):
        return f"ari_{error.response.status_code}"
    return "not_connected" if isinstance(error, OSError | NotSent) else "events_lost"
