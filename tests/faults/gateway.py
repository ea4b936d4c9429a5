"""A network that outlives who sends to it: a Kannel-like gateway in this process, with a log of its own."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.messaging.gateways import FakeGateway, Request, reply, serve

_OURS = re.compile(rb"/receipts/[^/]+/(\d+)-")
ACCEPTED = reply("202 Accepted", b"0: Accepted for delivery")


@dataclass
class Log:
    """What the network has taken, by our message's id, in the order it came."""

    gateway: FakeGateway

    @property
    def taken(self) -> list[int]:
        found = [_OURS.search(request.body) for request in list(self.gateway.requests) if len(request.body) > 0]
        return [int(match[1]) for match in found if match]

    def options(self, **given: Any) -> dict[str, Any]:
        """The transport's entry in TRANSPORTS_FILE."""
        usual = {
            "name": "kannel-1",
            "kind": "kannel",
            "url": self.gateway.url("/cgi-bin/sendsms"),
            "username": "smart",
            "password": "geheim",
            "sender": "SMART",
            "callback_url": "https://smart.example",
            "connections": 4,
            "batch": 20,
        }
        return usual | given

    def write_options(self, path: Path, **given: Any) -> Path:
        """Write TRANSPORTS_FILE with this network in it."""
        lines = [f"{name} = {f'{value!r}'}" for name, value in self.options(**given).items()]
        path.write_text("\n".join(["[[transport]]", *lines, ""]), encoding="utf-8")
        return path


@contextmanager
def network() -> Iterator[Log]:
    """Serve until the block ends; every request that came whole is taken."""

    def behave(request: Request) -> bytes | None:
        return ACCEPTED

    with serve(behave) as gateway:
        yield Log(gateway)
