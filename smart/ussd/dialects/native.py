"""Our own dialect: signed JSON, one POST a step."""

import json
from typing import Any

from core.access.auth import Caller
from core.lib import msisdn, strict
from smart.ussd.request import GatewayRequest, Reply, parse_code

_MAX_SEQUENCE = 2**31 - 1


class BadRequest(Exception):
    """The body does not fit the schema; `errors` names field and reason."""

    def __init__(self, **errors: str) -> None:
        super().__init__()
        self.errors = errors


def parse(body: bytes, session_id: str, caller: Caller) -> GatewayRequest:
    """Read {msisdn, dialed | input, sequence, visited_plmn?}. Raises BadRequest."""
    data = _decode(body)
    number = _string(data, "msisdn", limit=40)
    sequence = data.get("sequence")
    if isinstance(sequence, bool) or not isinstance(sequence, int) or not 0 <= sequence <= _MAX_SEQUENCE:
        raise BadRequest(sequence="A whole number from 0 on is required.")
    if ("dialed" in data) == ("input" in data):
        raise BadRequest(dialed="Exactly one of dialed and input is required.")
    common: dict[str, Any] = {
        "caller": caller,
        "session_id": session_id,
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


def read_msisdn(text: str) -> msisdn.Msisdn | None:
    """The caller's number; None when it is no mobile number of Kazakhstan (they get a polite end)."""
    try:
        return msisdn.parse(text)
    except msisdn.InvalidMsisdn:
        return None


def _decode(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body.decode(), object_pairs_hook=strict.names_once)
    except (ValueError, RecursionError):
        raise BadRequest(body="JSON in UTF-8 is required.") from None
    if not isinstance(data, dict):
        raise BadRequest(body="A JSON object is required.")
    return data


def _string(data: dict[str, Any], name: str, *, limit: int) -> str:
    value = data.get(name)
    if not isinstance(value, str) or len(value) > limit or not is_storable(value):
        raise BadRequest(**{name: f"A text of at most {limit} characters is required."})
    return value


def is_storable(text: str) -> bool:
    """True without NUL and lone surrogates, which PostgreSQL cannot hold."""
    return "\x00" not in text and not any("\ud800" <= c <= "\udfff" for c in text)


def render(reply: Reply) -> bytes:
    """Write {action, text, encoding}."""
    body = {"action": reply.action, "text": reply.text, "encoding": reply.encoding}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
