"""Africa's Talking: form fields with cumulative text, answered by CON or END in plain text.

A direct dial comes as text in the session's first request (`*555*1#`: serviceCode `*555#`, text `1`), as the
whole code in serviceCode, or with stars at the text's ends; after a bare `*555#` a key may come as `*1`.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError

from core.access.auth import Caller
from smart.ussd.dialects.native import BadRequest, is_storable, read_msisdn
from smart.ussd.request import GatewayRequest, Reply, parse_code

_LIMITS = {"sessionId": 128, "phoneNumber": 40, "networkCode": 16, "serviceCode": 182, "text": 1000}


_MAX_FIELDS = 50
_OF_A_NOTICE = ("status", "durationInMillis")


def read(request: HttpRequest, body: bytes) -> dict[str, str]:
    """Take the form apart; of a field given twice the last counts. Raises BadRequest."""
    try:
        if request.content_type == "multipart/form-data":
            return request.POST.dict()
        if request.content_type != "application/x-www-form-urlencoded":
            raise ValueError
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS))
    except (ValueError, LookupError, MultiPartParserError, SuspiciousOperation):
        raise BadRequest(body="A form in UTF-8 is required.") from None


def is_notice(form: Mapping[str, str]) -> bool:
    """True when the gateway only lets us know that a session is over: nothing was pressed."""
    return any(name in form for name in _OF_A_NOTICE)


def parse(form: Mapping[str, str], caller: Caller) -> GatewayRequest:
    """Read sessionId, phoneNumber, networkCode, serviceCode, text. Raises BadRequest."""
    fields = {name: form.get(name, "") for name in _LIMITS}
    for name, value in fields.items():
        if len(value) > _LIMITS[name] or not is_storable(value):
            raise BadRequest(**{name: f"At most {_LIMITS[name]} characters."})
    if not fields["sessionId"]:
        raise BadRequest(sessionId="A session id is required.")
    code = parse_code(fields["serviceCode"])
    if code is None:
        raise BadRequest(serviceCode="A code such as *555# is required.")
    text = fields["text"].strip().removesuffix("#").removeprefix("*")
    return GatewayRequest(
        caller=caller,
        session_id=fields["sessionId"],
        msisdn=read_msisdn(fields["phoneNumber"]),
        token=text,
        code=code,
        cumulative=text,
        visited_plmn=fields["networkCode"][:6],
    )


def render(reply: Reply) -> bytes:
    """Write `CON …` or `END …`."""
    return f"{'END' if reply.is_over else 'CON'} {reply.text}".encode()
