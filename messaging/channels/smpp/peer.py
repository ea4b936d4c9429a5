"""Whom a link binds to, and how it says that the connection cannot go on."""

import ssl
from dataclasses import dataclass, field

from messaging.channels.smpp.pdus import Address


class Lost(Exception):
    """The connection cannot go on; the message is a word for the list."""


@dataclass(frozen=True)
class Peer:
    """Where an SMSC is, how we bind, and how patient we are. Its password is in no repr."""

    name: str
    host: str
    port: int
    system_id: str
    source: Address
    password: str = field(default="", repr=False)
    system_type: str = ""
    window: int = 50
    rate: float = 0
    enquire_link_seconds: float = 30
    response_seconds: float = 10
    throttle_pause: float = 1
    context: ssl.SSLContext | None = None
    has_user_reference: bool = True
