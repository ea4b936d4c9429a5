"""A dialect is one gateway protocol, declared in one file: smart/ussd/dialects/ holds a Dialect each (docs/recipes.md).

Its address, its view, its part of the OpenAPI schema and of docs/api.md, its line in the handset's list, the
simulator's client and the client of the tests are made from the declaration.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, ClassVar, Generic, TypeVar

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from core.access.auth import Caller
from core.access.models import ApiClient
from core.lib import msisdn
from smart.ussd.request import GatewayRequest, Reply

ROOT = "/api/ussd/v1/"  # where the addresses of all dialects begin (smart/urls.py)
MAX_SESSION_ID = 128
Fields = TypeVar("Fields")


class BadRequest(Exception):
    """The request does not fit its schema; `errors` names field and reason."""

    def __init__(self, **errors: str) -> None:
        super().__init__()
        self.errors = errors


class SessionEnded:
    """A gateway's notice that a session is over: nothing was pressed, and nobody reads the answer."""


@dataclass(slots=True)  # not frozen: that costs a call a field, with every key press
class Incoming:
    """A request as it came, whatever brought it; an edge other than HTTP fills in what it has.

    `content_type` is whole, with its parameters; `query` is not decoded; `header` reads one by its name, "" when
    there is none; `address` has the named parts of the path.
    """

    method: str = "POST"
    content_type: str = ""
    query: str = ""
    body: bytes = b""
    header: Callable[[str], str] = lambda name: ""
    address: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GatewayCall:
    """A request as a gateway sends it; `path` with its query."""

    path: str
    body: bytes = b""
    content_type: str = ""
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class HandsetSession:
    """A session as the gateway holds it while its subscriber dials and presses keys."""

    msisdn: str
    code: str
    network: str = ""
    number: str = field(default_factory=lambda: token_hex(8))
    sequence: int = 0
    typed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Operation:
    """A request and its answer as OpenAPI describes them; each field is what drf_spectacular's extend_schema takes."""

    summary: str
    request: Any
    responses: Mapping[Any, Any]
    description: str | None = None  # else the dialect's docstring
    operation_id: str | None = None  # else "ussd_" and the dialect's name
    parameters: tuple[OpenApiParameter, ...] = ()
    examples: tuple[OpenApiExample, ...] = ()


class Dialect(ABC, Generic[Fields]):
    """One gateway protocol: what we are told in it, what we answer, and how a gateway of its kind talks.

    `read`, `parse` and `render` know nothing of Django's request, so any edge can use them: the view for HTTP, a
    command of its own for a gateway that speaks SMPP, or one that sends the answer apart from the request
    (smart.ussd.exchange does the whole way for each).

    What is agreed with one client (a policy, an encoding, a page size) belongs to its `caller`, whom `parse` is given
    and the GatewayRequest keeps.
    """

    # The API client's proof: a signature, or a bare key where the protocol cannot sign.
    proof: ClassVar[ApiClient.Proof]
    name: ClassVar[str]  # of its file, its URL and the simulator's API client
    title: ClassVar[str]  # for people: the handset's list, the heading in docs/api.md
    path: ClassVar[str]  # below ROOT, as django.urls.path takes it
    methods: ClassVar[tuple[str, ...]] = ("POST",)  # a GET has its fields, the number among them, in the query
    content_type: ClassVar[str]  # of the answer
    operation: ClassVar[Operation]  # for the OpenAPI schema
    guide: ClassVar[str]  # for docs/api.md: Markdown with commands that the tests run

    # -- the platform's side

    @abstractmethod
    def read(self, incoming: Incoming) -> Fields:
        """Take the request apart. Raises BadRequest."""

    @abstractmethod
    def parse(self, fields: Fields, caller: Caller) -> GatewayRequest | SessionEnded:
        """Say what was dialed or pressed, or that the gateway only reports a session's end. Raises BadRequest."""

    @abstractmethod
    def render(self, reply: Reply, fields: Fields) -> bytes:
        """Write the answer's body; `fields` are the request's, for what an answer must repeat."""

    def try_again(self, reply: Reply, incoming: Incoming) -> bytes:
        """Write the answer when there was no time: `read` and `parse` may not have been reached. Raises BadRequest."""
        return self.render(reply, self.read(incoming))

    # -- a gateway's side, as the simulator and the tests play it

    @abstractmethod
    def compose(self, session: HandsetSession, key: str | None) -> GatewayCall:
        """Write the session's next request: the code dialed when `key` is None. Without proof of who sends it."""

    @abstractmethod
    def understand(self, body: bytes) -> Reply:
        """Read an answer as a gateway does. Raises ValueError."""


def read_msisdn(text: str) -> msisdn.Msisdn | None:
    """The caller's number; None when it is no mobile number of Kazakhstan (they get a polite end)."""
    try:
        return msisdn.parse(text)
    except msisdn.InvalidMsisdn:
        return None


def is_storable(text: str) -> bool:
    """True without NUL and lone surrogates, which PostgreSQL cannot hold."""
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def check_lengths(fields: Mapping[str, str], limits: Mapping[str, int]) -> None:
    """Raises BadRequest for the first field that is too long, or that the database cannot hold."""
    for name, limit in limits.items():
        if len(fields[name]) > limit or not is_storable(fields[name]):
            raise BadRequest(**{name: f"At most {limit} characters."})
