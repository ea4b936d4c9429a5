"""Comviva: XML pull requests; newRequest=1 opens a session, flowState FD asks and FE ends it."""

from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from drf_spectacular.utils import OpenApiResponse

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

_LIMITS = {
    "sessionId": MAX_SESSION_ID,
    "transactionId": 128,
    "msisdn": 40,
    "newRequest": 1,
    "subscriberInput": 182,
}
_GUIDE = r"""
`POST /api/ussd/v1/comviva/`: XML, with `newRequest` 1 for the code dialed and 0 for a key. `FC` goes on, `FB` ends. The key goes as HTTP Basic or
`X-Api-Key`.

```sh
eval "$(make -s manage ARGS='issue_key doc-comviva --replace --proof key --network 127.0.0.0/8')"
comviva() {  # comviva SESSION TRANSACTION NEW TYPED
  curl -sS -H "X-Api-Key: $SMART_KEY.$SMART_SECRET" -H 'Content-Type: text/xml' "$SMART/api/ussd/v1/comviva/" \
    -d "<request type=\"pull\"><sessionId>$1</sessionId><transactionId>$2</transactionId><msisdn>77010000003</msisdn>
        <newRequest>$3</newRequest><flowState>FD</flowState><subscriberInput>$4</subscriberInput></request>"
}

comviva doc-c-1 1 1 '*555*1#'
#> <freeflowState>FC</freeflowState>
comviva doc-c-1 2 0 1
#> <freeflowState>FB</freeflowState>
signed POST /api/ussd/v1/sessions/doc-4/ '{}'
#> "code":"not_authenticated"
```
"""  # noqa: E501


class Comviva(Dialect[dict[str, str]]):
    """Comviva's XML pull."""

    name = "comviva"
    title = "Comviva XML"
    path = "comviva/"
    proof = ApiClient.Proof.KEY
    content_type = "text/xml; charset=utf-8"
    operation = Operation(
        summary="One step, as Comviva asks it",
        request={"text/xml": str},
        responses={(200, "text/xml"): OpenApiResponse(str)},
    )
    guide = _GUIDE

    def read(self, incoming: Incoming) -> dict[str, str]:
        """Take a `<request type="pull">` apart. Raises BadRequest."""
        try:
            root = fromstring(incoming.body, forbid_dtd=True)
        except (ParseError, DefusedXmlException, ValueError, LookupError):
            raise BadRequest(body="XML without a DTD is required.") from None
        if root.tag != "request":
            raise BadRequest(body="A request element is required.")
        fields = {name: (root.findtext(name) or "").strip() for name in (*_LIMITS, "visitedPlmn", "flowState")}
        check_lengths(fields, _LIMITS)
        if not fields["sessionId"]:
            raise BadRequest(sessionId="A session id is required.")
        if not fields["transactionId"]:
            raise BadRequest(transactionId="Each request needs a transaction id of its own.")
        return fields

    def parse(self, fields: dict[str, str], caller: Caller) -> GatewayRequest | SessionEnded:
        """FE ends a session, newRequest tells a code from a key. Raises BadRequest."""
        if fields["flowState"].upper() == "FE":
            return SessionEnded()
        typed = fields["subscriberInput"]
        is_new = fields["newRequest"] == "1"
        code = parse_code(typed) if is_new else None
        if is_new and code is None:
            raise BadRequest(subscriberInput="A code such as *555# is required.")
        return GatewayRequest(
            caller=caller,
            session_id=fields["sessionId"],
            msisdn=read_msisdn(fields["msisdn"]),
            token=f"{fields['transactionId']}:{typed}",
            code=code,
            key=None if is_new else typed,
            visited_plmn=fields["visitedPlmn"][:6],
        )

    def render(self, reply: Reply, fields: dict[str, str]) -> bytes:
        """Write the `<response>`: FC goes on, FB ends."""
        root = Element("response")
        SubElement(root, "msisdn").text = fields["msisdn"]
        SubElement(root, "sessionId").text = fields["sessionId"]
        SubElement(root, "applicationResponse").text = reply.text
        freeflow = SubElement(root, "freeflow")
        SubElement(freeflow, "freeflowState").text = "FB" if reply.is_over else "FC"
        return tostring(root, encoding="utf-8", xml_declaration=True)

    def compose(self, session: HandsetSession, key: str | None) -> GatewayCall:
        """A pull request with a transaction of its own."""
        root = Element("request", type="pull")
        for name, value in {
            "sessionId": session.number,
            "transactionId": f"{session.number}{session.sequence:03}",
            "msisdn": session.msisdn,
            "newRequest": "1" if key is None else "0",
            "flowState": "FD",
            "subscriberInput": session.code if key is None else key,
            "visitedPlmn": session.network,
        }.items():
            SubElement(root, name).text = value
        return GatewayCall(f"{ROOT}{self.path}", tostring(root, encoding="utf-8", xml_declaration=True), "text/xml")

    def understand(self, body: bytes) -> Reply:
        """Read the `<response>`. Raises ValueError."""
        try:
            root = fromstring(body)
        except ParseError as error:
            raise ValueError from error
        return Reply(root.findtext("applicationResponse") or "", root.findtext("freeflow/freeflowState") == "FB")


DIALECT = Comviva()
