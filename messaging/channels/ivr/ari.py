"""Asterisk's REST interface: requests, each on a connection of its own, and the WebSocket that brings events.

Neither exceptions nor log lines hold a password or what a body holds; the password travels in a header, never in an
address that a proxy might log.
"""

import base64
import contextlib
import http.client
import json
import logging
import random
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

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


class Unreachable(Exception):
    """No connection: nothing was asked."""


class Unanswered(Exception):
    """It was asked, and may have been done."""


class TooLate(Exception):
    """The deadline passed before anything was asked."""


class Rest:
    """Requests to Asterisk, safe to use from any thread."""

    def __init__(self, *, url: str, username: str, password: str, ca_file: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("ivr: url must be like http://127.0.0.1:8088/ari")
        self.tls = ssl.create_default_context(cafile=ca_file or None) if parts.scheme == "https" else None
        self.host, self.port = parts.hostname, parts.port or (443 if self.tls else 80)
        self.base = parts.path.rstrip("/")
        self.headers = {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}

    def ask(
        self, method: str, path: str, *, body: dict[str, Any] | None = None, before: float | None = None, **query: str
    ) -> tuple[int, Any]:
        """Send one request and return (status, decoded answer); nothing is sent once time.monotonic() is `before`.

        Raises Unreachable, TooLate (both: nothing was sent), Unanswered.
        """
        connection = self._connect(before)
        try:
            if before is not None and time.monotonic() >= before:
                raise TooLate
            return self._exchange(connection, method, self._target(path, query), body)
        finally:
            connection.close()

    def events_url(self, app: str) -> str:
        """The address of the WebSocket."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        target = self._target("/events", {"app": app})
        return f"{'wss' if self.tls else 'ws'}://{host}:{self.port}{target}"

    def _target(self, path: str, query: dict[str, str]) -> str:
        return self.base + quote(path) + ("?" + urlencode(query) if query else "")

    def _connect(self, before: float | None) -> http.client.HTTPConnection:
        patience = _CONNECTING if before is None else min(_CONNECTING, before - time.monotonic())
        if patience <= 0:
            raise TooLate
        connection = (
            http.client.HTTPSConnection(self.host, self.port, timeout=patience, context=self.tls)
            if self.tls
            else http.client.HTTPConnection(self.host, self.port, timeout=patience)
        )
        try:
            connection.connect()
        except OSError:
            connection.close()
            raise Unreachable from None
        connection.sock.settimeout(_ANSWERING)
        return connection

    def _exchange(
        self, connection: http.client.HTTPConnection, method: str, target: str, body: dict[str, Any] | None
    ) -> tuple[int, Any]:
        headers = {**self.headers, "Connection": "close"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, target, body=None if body is None else json.dumps(body), headers=headers)
            with connection.getresponse() as response:
                text = response.read(_LONGEST_ANSWER)
                return response.status, _decoded(text)
        except (OSError, http.client.HTTPException):
            raise Unanswered from None


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
            except (OSError, WebSocketException, Unreachable, Unanswered) as error:
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
    return "not_connected" if isinstance(error, OSError | Unreachable) else "events_lost"
