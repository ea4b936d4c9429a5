"""Telephones behind a push gateway in RestComm's convention: they show what comes and key in what they are told to."""

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree.ElementTree import fromstring
from xml.sax.saxutils import quoteattr

from tests.messaging.gateways import Request, reply

ABORTED = '<dialog type="Unknown" mapUserAbortChoice="isProcedureCancellationReason_radioChannelRelease"/>'
TIMED_OUT = '<dialog type="Unknown" invokeTimedOut="0"/>'


@dataclass
class Telephone:
    """One dialog: the screens shown, and the keys still to be pressed; a key that is a dialog breaks it off."""

    keys: list[str]
    screens: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # screens that took no answer
    seconds: list[float] = field(default_factory=list)  # how long the gateway was to wait for each
    is_released: bool = False


class PushGateway:
    """The `behave` of a tests.messaging.gateways server: a session for each dialog, known by its cookie."""

    def __init__(self, *keys: str) -> None:
        self.keys = keys
        self.telephones: dict[str, Telephone] = {}
        self.before: Callable[[Telephone], object] = lambda telephone: None
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()

    @property
    def telephone(self) -> Telephone:
        """The only one so far."""
        [found] = self.telephones.values()
        return found

    def __call__(self, request: Request) -> bytes:
        root = fromstring(request.body)
        if root.get("mapMessagesSize") == "0":
            self.telephones[request.headers["cookie"]].is_released = True
            return reply("200 OK")
        [screen] = root
        is_first = screen.find("msisdn") is not None
        assert is_first == ("cookie" not in request.headers)
        with self._lock:
            cookie = request.headers.get("cookie") or f"JSESSIONID=dialog{next(self._numbers)}"
            telephone = self.telephones.setdefault(cookie, Telephone(list(self.keys)))
        assert not telephone.is_released
        telephone.seconds.append(int(root.get("customInvokeTimeout", "0")) / 1000)
        self.before(telephone)
        return reply("200 OK", self._answered(telephone, screen.tag, screen.get("string", "")), f"Set-Cookie: {cookie}")

    def _answered(self, telephone: Telephone, tag: str, text: str) -> bytes:
        if tag == "unstructuredSSNotify_Request":
            telephone.notes.append(text)
            return _dialog('<unstructuredSSNotify_Response invokeId="1"/>')
        telephone.screens.append(text)
        key = telephone.keys.pop(0)
        if key.startswith("<dialog"):
            return key.encode()
        return _dialog(
            f'<unstructuredSSRequest_Response invokeId="1" dataCodingScheme="72" string={quoteattr(key)}/>',
        )


def _dialog(inside: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8" ?><dialog type="Continue">{inside}</dialog>'.encode()
