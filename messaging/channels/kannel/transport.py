"""An HTTP SMS gateway in Kannel's convention (`/cgi-bin/sendsms`), with receipts to a signed address of ours.

Kannel takes a message as the query of a GET or as XML in a POST. POST is the default: it keeps the number out of every
URL, ours and those that a proxy in between may log. `method = "get"` is for gateways that know the query alone; nothing
of ours logs it.

A receipt that we could not store is lost unless Kannel's smsbox has `http-request-retry`: it calls once by default.
"""

from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree.ElementTree import Element, SubElement, tostring

from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse

from core.lib import clock
from core.lib.http.client import HttpAnswer
from messaging import callbacks
from messaging.channels.base import Outcome, Outgoing, Verdict
from messaging.channels.http_transport import HttpTransport
from messaging.channels.options import required

# 1 delivered, 2 failed, 4 buffered, 8 accepted by the SMSC, 16 rejected by it.
_DLR_MASK = "31"
_CODING = {"gsm7": "0", "ucs2": "2"}


class KannelTransport(HttpTransport):
    """Hands messages to a Kannel, each in a request of its own, over a few kept-alive connections."""

    kind = "kannel"
    # A wrong password, a wrong path, a redirect.
    misconfigured = frozenset({301, 302, 303, 307, 308, 401, 404, 405, 407, 415})

    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__(options, channel="sms", connections=8, seconds=5, batch=100)
        if quote(self.name, safe="") != self.name:
            raise ImproperlyConfigured(f"Transport {self.name}: its name is part of an address: letters, digits, - . _")
        self._username = required(options, "username")
        self._password = required(options, "password")
        self._callback_url = required(options, "callback_url")
        if "%" in self._callback_url or "?" in self._callback_url:
            raise ImproperlyConfigured(f"Transport {self.name}: callback_url has no query and no escapes")
        self._sender = str(options.get("sender", ""))
        self._smsc = str(options.get("smsc", ""))
        self._method = str(options.get("method", "post")).upper()
        if self._method not in ("POST", "GET"):
            raise ImproperlyConfigured(f"Transport {self.name}: method is post or get")
        reverse("messaging-receipt", args=[self.name, "1"])  # reads every address now, not between gate and hand-over

    def _hand_over(self, message: Outgoing) -> Outcome:
        minutes = self._validity(message.valid_until, clock.now())
        if minutes < 1:
            return Outcome(message, Verdict.NOT_HANDED, error="validity")
        fields = self._fields(message, minutes)
        answer = self._gateway.exchange(
            self._method, begin_by=message.deadline, seconds=self._seconds, **self._request(fields)
        )
        return self._judge(message, answer)

    def _validity(self, until: datetime, now: datetime) -> int:
        """Whole minutes; Kannel counts them from when it reads the request, which may be our time-out later."""
        return int(((until - now).total_seconds() - self._seconds) // 60)

    def _fields(self, message: Outgoing, minutes: int) -> dict[str, str]:
        address = callbacks.address(
            self._callback_url,
            transport=self.name,
            message_id=message.message_id,
            month=message.month,
            valid_until=message.valid_until,
        )
        fields = {
            "username": self._username,
            "password": self._password,
            "from": self._sender,
            "to": message.msisdn,
            "text": message.text,
            "coding": _CODING[message.encoding],
            "charset": "UTF-8",
            "validity": str(minutes),
            "smsc": self._smsc,
            "dlr-mask": _DLR_MASK,
            "dlr-url": f"{address}?status=%d&smsc-id=%F&text=%A",
        }
        return {name: value for name, value in fields.items() if value}

    def _request(self, fields: dict[str, str]) -> dict[str, Any]:
        if self._method == "GET":
            return {"query": "?" + urlencode(fields, quote_via=quote)}
        return {"body": _xml(fields), "headers": {"Content-Type": "text/xml"}}

    def _judge(self, message: Outgoing, answer: HttpAnswer) -> Outcome:
        """202 is Kannel's yes ("0: Accepted", "3: Queued"); 503 and a busy gateway's 429 are "not now"."""
        status, text = answer.status, answer.text
        if status == 202 or (status == 200 and text.startswith(("0:", "3:"))):
            self._breaker.worked()
            return Outcome(message, Verdict.ACCEPTED)
        is_ours = status == 403 and text.startswith("Authorization")
        if (outcome := self._put_off(message, answer, is_ours=is_ours)) is not None:
            return outcome
        error = f"http_{status}"
        if 400 <= status < 500:
            self._breaker.worked()
            return Outcome(message, Verdict.REJECTED, error=error)
        self._breaker.doubted(error)
        return Outcome(message, Verdict.UNCERTAIN, error=error)


def _xml(fields: dict[str, str]) -> bytes:
    """Kannel's `<message><submit>`; it decodes the text like a query's, so the text is encoded like one."""
    submit = Element("submit")

    def put(path: str, value: str | None) -> None:
        if value is None:
            return
        at = submit
        *parents, last = path.split("/")
        for parent in parents:
            found = at.find(parent)
            at = SubElement(at, parent) if found is None else found
        SubElement(at, last).text = value

    put("da/number", fields["to"])
    put("oa/number", fields.get("from"))
    put("from/username", fields["username"])
    put("from/password", fields["password"])
    put("smsc", fields.get("smsc"))
    put("ud", quote(fields["text"], safe=""))
    put("dcs/coding", fields["coding"])
    put("vp/delay", fields["validity"])
    put("statusrequest/dlr-mask", fields["dlr-mask"])
    put("statusrequest/dlr-url", fields["dlr-url"])
    root = Element("message")
    root.append(submit)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))
