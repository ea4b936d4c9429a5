"""Asterisk as its REST interface shows it: documented requests, answers and events, and callees who do as scripted.

A callee is a list of steps, done in order; one waits for what the step names, never for a time:

    ring, answer, busy, noanswer    what the telephone does
    dial STATUS, destroy CAUSE      the same by their codes
    play, played, failed            waits to be played something: begins, is over, cannot be played
    press KEY                       what the callee does meanwhile
    hangup, cut, vanish             hangs up: what is being played fails after the request to hang up is told, before
                                    it, or without one (Asterisk does either, within a millisecond)
    replay NAME                     tells the events of ari_cases/NAME.jsonl, recorded of a real Asterisk, in order
    stopped                         waits until the playback is stopped
    drop, garbage                   the WebSocket breaks; brings nonsense

After the last step the callee stays on the line until hung up.
"""

import base64
import hashlib
import json
import queue
import socket
import struct
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from core.lib import clock

PATIENCE = 60.0
CASES = Path(__file__).parent / "ari_cases"


class Gone(Exception):
    """Nobody is there any more for whom to go on."""


_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ANSWERS = ("ring", "answer", "played")


@dataclass
class Request:
    """What we were asked, and the status we answered with (0: none)."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any] | None
    target: str
    status: int = 0


@dataclass
class Channel:
    """A call, seen from Asterisk."""

    id: str
    endpoint: str
    app: str
    app_args: str
    variables: dict[str, str]
    state: str = "Down"
    in_stasis: bool = False
    gone: threading.Event = field(default_factory=threading.Event)
    plays: queue.SimpleQueue[dict[str, Any]] = field(default_factory=queue.SimpleQueue)
    playback: dict[str, Any] | None = None
    stopped: set[str] = field(default_factory=set)  # playbacks that were asked to stop
    begun: str = ""  # the playback that began last
    queued: set[str] = field(default_factory=set)  # playbacks asked for and not begun; stopped before they begin: cut
    cut: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def snapshot(self) -> dict[str, Any]:
        """The documented Channel."""
        return {
            "id": self.id,
            "name": f"{self.endpoint.partition('/')[0]}/kcell-{self.id[:8]}",
            "state": self.state,
            "protocol_id": "",
            "caller": {"name": "", "number": ""},
            "connected": {"name": "SMART", "number": "555"},
            "accountcode": "",
            "dialplan": {"context": "default", "exten": "s", "priority": 1, "app_name": "AppDial2", "app_data": ""},
            "creationtime": _timestamp(),
            "language": "en",
        }


class Ari:
    """The server: `with Ari() as ari`, then `ari.url`."""

    def __init__(self, *, username: str = "smart", password: str = "pass:of ari") -> None:
        self.username, self.password = username, password
        self.requests: list[Request] = []
        self.callees: dict[str, tuple[str, ...]] = {}  # by number; who is not named answers and listens
        self.faults: dict[str, int | str | threading.Event] = {}  # by "originate", "play", "hangup", "application"
        self.refuses_websockets = False
        self.channels: dict[str, Channel] = {}
        self.apps: set[str] = set()
        self.sockets: dict[str, socket.socket] = {}
        self._changed = threading.Condition()
        self._sending = threading.Lock()
        self._lines: list[threading.Thread] = []
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        """Where we answer."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/ari"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for fault in self.faults.values():
            if isinstance(fault, threading.Event):
                fault.set()
        for channel in list(self.channels.values()):
            channel.gone.set()
        self.drop_websockets()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for line in self._lines:
            line.join(PATIENCE)

    def asked(self, method: str, part: str = "") -> list[Request]:
        """The requests so far whose path holds a part."""
        return [request for request in list(self.requests) if request.method == method and part in request.path]

    def wait(self, condition: Callable[[], object]) -> None:
        """Wait until something asked or connected makes the condition true."""
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), "it did not happen"

    def note(self, request: Request) -> None:
        """Log a request that has been answered."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()

    def drop_websockets(self) -> None:
        """Break every WebSocket without a word."""
        with self._changed:
            for one in self.sockets.values():
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self.sockets.clear()
            self._changed.notify_all()

    def connected(self, app: str, one: socket.socket) -> None:
        """An application listens; whoever listened under its name is told, and cut off."""
        with self._changed:
            earlier = self.sockets.get(app)
        if earlier is not None:
            self.tell(app, {"type": "ApplicationReplaced"})
            with suppress(OSError):
                earlier.shutdown(socket.SHUT_RDWR)
        with self._changed:
            self.sockets[app] = one
            self.apps.add(app)
            self._changed.notify_all()

    def disconnected(self, app: str, one: socket.socket) -> None:
        """It listens no more."""
        with self._changed:
            if self.sockets.get(app) is one:
                del self.sockets[app]
            self._changed.notify_all()

    def tell(self, app: str, event: dict[str, Any]) -> None:
        """Send an event to whoever listens."""
        full = {**event, "application": app, "timestamp": _timestamp(), "asterisk_id": "02:42:ac:11:00:02"}
        self.tell_raw(app, json.dumps(full))

    def tell_raw(self, app: str, text: str) -> None:
        """Send anything to whoever listens."""
        with self._changed:
            one = self.sockets.get(app)
        if one is not None:
            with self._sending, suppress(OSError):
                one.sendall(frame(1, text.encode()))

    def originate(self, channel: Channel) -> None:
        """Let the callee act."""
        self.channels[channel.id] = channel
        number = next((part for part in channel.endpoint.replace("@", "/").split("/") if part.isdigit()), "")
        line = threading.Thread(target=self._live, args=(channel, self.callees.get(number, ANSWERS)))
        self._lines.append(line)
        line.start()

    def destroy(self, channel: Channel, cause: int, **more: object) -> None:
        """The channel's end."""
        if self.channels.pop(channel.id, None) is None:
            return
        channel.gone.set()
        if channel.in_stasis:
            self.tell(channel.app, {"type": "StasisEnd", "channel": channel.snapshot()})
        texts = {16: "Normal Clearing", 17: "User busy", 19: "User alerting, no answer"}
        self.tell(
            channel.app,
            {
                "type": "ChannelDestroyed",
                "cause": cause,
                "cause_txt": texts.get(cause, "Unknown"),
                "channel": channel.snapshot(),
                **more,
            },
        )

    def finish(self, channel: Channel, state: str = "done") -> None:
        """The playback's end."""
        if channel.playback is not None:
            playback, channel.playback = {**channel.playback, "state": state}, None
            self.tell(channel.app, {"type": "PlaybackFinished", "playback": playback})

    def _live(self, channel: Channel, steps: tuple[str, ...]) -> None:
        for step in steps:
            if channel.gone.is_set():
                return
            verb, _, rest = step.partition(" ")
            try:
                getattr(self, f"_{verb}")(channel, rest)
            except Gone:
                return
        channel.gone.wait(PATIENCE)

    def _ring(self, channel: Channel, _: str) -> None:
        self._dial(channel, "")
        channel.state = "Ringing"
        self._dial(channel, "RINGING")
        self.tell(channel.app, {"type": "ChannelStateChange", "channel": channel.snapshot()})

    def _answer(self, channel: Channel, _: str) -> None:
        channel.state = "Up"
        self._dial(channel, "ANSWER")
        self.tell(channel.app, {"type": "ChannelStateChange", "channel": channel.snapshot()})
        self._enter(channel)

    def _enter(self, channel: Channel) -> None:
        channel.in_stasis = True
        args = channel.app_args.split(",") if channel.app_args else []
        self.tell(channel.app, {"type": "StasisStart", "args": args, "channel": channel.snapshot()})

    def _dial(self, channel: Channel, status: str) -> None:
        event = {"type": "Dial", "dialstatus": status, "dialstring": "", "forward": "", "peer": channel.snapshot()}
        self.tell(channel.app, event)

    def _busy(self, channel: Channel, _: str) -> None:
        self._dial(channel, "BUSY")
        self.destroy(channel, 17)

    def _noanswer(self, channel: Channel, _: str) -> None:
        self._dial(channel, "NOANSWER")
        self.destroy(channel, 19)

    def _destroy(self, channel: Channel, cause: str) -> None:
        self.destroy(channel, int(cause))

    def _play(self, channel: Channel, _: str) -> None:
        end = time.monotonic() + PATIENCE
        while not self._take(channel):
            if channel.gone.wait(0.02) or time.monotonic() > end:
                raise Gone  # hung up before anything was played

    def _take(self, channel: Channel) -> bool:
        """Begin the playback asked for next, if there is one; one that was stopped meanwhile ends at once."""
        with channel.lock:
            try:
                playback = channel.plays.get_nowait()
            except queue.Empty:
                return False
            channel.playback, channel.begun = playback, playback["id"]
            channel.queued.discard(playback["id"])
            self.tell(channel.app, {"type": "PlaybackStarted", "playback": {**playback, "state": "playing"}})
            if playback["id"] in channel.cut:
                self.finish(channel)
            return True

    def _played(self, channel: Channel, _: str) -> None:
        self._play(channel, "")
        self.finish(channel)

    def _failed(self, channel: Channel, _: str) -> None:
        self._play(channel, "")
        self.finish(channel, "failed")

    def _stopped(self, channel: Channel, _: str) -> None:
        end = time.monotonic() + PATIENCE
        while channel.begun not in channel.stopped:
            assert time.monotonic() < end, "nobody stopped it"
            channel.gone.wait(0.02)

    def _press(self, channel: Channel, key: str) -> None:
        event = {"type": "ChannelDtmfReceived", "digit": key, "duration_ms": 100, "channel": channel.snapshot()}
        self.tell(channel.app, event)

    def _hangup(self, channel: Channel, _: str) -> None:
        self._request_hangup(channel)
        self.finish(channel, "failed")
        self.destroy(channel, 16)

    def _cut(self, channel: Channel, _: str) -> None:
        self.finish(channel, "failed")
        self._request_hangup(channel)
        self.destroy(channel, 16)

    def _vanish(self, channel: Channel, _: str) -> None:
        self.finish(channel, "failed")
        self.destroy(channel, 16)

    def _request_hangup(self, channel: Channel) -> None:
        request = {"type": "ChannelHangupRequest", "cause": 16, "soft": False, "channel": channel.snapshot()}
        self.tell(channel.app, request)

    def _replay(self, channel: Channel, name: str) -> None:
        """The recording leaves out what only the call's owner hears: it is put where Asterisk has it."""
        for line in (CASES / f"{name}.jsonl").read_text().splitlines():
            event = json.loads(line)
            match event.pop("type"):
                case "Dial":
                    self._dial(channel, event["dialstatus"])
                case "ChannelStateChange" as kind:
                    channel.state = event["state"]
                    self.tell(channel.app, {"type": kind, "channel": channel.snapshot()})
                case "PlaybackStarted":
                    self._play(channel, "")
                case "PlaybackFinished":
                    self.finish(channel, event["state"])
                case "ChannelDestroyed":
                    self.destroy(channel, event.pop("cause"), **event)
                case kind:
                    self.tell(channel.app, {"type": kind, **event, "channel": channel.snapshot()})
            if channel.state == "Up" and not channel.in_stasis:
                self._enter(channel)

    def _drop(self, _channel: Channel, _: str) -> None:
        self.drop_websockets()

    def _garbage(self, channel: Channel, _: str) -> None:
        for text in ("no json", "[]", "{}", '{"type": 7}', '{"type": "StasisStart", "channel": 7}', ""):
            self.tell_raw(channel.app, text)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # joined when the server closes
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may break off."""


def _handler_of(ari: Ari) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        peer = ari

    return Handler


class _Handler(BaseHTTPRequestHandler):
    """One request, as res_ari answers it."""

    peer: Ari
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """The peer's own log is enough."""

    def do_GET(self) -> None:
        """Events, or an application."""
        self._serve("GET")

    def do_POST(self) -> None:
        """Originate or play."""
        self._serve("POST")

    def do_DELETE(self) -> None:
        """Hang up or stop."""
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        self.close_connection = True
        parts = urlsplit(self.path)
        body = self._body()
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        request = Request(method, unquote(parts.path), query, body if isinstance(body, dict) else None, self.path)
        if not self._is_known(request):
            return self._reply(request, 401, {"message": "Authentication required"})
        if body is ...:
            return self._reply(request, 400, {"message": "Failed to parse request body"})
        names = request.path.removeprefix("/ari/").split("/")
        match method, names:
            case "GET", ["events"]:
                self._websocket(request)
            case "GET", ["applications", app]:
                self._faulty("application", request, lambda: self._application(app))
            case "POST", ["channels", channel]:
                self._faulty("originate", request, lambda: self._originate(request, channel))
            case "POST", ["channels", channel, "play", *name]:
                self._faulty("play", request, lambda: self._play(request, channel, *name))
            case "DELETE", ["channels", channel]:
                self._faulty("hangup", request, lambda: self._hang_up(request, channel))
            case "DELETE", ["playbacks", name]:
                self._faulty("stop", request, lambda: self._stop(name))
            case _:
                self._reply(request, 404, {"message": "Resource not found"})

    def _body(self) -> Any:
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            return json.loads(text) if text else None
        except ValueError:
            return ...

    def _is_known(self, request: Request) -> bool:
        named = f"{self.peer.username}:{self.peer.password}"
        basic = "Basic " + base64.b64encode(named.encode()).decode()
        return self.headers.get("Authorization") == basic or request.query.get("api_key") == named

    def _faulty(self, action: str, request: Request, serve: Callable[[], tuple[int, Any]]) -> None:
        """Answer, unless this action is to go wrong: a status, "close" (before it is done, "close after"), slowly."""
        match self.peer.faults.get(action):
            case int(status):
                self._reply(request, status, {"message": "Scripted"})
            case "close":
                self.peer.note(request)
            case "close after":
                serve()
                self.peer.note(request)
            case threading.Event() as release:
                release.wait(PATIENCE)
                self._reply(request, *serve())
            case _:
                self._reply(request, *serve())

    def _reply(self, request: Request, status: int, answer: Any) -> None:
        text = b"" if answer is None else json.dumps(answer).encode()
        request.status = status
        self.peer.note(request)  # first: who has our answer may look
        with suppress(OSError):
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="Asterisk REST Interface"')
            if text:
                self.send_header("Content-Type", "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(text)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(text)

    def _application(self, app: str) -> tuple[int, Any]:
        if app not in self.peer.apps:
            return 404, {"message": "Application not found"}
        ids = [channel.id for channel in list(self.peer.channels.values()) if channel.app == app]
        empty: list[str] = []
        return 200, {
            "name": app,
            "channel_ids": ids,
            "bridge_ids": empty,
            "endpoint_ids": empty,
            "device_names": empty,
            "events_allowed": empty,
            "events_disallowed": empty,
        }

    def _originate(self, request: Request, channel_id: str) -> tuple[int, Any]:
        asked = {**request.query, **(request.body or {})}
        if not asked.get("endpoint"):
            return 400, {"message": "Endpoint must be specified"}
        if not asked.get("app") and not asked.get("extension"):
            return 400, {"message": "Application or extension must be specified"}
        variables = asked.get("variables", {})
        if not all(isinstance(value, str) for value in variables.values()):
            return 400, {"message": "Only string values in the 'variables' object allowed"}
        if not isinstance(asked.get("timeout", 30), int):
            return 400, {"message": "Invalid timeout"}
        if channel_id in self.peer.channels:
            return 409, {"message": "Channel with given unique ID already exists"}
        channel = Channel(channel_id, asked["endpoint"], asked["app"], asked.get("appArgs", ""), variables)
        snapshot = channel.snapshot()
        self.peer.originate(channel)
        return 200, snapshot

    def _play(self, request: Request, channel_id: str, name: str = "") -> tuple[int, Any]:
        asked = {**request.query, **(request.body or {})}
        channel = self.peer.channels.get(channel_id)
        if channel is None:
            return 404, {"message": "Channel not found"}
        if not channel.in_stasis:
            return 409, {"message": "Channel not in Stasis application"}
        if not str(asked.get("media", "")).startswith(("sound:", "recording:", "number:", "digits:", "tone:")):
            return 400, {"message": "Media must be specified"}
        playback = {
            "id": name or str(uuid.uuid4()),
            "media_uri": asked["media"],
            "target_uri": f"channel:{channel_id}",
            "language": asked.get("lang", "en"),
            "state": "queued",
        }
        with channel.lock:
            channel.queued.add(playback["id"])
            channel.plays.put(playback)
        return 201, playback

    def _hang_up(self, request: Request, channel_id: str) -> tuple[int, Any]:
        code = request.query.get("reason_code", "16")
        if "reason" in request.query and "reason_code" in request.query:
            return 400, {"message": "The reason and reason_code can't both be specified"}
        if not code.isdigit():
            return 400, {"message": "Invalid reason for hangup reason code provided"}
        channel = self.peer.channels.get(channel_id)
        if channel is None:
            return 404, {"message": "Channel not found"}
        self.peer.finish(channel, "failed")
        self.peer.destroy(channel, int(code))
        return 204, None

    def _stop(self, name: str) -> tuple[int, Any]:
        for channel in list(self.peer.channels.values()):
            with channel.lock:
                if channel.playback is not None and channel.playback["id"] == name:
                    self.peer.finish(channel)
                elif name in channel.queued:
                    channel.cut.add(name)
                else:
                    continue
                channel.stopped.add(name)
                return 204, None
        return 404, {"message": "Playback not found"}

    def _websocket(self, request: Request) -> None:
        app = request.query.get("app")
        key = self.headers.get("Sec-WebSocket-Key")
        if not app:
            return self._reply(request, 400, {"message": "HTTP request is missing param: [app]"})
        if self.headers.get("Upgrade", "").lower() != "websocket" or not key:
            return self._reply(request, 426, {"message": "Upgrade Required"})
        if self.peer.refuses_websockets:
            return self._reply(request, 503, {"message": "Scripted"})
        accept = base64.b64encode(hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()).decode()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", accept)
        self.end_headers()
        request.status = 101
        self.peer.connected(app, self.connection)
        self.peer.note(request)
        try:
            self._read_frames()
        finally:
            self.peer.disconnected(app, self.connection)

    def _read_frames(self) -> None:
        """Answer pings and the close; an application has nothing else to say."""
        while head := self.rfile.read(2):
            length = head[1] & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", self.rfile.read(2))
            mask = self.rfile.read(4)
            data = bytes(byte ^ mask[index % 4] for index, byte in enumerate(self.rfile.read(length)))
            opcode = head[0] & 0x0F
            if opcode in (8, 9):
                self.connection.sendall(frame(opcode if opcode == 8 else 10, data))
            if opcode == 8:
                return


def frame(opcode: int, data: bytes) -> bytes:
    """A WebSocket frame from a server: whole, unmasked."""
    if len(data) < 126:
        return bytes([0x80 | opcode, len(data)]) + data
    return bytes([0x80 | opcode, 126]) + struct.pack("!H", len(data)) + data


def _timestamp() -> str:
    return clock.machine().isoformat(timespec="milliseconds").replace("+00:00", "+0000")
