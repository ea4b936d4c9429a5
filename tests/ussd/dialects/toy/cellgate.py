"""A made-up dialect, to try the recipe: GET, fields in the query, a number in a session's first step only."""

from urllib.parse import parse_qsl, urlencode

from drf_spectacular.utils import OpenApiParameter

from core.access.auth import Caller
from core.access.models import ApiClient
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

_LIMITS = {"session": MAX_SESSION_ID, "msisdn": 40, "network": 6, "code": 182, "key": 182, "bye": 1}
_GUIDE = """
`GET /api/ussd/v1/cellgate/`: session, msisdn and code, then session and key; `X-Step` numbers the steps.

```sh
curl -sS -u "$SMART_KEY:$SMART_SECRET" -H 'X-Step: 1' "$SMART/api/ussd/v1/cellgate/?session=1&msisdn=77010000001&code=*555%23"
#> more|SMART
```
"""  # noqa: E501


class Cellgate(Dialect[dict[str, str]]):
    """Cellgate's plain requests."""

    name = "cellgate"
    title = "Cellgate"
    path = "cellgate/"
    methods = ("GET",)
    proof = ApiClient.Proof.KEY
    content_type = "text/plain; charset=utf-8"
    operation = Operation(
        summary="One step, as Cellgate asks it",
        request=None,
        responses={(200, "text/plain"): str},
        parameters=tuple(OpenApiParameter(name, str) for name in _LIMITS),
    )
    guide = _GUIDE

    def read(self, incoming: Incoming) -> dict[str, str]:
        """Read the query and the step's number. Raises BadRequest."""
        try:
            given = dict(parse_qsl(incoming.query, keep_blank_values=True, errors="strict", max_num_fields=20))
        except ValueError:
            raise BadRequest(query="A query in UTF-8 is required.") from None
        fields = {name: given.get(name, "") for name in _LIMITS} | {"step": incoming.header("X-Step")}
        check_lengths(fields, _LIMITS | {"step": 10})
        if not fields["session"]:
            raise BadRequest(session="A session is required.")
        return fields

    def parse(self, fields: dict[str, str], caller: Caller) -> GatewayRequest | SessionEnded:
        """A code comes with a number, a key without. Raises BadRequest."""
        if fields["bye"]:
            return SessionEnded()
        code = parse_code(fields["code"]) if fields["code"] else None
        if fields["code"] and (code is None or not fields["msisdn"]):
            raise BadRequest(code="A code such as *555# and a number are required.")
        return GatewayRequest(
            caller=caller,
            session_id=fields["session"],
            msisdn=read_msisdn(fields["msisdn"]) if fields["msisdn"] else None,
            has_number=bool(fields["msisdn"]),
            token=fields["step"],
            code=code,
            key=fields["key"] if code is None else None,
            visited_plmn=fields["network"],
        )

    def render(self, reply: Reply, fields: dict[str, str]) -> bytes:
        """Write `more|…` or `over|…`."""
        return f"{'over' if reply.is_over else 'more'}|{reply.text}".encode()

    def compose(self, session: HandsetSession, key: str | None) -> GatewayCall:
        """A number and a code, then keys."""
        fields = {"session": session.number, "network": session.network}
        fields |= {"msisdn": session.msisdn, "code": session.code} if key is None else {"key": key}
        headers = {"X-Step": str(session.sequence)}
        return GatewayCall(f"{ROOT}{self.path}?{urlencode(fields)}", method="GET", headers=headers)

    def understand(self, body: bytes) -> Reply:
        """Read `more|…` or `over|…`. Raises ValueError."""
        word, bar, text = body.decode().partition("|")
        if not bar:
            raise ValueError
        return Reply(text, word == "over")


DIALECT = Cellgate()
