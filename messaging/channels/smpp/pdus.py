"""SMPP's units as bytes: what we write through smpplib, what we read from a peer that may be hostile."""

import logging
import re
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from smpplib import command, command_codes

from messaging.channels.smpp import gsm7
from smart.lib import segments

# It warns of every optional parameter that it does not know.
logging.getLogger("smpplib").setLevel(logging.ERROR)

OK, INVALID_COMMAND, INVALID_BIND_STATE, QUEUE_FULL, THROTTLED, TRY_LATER = 0, 0x03, 0x04, 0x14, 0x58, 0x64
LONGEST = 66_000  # octets of a PDU: a message_payload holds 65,535
_HEADER = struct.Struct(">LLLL")
_TLV = struct.Struct(">HH")
_NAMES = {code: name for name, code in command_codes.commands.items()}
_GSM7, _UCS2 = 0, 8
_UDH = 0x40  # of esm_class: the text begins with a header
_LONGEST_SHORT = 254
RECEIPTED_MESSAGE_ID, MESSAGE_STATE, NETWORK_ERROR, MESSAGE_PAYLOAD = 0x001E, 0x0427, 0x0423, 0x0424


class Malformed(Exception):
    """What came is no PDU; the message says why, and nothing of what came."""


class Unsendable(Exception):
    """A text that cannot travel by SMS; the message is a word for the list of attempts."""


@dataclass(frozen=True, slots=True)
class Address:
    """A sender as SMPP has it; alphanumeric unless it is all digits."""

    number: str
    ton: int
    npi: int


@dataclass(frozen=True, slots=True)
class Part:
    """What of a message travels in one submit_sm."""

    data_coding: int
    esm_class: int
    octets: bytes
    is_payload: bool = False


@lru_cache(maxsize=1024)
def _encoded(text: str) -> tuple[int, tuple[bytes, ...]]:
    encoding, texts = segments.split(text)
    try:
        if encoding == "gsm7":
            return _GSM7, tuple(map(gsm7.encode, texts))
        return _UCS2, tuple(part.encode("utf-16-be") for part in texts)
    except ValueError:
        raise Unsendable("encoding") from None


def parts_of(text: str, *, reference: int, segmentation: str) -> tuple[Part, ...]:
    """Cut a text into what submit_sm carries. A concatenated one's reference is its last octet. Raises Unsendable."""
    coding, pieces = _encoded(text)
    if len(pieces) == 1:
        return (Part(coding, 0, pieces[0]),)
    if segmentation == "message_payload":
        return (Part(coding, 0, b"".join(pieces), is_payload=True),)
    if len(pieces) > 255:
        raise Unsendable("too_long")
    head = bytes([5, 0, 3, reference & 0xFF, len(pieces)])
    return tuple(Part(coding, _UDH, head + bytes([n]) + octets) for n, octets in enumerate(pieces, start=1))


def absolute(instant: datetime) -> str:
    """An instant as an absolute time in UTC, rounded down to the second: the network stops no later (M1)."""
    return f"{instant.astimezone(UTC):%y%m%d%H%M%S}000+"


def submit(
    part: Part, *, source: Address, msisdn: str, validity: str, sequence: int, user_reference: int | None = None
) -> bytes:
    """Write a submit_sm that asks for a receipt."""
    body: dict[str, Any] = {"message_payload" if part.is_payload else "short_message": part.octets}
    pdu = _SubmitSM(
        "submit_sm",
        sequence=sequence,
        source_addr_ton=source.ton,
        source_addr_npi=source.npi,
        source_addr=source.number,
        dest_addr_ton=1,
        dest_addr_npi=1,
        destination_addr=msisdn,
        esm_class=part.esm_class,
        validity_period=validity,
        registered_delivery=1,
        data_coding=part.data_coding,
        user_message_reference=user_reference,
        **body,
    )
    pdu.sequence = sequence
    octets: bytes = pdu.generate()
    return octets


def write(name: str, sequence: int, *, status: int = OK, **fields: Any) -> bytes:
    """Write any PDU."""
    pdu = command.factory(name, sequence=sequence, **fields)
    pdu.sequence, pdu.status = sequence, status
    octets: bytes = pdu.generate()
    return octets


class _Strict:
    """What smpplib's commands lack: no field beyond the end, and every optional parameter by its tag."""

    tlvs: dict[int, bytes]

    def _parse_string(self, field: str, data: bytes, pos: int, length: int | None = None) -> tuple[bytes, int]:
        end = data.find(b"\0", pos)
        if end < 0:
            raise Malformed("string without an end")
        setattr(self, field, data[pos:end])
        return data, end + 1

    def _parse_ostring(self, field: str, data: bytes, pos: int, length: int | None = None) -> tuple[bytes, int]:
        end = pos + int(self.sm_length)  # type: ignore[attr-defined]
        if end > len(data):
            raise Malformed("text beyond the end")
        setattr(self, field, data[pos:end])
        return data, end

    def parse_optional_params(self, data: bytes) -> None:
        pos = 0
        while pos < len(data):
            if pos + 4 > len(data):
                raise Malformed("optional parameter cut off")
            tag, length = _TLV.unpack_from(data, pos)
            pos += 4
            if pos + length > len(data):
                raise Malformed("optional parameter beyond the end")
            self.tlvs[tag] = data[pos : pos + length]
            pos += length


_MANDATORY = command.SubmitSM.params_order[:18]
_OURS = (*_MANDATORY, "user_message_reference", "message_payload")


class _SubmitSM(command.SubmitSM):
    """With the parameters that we use alone: smpplib goes through all of them for each PDU."""

    params_order = _OURS
    params = {name: command.SubmitSM.params[name] for name in _OURS}


class _DeliverSM(_Strict, command.DeliverSM):
    params_order = _MANDATORY
    params = {name: command.DeliverSM.params[name] for name in _MANDATORY}


class _SubmitSMResp(_Strict, command.SubmitSMResp):
    pass


class _QuerySMResp(_Strict, command.QuerySMResp):
    pass


# What has a body that matters to us; of others the header is enough.
_READ: dict[str, Any] = {"deliver_sm": _DeliverSM, "submit_sm_resp": _SubmitSMResp, "query_sm_resp": _QuerySMResp}


@dataclass(slots=True)
class Heard:
    """A PDU from the peer; `fields` is smpplib's command, where its body matters to us."""

    name: str
    status: int
    sequence: int
    fields: Any = None

    @property
    def message_id(self) -> str:
        """The id that an SMSC gave a message: opaque, and nothing but visible characters."""
        found = getattr(self.fields, "message_id", None) or b""
        return text_of(found)


def text_of(octets: bytes) -> str:
    """Octets from outside as one line of ASCII."""
    return "".join(chr(octet) if 0x20 < octet < 0x7F else "?" for octet in octets)


def length_of(buffer: bytes | bytearray, at: int) -> int | None:
    """The length of the PDU that begins at `at`, or None when it is not all there yet. Raises Malformed."""
    left = len(buffer) - at
    if left < 4:
        return None
    length = int.from_bytes(buffer[at : at + 4], "big")
    if not _HEADER.size <= length <= LONGEST:
        raise Malformed("length")
    # No need to wait for the rest of what cannot be a command of the protocol.
    if left >= 8 and int.from_bytes(buffer[at + 4 : at + 8], "big") not in _NAMES:
        raise Malformed("command")
    return length if left >= length else None


def read(octets: bytes) -> Heard:
    """Read one PDU. Raises Malformed."""
    _length, code, status, sequence = _HEADER.unpack_from(octets)
    heard = Heard(_NAMES[code], status, sequence)
    kind = _READ.get(heard.name)
    if kind is None:
        return heard
    fields = kind(heard.name, sequence=sequence)
    fields.tlvs = {}
    try:
        fields.parse_params(octets[_HEADER.size :])
    except (struct.error, TypeError, ValueError):
        raise Malformed(heard.name) from None
    heard.fields = fields
    return heard


# Receipts

_RECEIPT, _INTERMEDIATE, _TYPE = 0x04, 0x20, 0x3C  # of esm_class
_STATES = {
    0: "SCHEDULED", 1: "ENROUTE", 2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 6: "ACCEPTD",
    7: "UNKNOWN", 8: "REJECTD", 9: "SKIPPED",
}  # fmt: skip
_FINAL = {
    "DELIVRD": "delivered", "DELIVERED": "delivered",
    **dict.fromkeys(("EXPIRED", "DELETED", "UNDELIV", "UNDELIVERABLE", "REJECTD", "REJECTED", "SKIPPED"),
                    "undelivered"),
}  # fmt: skip
_ID = re.compile(r"\bid:\s?([^\s]{1,65})(?=\s|$)", re.IGNORECASE)
_STAT = re.compile(r"\bstat:\s?([A-Za-z]{1,16})\b", re.IGNORECASE)
_ERR = re.compile(r"\berr:\s?([0-9A-Za-z]{1,8})\b", re.IGNORECASE)
_DATES = re.compile(r"\b((?:submit|done) date:\s?\d{10,14})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as it came; `status` is of messaging's Receipt.Status, `raw` holds no number and no text."""

    network_id: str
    status: str
    error: str
    raw: str


def status_of(state: int) -> str:
    """A message_state in messaging's words."""
    return _FINAL.get(_STATES.get(state, ""), "underway")


def is_receipt(fields: Any) -> bool:
    """True for what the SMSC says of itself: a subscriber's own text may look like a receipt but is marked as none."""
    esm_class = fields.esm_class or 0
    return esm_class & _TYPE == _RECEIPT or bool(esm_class & _INTERMEDIATE) or RECEIPTED_MESSAGE_ID in fields.tlvs


def receipt_of(fields: Any) -> Receipt | None:
    """Read a receipt, its optional parameters before its text; None when it names no message."""
    tlvs = fields.tlvs
    octets = (fields.short_message or tlvs.get(MESSAGE_PAYLOAD, b""))[:1000]
    # Behind "text:" stands what the message said, which might look like anything.
    text = re.split(r"\btext:", octets.decode("latin-1"), maxsplit=1, flags=re.IGNORECASE)[0]
    named, stat, err = _ID.search(text), _STAT.search(text), _ERR.search(text)
    network_id = text_of(tlvs.get(RECEIPTED_MESSAGE_ID, b"").rstrip(b"\0")[:65]) or (
        text_of(named[1].encode("latin-1")) if named else ""
    )
    if not network_id:
        return None
    word = _STATES.get(tlvs[MESSAGE_STATE][0], "UNKNOWN") if tlvs.get(MESSAGE_STATE) else ""
    word = word or (stat[1].upper() if stat else "UNKNOWN")
    network_error = tlvs.get(NETWORK_ERROR, b"")
    code = network_error[:3].hex() if len(network_error) >= 3 else (err[1] if err else "")
    status = _FINAL.get(word, "underway")
    raw = [f"id:{network_id}", f"stat:{word}", f"err:{code}", *_DATES.findall(text), f"esm:{fields.esm_class or 0:02x}"]
    error = "" if status == "delivered" else f"smpp:{word}" + (f":{code}" if code.strip("0") else "")
    return Receipt(network_id, status, error, " ".join(raw))
