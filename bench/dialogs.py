"""USSD sessions over HTTP, many at once: each connection walks one session after the other to its end.

wrk cannot: it neither knows which reply belongs to which session nor ends with sessions that are whole.
"""

import json
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from secrets import token_hex

# (session id, msisdn, what is dialed and pressed in their order, what each reply must hold)
Session = tuple[str, str, list[str], list[str]]
Sign = Callable[[str, str, str, bytes], str]  # (path, stamp, nonce, body) -> signature


@dataclass
class Seen:
    """What the clients saw: seconds by step's number while measuring, and everything that was replied to."""

    dials: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)  # of the answers, those that ended a session
    bad: list[str] = field(default_factory=list)
    walked: int = 0  # sessions that came to their end, the last ones after the time was up
    answered: int = 0
    replied: int = 0
    seconds: float = 0.0
    own_cpu: float = 0.0


@dataclass
class _Line:
    socket: socket.socket
    session: Session | None = None
    step: int = 0
    sent_at: float = 0.0
    received: bytes = b""


def walk(
    sessions: Iterator[Session],
    *,
    port: int,
    connections: int,
    seconds: float,
    key_id: str,
    sign: Sign,
    rate: float | None = None,
) -> Seen:
    """Begin new sessions for so many seconds, then walk those begun to their end. A bad reply ends its session.

    Each connection sends its next step as soon as it has a reply; with a `rate`, one connection after the other does,
    so many a second in all, and a step's time counts from the instant it was to be sent.
    """
    seen, chosen = Seen(), selectors.DefaultSelector()
    began, cpu = time.perf_counter(), time.process_time()
    until, slot = began + seconds, began
    idle: deque[_Line] = deque()
    for _ in range(connections):
        line = _Line(socket.create_connection(("127.0.0.1", port), timeout=30))
        line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chosen.register(line.socket, selectors.EVENT_READ, line)
        idle.append(line)
    while chosen.get_map():
        while idle and (rate is None or slot <= time.perf_counter()):
            _next(line := idle.popleft(), sessions, until, key_id, sign, chosen)
            if rate is not None:
                line.sent_at, slot = slot, slot + 1 / rate
        if not chosen.get_map():
            break
        patience = max(0.0, slot - time.perf_counter()) if idle else 30.0
        for key, _events in chosen.select(patience):
            line = key.data
            line.received += line.socket.recv(65536)
            head, found, body = line.received.partition(b"\r\n\r\n")
            if not line.received or (found and len(body) >= _length(head)):
                _take(line, seen, head, body, until)
                idle.append(line)
    seen.seconds, seen.own_cpu = seconds, time.process_time() - cpu
    return seen


def _take(line: _Line, seen: Seen, head: bytes, body: bytes, until: float) -> None:
    now = time.perf_counter()
    took, line.received = now - line.sent_at, b""
    assert line.session is not None
    _name, _number, keys, wanted = line.session
    status = head[9:12]
    seen.replied += 1
    if status != b"200" or wanted[line.step] not in body.decode():
        seen.bad.append(f"{line.step}: {status.decode()} {body[:200].decode()}")
        line.session = None
        return
    is_last = line.step == len(keys) - 1
    seen.answered += line.step > 0
    seen.walked += is_last
    if now <= until:
        (seen.answers if line.step else seen.dials).append(took)
        if is_last:
            seen.ends.append(took)
    line.step += 1
    if is_last:
        line.session = None


def _next(
    line: _Line,
    sessions: Iterator[Session],
    until: float,
    key_id: str,
    sign: Sign,
    chosen: selectors.BaseSelector,
) -> None:
    if line.session is None:
        line.session, line.step = (next(sessions, None) if time.perf_counter() < until else None), 0
    if line.session is None:
        chosen.unregister(line.socket)
        line.socket.close()
        return
    name, number, keys, _wanted = line.session
    path = f"/api/ussd/v1/sessions/{name}/"
    said = "input" if line.step else "dialed"
    body = json.dumps({"msisdn": number, said: keys[line.step], "sequence": line.step + 1}).encode()
    stamp, nonce = str(int(time.time())), token_hex(16)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        f"X-Smart-Key: {key_id}\r\nX-Smart-Timestamp: {stamp}\r\nX-Smart-Nonce: {nonce}\r\n"
        f"X-Smart-Signature: {sign(path, stamp, nonce, body)}\r\n\r\n"
    )
    line.sent_at = time.perf_counter()
    line.socket.sendall(head.encode() + body)


def _length(head: bytes) -> int:
    for row in head.split(b"\r\n"):
        if row.lower().startswith(b"content-length:"):
            return int(row.split(b":")[1])
    raise SystemExit("A reply without its length.")
