"""USSD push in the convention of RestComm's gateway: a screen, or a question answered within the session.

One POST opens a dialog and is answered when the reader has acknowledged the screen, keyed something in, or could not be
reached; others, in the same HTTP session, show the next screens of a conversation, and the
last one ends the dialog. Nothing is stored and forwarded: acknowledged is delivered.
"""

import base64
import time
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from django.core.exceptions import ImproperlyConfigured

from core.lib import clock, gsm
from core.lib.http.client import MOST_BYTES, HttpAnswer, NotSent, TooLate, Unanswered
from messaging.channels import conversations
from messaging.channels.base import Outcome, Outgoing, Verdict
from messaging.channels.conversations import Turn
from messaging.channels.http_transport import HttpTransport
from messaging.channels.options import required

_CODING = {"gsm7": "15", "ucs2": "72"}
_RELEASE = b'<?xml version="1.0" encoding="UTF-8"?><dialog mapMessagesSize="0" prearrangedEnd="false"></dialog>'
_RELEASE_SECONDS = 3.0
_LATER = 1800.0  # until a line is tried again that was busy or away
# The gateway must tell us that nobody answered before we stop listening.
_MARGIN_SECONDS = 2.0
# With less left nothing more is asked: a screen wants to be read, and answered.
_LEAST_QUESTION_SECONDS = 10.0
# A sender that is silent for longer is taken for dead (messaging.sending.sender.LEASES).
_MOST_DIALOG_SECONDS = 220.0
# RestComm answers an empty 200 at once when it could not read a request: another content type, or a body that is no
# dialog. It answers the same when its HTTP side stops waiting for a reader (15 s as shipped), and then the screen may
# have been seen.
_UNREAD_WITHIN_SECONDS = 10.0
_UNREAD_AGAIN_SECONDS = 30.0

# MAP errors after which another attempt would end the same: unknown subscriber, bearer or teleservice not provisioned,
# illegal subscriber or equipment, barred, not supported, data missing or unexpected, unknown alphabet.
_FOR_GOOD = {"1", "9", "10", "11", "12", "13", "21", "35", "36", "71"}
_REFUSED_FOR_GOOD = {"InvalidDestinationReference", "ApplicationContextNotSupported"}
# The gateway or the network gave the dialog up before it came to the reader.
_NO_RESOURCES = ("isResourceUnavailable", "isUserResourceLimitation")
_NOT_BEGUN = {"ResourceLimitation", "MaintenanceActivity", "VersionIncompatibility"}


@dataclass(frozen=True, slots=True)
class _Ending:
    """How a screen of a dialog went; `is_open` when the dialog is still to be ended by us. `answer` None: none came."""

    verdict: Verdict
    error: str = ""
    answer: str | None = None
    retry_after: float = 0
    is_open: bool = False


class UssdPushTransport(HttpTransport):
    """Pushes screens and questions through a gateway, one connection for each dialog under way.

    Surveys are questions always. A conversation asks the database at each turn, and holds no connection to it between;
    it takes a connection to the gateway and a place in its batch for as long as it lasts.
    """

    kind = "ussd"
    misconfigured = frozenset({301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 407, 415})

    def __init__(self, options: dict[str, Any]) -> None:
        # A dialog takes as long as its reader does: a batch is no more than can begin at once.
        super().__init__(options, channel="ussd", connections=32, seconds=60)
        self._network = str(options.get("network_id", ""))
        self._question_kinds = frozenset(options.get("question_kinds", ()))
        self._question_seconds = float(options.get("question_seconds", 120))
        self._dialog_seconds = float(options.get("dialog_seconds", 180))
        if self._dialog_seconds > _MOST_DIALOG_SECONDS:
            raise ImproperlyConfigured(
                f"Transport {self.name}: dialog_seconds must not be over {_MOST_DIALOG_SECONDS:.0f}"
            )
        # To the letter: RestComm compares by equality, so a charset behind it means that nothing is pushed at all. The
        # XML declaration tells the encoding.
        self._headers = {"Content-Type": "text/xml"}
        if options.get("username"):
            pair = f"{options['username']}:{required(options, 'password')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"

    def _hand_over(self, message: Outgoing) -> Outcome:
        if not gsm.fits_ussd(message.text):
            return Outcome(message, Verdict.REJECTED, error="too_long")
        is_question = message.message_class == "survey" or message.kind in self._question_kinds
        left = (message.valid_until - clock.now()).total_seconds()
        end = time.monotonic() + min(left, self._dialog_seconds)
        seconds = min(self._question_seconds if is_question else self._seconds, left)
        if seconds <= _MARGIN_SECONDS:
            return Outcome(message, Verdict.NOT_HANDED, error="validity")
        screen = _screen(message.text, is_question=is_question, msisdn=message.msisdn)
        began = time.monotonic()
        answer = self._post(screen, seconds=seconds, begin_by=message.deadline)
        if (outcome := self._put_off(message, answer)) is not None:
            return outcome
        ending = self._judge(answer, took=time.monotonic() - began)
        keys = [ending.answer] if ending.answer is not None else []
        if keys and ending.is_open and conversations.begins(message):
            keys = self._converse(message, keys[0], answer.cookies, end)
        elif ending.is_open:
            self._release(answer.cookies)
        return Outcome(
            message,
            ending.verdict,
            error=ending.error,
            answer=conversations.kept(keys),
            retry_after=ending.retry_after,
            is_final=ending.verdict is Verdict.ACCEPTED,
        )

    def _converse(self, message: Outgoing, key: str, cookies: str, end: float) -> list[str]:
        """Show turn after turn until the last, or until `end` (time.monotonic()); return everything keyed in.

        The message has been read: however the dialog breaks off, it stays delivered.
        """
        keys, state = [], None
        turn = Turn("", goes_on=True)
        is_open = True
        while True:
            keys.append(conversations.as_kept(key, turn))
            turn = conversations.turn(message, key, state)
            if not is_open:
                return keys  # the last answer is taken, but there is nobody to show anything
            if turn.goes_on and end - time.monotonic() < _LEAST_QUESTION_SECONDS:
                turn = conversations.turn(message, None, turn.state)
            state = turn.state
            ending, cookies = self._show(turn, cookies, end)
            if ending is None or ending.answer is None or not turn.goes_on:
                if ending is None or ending.is_open:
                    self._release(cookies)
                return keys
            key, is_open = ending.answer, ending.is_open

    def _show(self, turn: Turn, cookies: str, end: float) -> tuple[_Ending | None, str]:
        """Show a turn in the dialog under way; nothing when no answer came, and the session's cookies."""
        most = self._question_seconds if turn.goes_on else self._seconds
        seconds = min(most, end - time.monotonic())
        if seconds <= _MARGIN_SECONDS or not gsm.fits_ussd(turn.text):
            return None, cookies
        screen = _screen(turn.text, is_question=turn.goes_on)
        began = time.monotonic()
        try:
            answer = self._post(screen, seconds=seconds, begin_by=time.monotonic() + seconds, cookies=cookies)
        except (TooLate, NotSent, Unanswered):
            return None, cookies
        return self._judge(answer, took=time.monotonic() - began), answer.cookies or cookies

    def _post(self, screen: Element, *, seconds: float, begin_by: float, cookies: str = "") -> HttpAnswer:
        """Post a screen; the gateway gives up waiting before we do. Raises TooLate, NotSent, Unanswered."""
        root = Element(
            "dialog", {"mapMessagesSize": "1", "customInvokeTimeout": str(int((seconds - _MARGIN_SECONDS) * 1000))}
        )
        if self._network:
            root.set("networkId", self._network)
        root.append(screen)
        return self._gateway.exchange(
            "POST",
            body=bytes(tostring(root, encoding="utf-8", xml_declaration=True)),
            headers={**self._headers, **({"Cookie": cookies} if cookies else {})},
            begin_by=begin_by,
            seconds=seconds,
        )

    def _judge(self, answer: HttpAnswer, *, took: float) -> _Ending:
        if answer.status == 200 and not answer.body and took < _UNREAD_WITHIN_SECONDS:
            # It may be this message or our set-up: only several in a row make the transport rest.
            self._breaker.doubted("unread")
            return _Ending(Verdict.RETRY, "unread", retry_after=_UNREAD_AGAIN_SECONDS)
        dialog = _parse(answer.body) if answer.status == 200 else None
        if dialog is None:
            error = "garbage" if answer.status == 200 else f"http_{answer.status}"
            self._breaker.doubted(error)
            return _Ending(Verdict.UNCERTAIN, error)
        self._breaker.worked()
        return _read(dialog)

    def _release(self, cookies: str) -> None:
        """End the dialog in its HTTP session; the reader has seen the screen, so what comes of this changes nothing."""
        try:
            self._gateway.exchange(
                "POST",
                body=_RELEASE,
                headers={**self._headers, **({"Cookie": cookies} if cookies else {})},
                begin_by=time.monotonic() + _RELEASE_SECONDS,
                seconds=_RELEASE_SECONDS,
            )
        except (TooLate, NotSent, Unanswered):
            return


def _screen(text: str, *, is_question: bool, msisdn: str = "") -> Element:
    """A question or a screen to be acknowledged; whom to, in the first of a dialog only."""
    name = "unstructuredSSRequest_Request" if is_question else "unstructuredSSNotify_Request"
    screen = Element(name, {"dataCodingScheme": _CODING[gsm.encoding(text)], "string": text})
    if msisdn:
        SubElement(screen, "msisdn", {"nai": "international_number", "npi": "ISDN", "number": msisdn})
    return screen


def _parse(body: bytes) -> Element | None:
    """Return the `<dialog>`; None when it is none, too big, or set to blow up."""
    if len(body) >= MOST_BYTES:
        return None
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        return None
    return root if root.tag == "dialog" else None


def _read(dialog: Element) -> _Ending:
    """Tell from the gateway's dialog whether the reader has seen the screen.

    `sriPart` means that the line was still being looked for: whatever went wrong, nothing was shown.
    """
    is_open = dialog.get("type", "Continue") == "Continue"
    response = dialog.find("unstructuredSSRequest_Response")
    if response is not None:
        text = response.get("string") or response.findtext("ussdString") or ""
        return _Ending(Verdict.ACCEPTED, answer=text[:182], is_open=is_open)
    if dialog.find("unstructuredSSNotify_Response") is not None:
        return _Ending(Verdict.ACCEPTED, is_open=is_open)
    component = dialog.find("errComponents/errorComponent")
    if component is not None:
        return _error(component.get("errorCode", ""))
    if dialog.get("sriPart") == "true":
        return _Ending(Verdict.RETRY, "not_found", retry_after=_LATER)
    return _broken_off(dialog)


def _error(code: str) -> _Ending:
    error = f"map_{code[:10]}" if code.isdecimal() else "map_error"
    if code in _FOR_GOOD:
        return _Ending(Verdict.REJECTED, error)
    return _Ending(Verdict.RETRY, error, retry_after=_LATER)


def _broken_off(dialog: Element) -> _Ending:
    """A dialog that ended without an answer: refused, aborted, or timed out while the screen may have been read."""
    if reason := dialog.get("mapRefuseReason", ""):
        if reason in _REFUSED_FOR_GOOD:
            return _Ending(Verdict.REJECTED, "refused")
        return _Ending(Verdict.RETRY, "refused", retry_after=_LATER)
    if choice := dialog.get("mapUserAbortChoice", ""):
        if choice.startswith(_NO_RESOURCES):
            return _Ending(Verdict.RETRY, "no_resources", retry_after=_LATER)
        if choice == "isUserSpecificReason":  # closed by whoever read it: do not push it again
            return _Ending(Verdict.REJECTED, "user_aborted")
        return _Ending(Verdict.UNCERTAIN, "aborted")
    if reason := dialog.get("mapAbortProviderReason", ""):
        if reason in _NOT_BEGUN:
            return _Ending(Verdict.RETRY, "no_resources", retry_after=_LATER)
        return _Ending(Verdict.UNCERTAIN, "aborted")
    if dialog.get("dialogTimedOut") == "true" or dialog.get("invokeTimedOut"):
        return _Ending(Verdict.UNCERTAIN, "timeout")
    return _Ending(Verdict.UNCERTAIN, "no_answer")
