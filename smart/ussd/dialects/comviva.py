"""Comviva: XML pull requests; newRequest=1 opens a session, flowState FD asks and FE ends it."""

from collections.abc import Mapping
from xml.etree.ElementTree import Element, ParseError, SubElement, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from core.access.auth import Caller
from smart.ussd.dialects.native import BadRequest, is_storable, read_msisdn
from smart.ussd.request import GatewayRequest, Reply, parse_code

_LIMITS = {"sessionId": 128, "transactionId": 128, "msisdn": 40, "newRequest": 1, "subscriberInput": 182}


def is_notice(fields: Mapping[str, str]) -> bool:
    """True when the gateway only lets us know that a session is over: nothing was pressed."""
    return fields["flowState"].upper() == "FE"


def parse(fields: Mapping[str, str], caller: Caller) -> GatewayRequest:
    """Make a request of the fields. Raises BadRequest."""
    typed = fields["subscriberInput"]
    token = f"{fields['transactionId']}:{typed}"
    number = read_msisdn(fields["msisdn"])
    is_new = fields["newRequest"] == "1"
    code = parse_code(typed) if is_new else None
    if is_new and code is None:
        raise BadRequest(subscriberInput="A code such as *555# is required.")
    return GatewayRequest(
        caller=caller,
        session_id=fields["sessionId"],
        msisdn=number,
        token=token,
        code=code,
        key=None if is_new else typed,
        visited_plmn=fields["visitedPlmn"][:6],
    )


def read(body: bytes) -> dict[str, str]:
    """Take a `<request type="pull">` apart. Raises BadRequest."""
    try:
        root = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise BadRequest(body="XML without a DTD is required.") from None
    if root.tag != "request":
        raise BadRequest(body="A request element is required.")
    fields = {name: (root.findtext(name) or "").strip() for name in (*_LIMITS, "visitedPlmn", "flowState")}
    for name, limit in _LIMITS.items():
        if len(fields[name]) > limit or not is_storable(fields[name]):
            raise BadRequest(**{name: f"At most {limit} characters."})
    if not fields["sessionId"]:
        raise BadRequest(sessionId="A session id is required.")
    if not fields["transactionId"]:
        raise BadRequest(transactionId="Each request needs a transaction id of its own.")
    return fields


def render(reply: Reply, session_id: str, msisdn: str) -> bytes:
    """Write the `<response>`: FC goes on, FB ends."""
    root = Element("response")
    SubElement(root, "msisdn").text = msisdn
    SubElement(root, "sessionId").text = session_id
    SubElement(root, "applicationResponse").text = reply.text
    freeflow = SubElement(root, "freeflow")
    SubElement(freeflow, "freeflowState").text = "FB" if reply.is_over else "FC"
    return tostring(root, encoding="utf-8", xml_declaration=True)
