"""Africa's Talking: form fields with cumulative text, answered by CON or END in plain text.

A direct dial comes as text in the session's first request (`*555*1#`: serviceCode `*555#`, text `1`), as the
whole code in serviceCode, or with stars at the text's ends; after a bare `*555#` a key may come as `*1`.
"""

from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.core.exceptions import SuspiciousOperation
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.http import parse_header_parameters
from rest_framework import serializers

from core.access.auth import Caller
from core.access.models import ApiClient
from core.lib import keys
from smart.ussd.dialect import (
    MAX_SESSION_ID,
    ROOT,
    BadRequest,
    Dialect,
    GatewayCall,
    HandsetSession,
    Incoming,
    Operation,
    SessionEnded,
    check_lengths,
    read_msisdn,
)
from smart.ussd.request import GatewayRequest, Reply, parse_code

_LIMITS = {"sessionId": MAX_SESSION_ID, "phoneNumber": 40, "networkCode": 16, "serviceCode": 182, "text": 1000}
_MAX_FIELDS = 50
_OF_A_NOTICE = ("status", "durationInMillis")
_FORM = "application/x-www-form-urlencoded"
_GUIDE = r"""
`POST /api/ussd/v1/africastalking/`: a form, whose `text` holds all keys so far. The answer is plain text beginning `CON ` or `END `. The key goes
as user and password of HTTP Basic, or as `X-Api-Key: id.secret`; a client with a bare key names the networks it calls from.

```sh
eval "$(make -s manage ARGS='issue_key doc-at --replace --proof key --network 127.0.0.0/8')"
at() {  # at SESSION TEXT
  curl -sS -u "$SMART_KEY:$SMART_SECRET" "$SMART/api/ussd/v1/africastalking/" --data-urlencode "sessionId=$1" \
    --data-urlencode "phoneNumber=+77010000002" --data-urlencode "networkCode=40102" \
    --data-urlencode "serviceCode=*555#" --data-urlencode "text=$2"
}

at doc-at-1 1
#> CON
at doc-at-1 1*1
#> END
at doc-at-2 00
#> END 500
```

A direct dial may arrive in any of the ways gateways are known to send it: `*555*1#` as serviceCode `*555#` (or `555`) with text `1`, as the whole
code in serviceCode with an empty text, with stars at the text's ends. `00` stays two digits.
"""  # noqa: E501


class AfricasTalkingRequest(serializers.Serializer[Any]):
    """The form Africa's Talking posts."""

    sessionId = serializers.CharField(max_length=MAX_SESSION_ID)
    phoneNumber = serializers.CharField(max_length=40)
    networkCode = serializers.CharField(max_length=16, required=False, allow_blank=True)
    serviceCode = serializers.CharField(max_length=182)
    text = serializers.CharField(max_length=1000, required=False, allow_blank=True)


class AfricasTalking(Dialect[dict[str, str]]):
    """The de-facto protocol of aggregators."""

    name = "africastalking"
    title = "Africa's Talking"
    path = "africastalking/"
    proof = ApiClient.Proof.KEY
    content_type = "text/plain; charset=utf-8"
    operation = Operation(
        summary="One step, as Africa's Talking asks it",
        request={_FORM: AfricasTalkingRequest},
        responses={(200, "text/plain"): str},
    )
    guide = _GUIDE

    def read(self, incoming: Incoming) -> dict[str, str]:
        """Take the form apart; of a field given twice the last counts. Raises BadRequest."""
        kind, parameters = parse_header_parameters(incoming.content_type)
        try:
            if kind == "multipart/form-data":
                return _multipart(incoming, parameters.get("charset"))
            if kind != _FORM:
                raise ValueError
            body = incoming.body.decode()
            return dict(parse_qsl(body, keep_blank_values=True, errors="strict", max_num_fields=_MAX_FIELDS))
        except (ValueError, LookupError, MultiPartParserError, SuspiciousOperation):
            raise BadRequest(body="A form in UTF-8 is required.") from None

    def parse(self, fields: dict[str, str], caller: Caller) -> GatewayRequest | SessionEnded:
        """Read sessionId, phoneNumber, networkCode, serviceCode, text. Raises BadRequest."""
        if any(name in fields for name in _OF_A_NOTICE):
            return SessionEnded()
        fields = {name: fields.get(name, "") for name in _LIMITS}
        check_lengths(fields, _LIMITS)
        if not fields["sessionId"]:
            raise BadRequest(sessionId="A session id is required.")
        code = parse_code(fields["serviceCode"])
        if code is None:
            raise BadRequest(serviceCode="A code such as *555# is required.")
        text = keys.unframed(fields["text"])
        return GatewayRequest(
            caller=caller,
            session_id=fields["sessionId"],
            msisdn=read_msisdn(fields["phoneNumber"]),
            token=text,
            code=code,
            cumulative=text,
            visited_plmn=fields["networkCode"][:6],
        )

    def render(self, reply: Reply, fields: dict[str, str]) -> bytes:
        """Write `CON …` or `END …`."""
        return _written(reply)

    def try_again(self, reply: Reply, incoming: Incoming) -> bytes:
        """The answer repeats nothing of the request, so a request need not be readable."""
        return _written(reply)

    def compose(self, session: HandsetSession, key: str | None) -> GatewayCall:
        """A form whose text grows with each key."""
        root, _star, rest = session.code.strip("*#").partition("*")
        fields = {
            "sessionId": session.number,
            "phoneNumber": f"+{session.msisdn}",
            "networkCode": session.network,
            "serviceCode": f"*{root}#",
            "text": "*".join([*([rest] if rest else []), *session.typed]),
        }
        return GatewayCall(f"{ROOT}{self.path}", urlencode(fields).encode(), _FORM)

    def understand(self, body: bytes) -> Reply:
        """Read `CON …` or `END …`. Raises ValueError."""
        verb, _space, text = body.decode().partition(" ")
        if verb not in ("CON", "END"):
            raise ValueError
        return Reply(text, verb == "END")


def _multipart(incoming: Incoming, charset: str | None) -> dict[str, str]:
    """Read the fields; files are passed over, as nothing handles them."""
    about = {"CONTENT_TYPE": incoming.content_type, "CONTENT_LENGTH": len(incoming.body)}
    fields, _files = MultiPartParser(about, BytesIO(incoming.body), [], charset).parse()
    return {name: str(fields[name]) for name in fields}


def _written(reply: Reply) -> bytes:
    return f"{'END' if reply.is_over else 'CON'} {reply.text}".encode()


DIALECT = AfricasTalking()
