"""Our own dialect: signed JSON, one POST a step."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework import serializers

from core.access.auth import Caller
from core.access.models import ApiClient
from core.lib import strict
from smart.ussd.dialect import (
    MAX_SESSION_ID,
    ROOT,
    BadRequest,
    Dialect,
    GatewayCall,
    HandsetSession,
    Incoming,
    Operation,
    is_storable,
    read_msisdn,
)
from smart.ussd.request import GatewayRequest, Reply, parse_code

_MAX_SEQUENCE = 2**31 - 1
_STEPS = """\
The gateway posts what was dialed (`dialed`, the first step) or pressed (`input`, each further one), numbering the
steps of a session by one. A step sent again with the same sequence gets the same bytes and acts once. A gap in the
numbers, an unknown, foreign or expired session gets a polite `end`.
"""
_GUIDE = r"""
`POST /api/ussd/v1/sessions/{session id}/`. The first step carries what was dialed, each further one the key; steps are numbered by one. The
answer says whether the session goes on, and in which encoding the text fits one screen (182 GSM-7 septets or 80 UCS-2 characters).

```sh
eval "$(make -s manage ARGS='issue_key doc-native --replace')"
number=77010000001

signed POST /api/ussd/v1/sessions/doc-1/ '{"msisdn": "'$number'", "dialed": "*555*1#", "sequence": 1}'
#> {"action":"continue","text":"Серіктес ұсыныстары мен сауалнамаға келісесіз бе: SMS, USSD, қоңырау?\n1 Иә\n2 Жоқ","encoding":"ucs2"}

signed POST /api/ussd/v1/sessions/doc-1/ '{"msisdn": "'$number'", "input": "1", "sequence": 2}'
#> "action":"end"

signed POST /api/ussd/v1/sessions/doc-2/ \
  '{"msisdn": "'$number'", "dialed": "*555*00#", "sequence": 1, "visited_plmn": "40102"}'
#> 500
signed POST /api/ussd/v1/sessions/doc-3/ '{"msisdn": "'$number'", "dialed": "*111*3#", "sequence": 1}'
#> 500
```

A step sent again with the same sequence, within a day, gets the same bytes and acts once. A gap in the numbers, an unknown or expired session, a
session of another subscriber: a polite `end`, and nothing happens. `visited_plmn` (MCC and MNC) may come with any step; without it the bonus is
not activated, for the subscriber may be abroad (B4).
"""  # noqa: E501


class StepRequest(serializers.Serializer[Any]):
    """One step; exactly one of `dialed` and `input`."""

    msisdn = serializers.CharField(max_length=40, help_text="The subscriber's number, in any usual spelling.")
    dialed = serializers.CharField(max_length=182, required=False, help_text="The code dialed: `*555*1#`.")
    input = serializers.CharField(max_length=182, required=False, allow_blank=True, help_text="The key pressed.")
    sequence = serializers.IntegerField(min_value=0, max_value=_MAX_SEQUENCE)
    visited_plmn = serializers.CharField(
        max_length=6,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="MCC and MNC of the serving network.",
    )


class StepReply(serializers.Serializer[Any]):
    """What to show."""

    action = serializers.ChoiceField(["continue", "end"])
    text = serializers.CharField(help_text="At most 182 GSM-7 septets or 80 UCS-2 characters.")
    encoding = serializers.ChoiceField(["gsm7", "ucs2"])


@dataclass(slots=True)
class NativeFields:
    """A JSON object and the session it is for."""

    session_id: str
    data: dict[str, Any]


class Native(Dialect[NativeFields]):
    """Our own dialect: signed JSON."""

    name = "native"
    title = "Native JSON"
    path = "sessions/<str:session_id>/"
    proof = ApiClient.Proof.SIGNATURE
    content_type = "application/json"
    operation = Operation(
        operation_id="ussd_session_step",
        summary="One step of a USSD session",
        description=_STEPS,
        parameters=(OpenApiParameter("session_id", str, OpenApiParameter.PATH),),
        request=StepRequest,
        responses={200: StepReply},
        examples=(
            OpenApiExample("Dial", {"msisdn": "77010000001", "dialed": "*555*1#", "sequence": 1}, request_only=True),
        ),
    )
    guide = _GUIDE

    def read(self, incoming: Incoming) -> NativeFields:
        """Read a JSON object. Raises BadRequest."""
        session_id = incoming.address["session_id"]
        if len(session_id) > MAX_SESSION_ID or not is_storable(session_id):
            raise BadRequest(session_id=f"At most {MAX_SESSION_ID} characters.")
        try:
            data = json.loads(incoming.body.decode(), object_pairs_hook=strict.names_once)
        except (ValueError, RecursionError):
            raise BadRequest(body="JSON in UTF-8 is required.") from None
        if not isinstance(data, dict):
            raise BadRequest(body="A JSON object is required.")
        return NativeFields(session_id, data)

    def parse(self, fields: NativeFields, caller: Caller) -> GatewayRequest:
        """Read {msisdn, dialed | input, sequence, visited_plmn?}. Raises BadRequest."""
        data = fields.data
        number = _string(data, "msisdn", limit=40)
        sequence = data.get("sequence")
        if isinstance(sequence, bool) or not isinstance(sequence, int) or not 0 <= sequence <= _MAX_SEQUENCE:
            raise BadRequest(sequence="A whole number from 0 on is required.")
        if ("dialed" in data) == ("input" in data):
            raise BadRequest(dialed="Exactly one of dialed and input is required.")
        common: dict[str, Any] = {
            "caller": caller,
            "session_id": fields.session_id,
            "msisdn": read_msisdn(number),
            "token": str(sequence),
            "sequence": sequence,
            "visited_plmn": _string(data, "visited_plmn", limit=6) if data.get("visited_plmn") is not None else "",
        }
        if "input" in data:
            return GatewayRequest(key=_string(data, "input", limit=182), **common)
        code = parse_code(_string(data, "dialed", limit=182))
        if code is None:
            raise BadRequest(dialed="A code such as *555*1# is required.")
        return GatewayRequest(code=code, **common)

    def render(self, reply: Reply, fields: NativeFields) -> bytes:
        """Write {action, text, encoding}."""
        return _written(reply)

    def try_again(self, reply: Reply, incoming: Incoming) -> bytes:
        """The answer repeats nothing of the request, so a request need not be readable."""
        return _written(reply)

    def compose(self, session: HandsetSession, key: str | None) -> GatewayCall:
        """One POST a step."""
        data: dict[str, Any] = {"msisdn": session.msisdn, "sequence": session.sequence}
        data |= {"dialed": session.code} if key is None else {"input": key}
        if session.network:
            data["visited_plmn"] = session.network
        return GatewayCall(f"{ROOT}sessions/{quote(session.number)}/", json.dumps(data).encode(), "application/json")

    def understand(self, body: bytes) -> Reply:
        """Read {action, text}."""
        data = json.loads(body)
        return Reply(data["text"], data["action"] == "end")


def _string(data: dict[str, Any], name: str, *, limit: int) -> str:
    value = data.get(name)
    if not isinstance(value, str) or len(value) > limit or not is_storable(value):
        raise BadRequest(**{name: f"A text of at most {limit} characters is required."})
    return value


def _written(reply: Reply) -> bytes:
    body = {"action": reply.action, "text": reply.text, "encoding": reply.encoding}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


DIALECT = Native()
