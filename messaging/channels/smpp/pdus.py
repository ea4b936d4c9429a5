"""SMPP's units as bytes: what we write, and what we read from a peer that may be hostile.

What there is of each message is written and read by hand; the rest, and the numbers of everything, are smpplib's.
"""

import logging
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from smpplib import command, command_codes

from core.lib import gsm, segments

# It warns of every optional parameter that it does not know.
logging.getLogger("smpplib").setLevel(logging.ERROR)

OK, INVALID_COMMAND, INVALID_BIND_STATE, QUEUE_FULL, THROTTLED, TRY_LATER = 0, 0x03, 0x04, 0x14, 0x58, 0x64
LONGEST = 66_000  # octets of a PDU: a message_payload holds 65,535
_HEADER = struct.Struct(">LLLL")
_TLV = struct.Struct(">HH")
_SUBMIT_SM, _DELIVER_SM_RESP = command_codes.commands["submit_sm"], command_codes.commands["deliver_sm_resp"]
_VISIBLE = bytes(octet if 0x20 < octet < 0x7F else ord("?") for octet in range(256))
_NAMES = {code: name for name, code in command_codes.commands.items()}
UNKNOWN, UNKNOWN_RESPONSE = "unknown", "unknown_resp"  # no names of smpplib's
_RESPONSE, _HIGHEST_COMMAND = 0x80000000, 0x000103FF
_GSM7, _UCS2 = 0, 8
_MOST_SKIPPED = 8  # NULs before the optional parameters
_UDH = 0x40  # of esm_class: the text begins with a header
RECEIPTED_MESSAGE_ID, MESSAGE_STATE, NETWORK_ERROR, MESSAGE_PAYLOAD = 0x001E, 0x0427, 0x0423, 0x0424
_USER_REFERENCE = 0x0204


class MalformedPdu(Exception):
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
            return _GSM7, tuple(map(gsm.encode, texts))
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
    """Write a submit_sm that asks for a receipt: by hand, as smpplib takes half of the time of a message to do it."""
    short, payload = (b"", part.octets) if part.is_payload else (part.octets, b"")
    body = b"".join(
        (
            b"\0",  # service_type
            bytes((source.ton, source.npi)) + source.number.encode("ascii") + b"\0",
            b"\1\1" + msisdn.encode("ascii") + b"\0",  # international, of the telephone's numbering plan
            bytes((part.esm_class, 0, 0)) + b"\0" + validity.encode("ascii") + b"\0",
            bytes((1, 0, part.data_coding, 0, len(short))) + short,
            b"" if user_reference is None else _TLV.pack(_USER_REFERENCE, 2) + user_reference.to_bytes(2, "big"),
            _TLV.pack(MESSAGE_PAYLOAD, len(payload)) + payload if payload else b"",
        )
    )
    return _HEADER.pack(_HEADER.size + len(body), _SUBMIT_SM, OK, sequence) + body


def acknowledge(sequence: int, status: int = OK) -> bytes:
    """Write a deliver_sm_resp."""
    return _HEADER.pack(_HEADER.size + 1, _DELIVER_SM_RESP, status, sequence) + b"\0"


def write(name: str, sequence: int, *, status: int = OK, **fields: Any) -> bytes:
    """Write any PDU."""
    pdu = command.factory(name, sequence=sequence, **fields)
    pdu.sequence, pdu.status = sequence, status
    octets: bytes = pdu.generate()
    return octets


@dataclass(slots=True)
class Fields:
    """What of a PDU's body matters to us; `tlvs` are the optional parameters by tag."""

    message_id: bytes = b""
    message_state: int | None = None
    esm_class: int = 0
    short_message: bytes = b""
    tlvs: dict[int, bytes] = field(default_factory=dict)
    is_cut: bool = False  # the body ends before it should: what is here was read until then


def _end(body: bytes, at: int) -> int:
    """Where the string ends that begins there; its NUL follows."""
    end = body.find(b"\0", at)
    if end < 0:
        raise MalformedPdu("string without an end")
    return end


def _read_tlvs(body: bytes, at: int, fields: Fields) -> None:
    """Read the optional parameters, of which SMSCs make mistakes: octets left over are skipped.

    A NUL too many before them shifts them all, so they begin where they come out even. If they do nowhere, what can be
    read from the first octet on counts.
    """
    for skipped in range(_MOST_SKIPPED):
        tlvs, is_even = _tlvs(body, at + skipped)
        if is_even or not skipped:
            fields.tlvs = tlvs
        if is_even or body[at + skipped : at + skipped + 1] != b"\0":
            return


def _tlvs(body: bytes, at: int) -> tuple[dict[int, bytes], bool]:
    """The optional parameters from there on, and whether they end with the body."""
    found: dict[int, bytes] = {}
    while at + _TLV.size <= len(body):
        tag, length = _TLV.unpack_from(body, at)
        at += _TLV.size
        if at + length > len(body):
            return found, False
        found[tag] = body[at : at + length]
        at += length
    return found, at == len(body)


def _read_deliver_sm(body: bytes, fields: Fields) -> None:
    at = _end(body, 0) + 3  # behind service_type, and type and plan of the source
    at = _end(body, at) + 3  # … of the destination
    at = _end(body, at) + 1
    fields.esm_class = body[at]
    at = _end(body, at + 3) + 1  # behind protocol_id, priority_flag, schedule_delivery_time
    at = _end(body, at) + 1  # behind validity_period
    begin = at + 5  # behind registered_delivery, replace_if_present_flag, data_coding, sm_default_msg_id, sm_length
    end = begin + body[at + 4]
    fields.short_message = body[begin:end]
    if end > len(body):
        # Half an id is another message's: the word that was cut does not count.
        fields.short_message = fields.short_message[: fields.short_message.rfind(b" ") + 1]
        raise MalformedPdu("text beyond the end")
    _read_tlvs(body, end, fields)


def _read_submit_sm_resp(body: bytes, fields: Fields) -> None:
    fields.message_id, _, _ = body.partition(b"\0")  # an id without its NUL is one all the same
    _read_tlvs(body, len(fields.message_id) + 1, fields)


def _read_query_sm_resp(body: bytes, fields: Fields) -> None:
    end = _end(body, 0)
    fields.message_id = body[:end]
    fields.message_state = body[_end(body, end + 1) + 1]  # behind final_date; error_code follows


# What has a body that matters to us; of others the header is enough.
_READ: dict[str, Callable[[bytes, Fields], None]] = {
    "deliver_sm": _read_deliver_sm,
    "submit_sm_resp": _read_submit_sm_resp,
    "query_sm_resp": _read_query_sm_resp,
}


@dataclass(slots=True)
class Heard:
    """A PDU from the peer; `fields` are empty where it has no body, or none that matters to us.

    `name` is UNKNOWN for a command that the protocol, as we know it, has not.
    """

    name: str
    status: int
    sequence: int
    fields: Fields = field(default_factory=Fields)

    @property
    def message_id(self) -> str:
        """The id that an SMSC gave a message: opaque, and nothing but visible characters."""
        return text_of(self.fields.message_id)


def text_of(octets: bytes) -> str:
    """Octets from outside as one line of ASCII."""
    return octets.translate(_VISIBLE).decode("ascii")


def length_of(buffer: bytes | bytearray, at: int) -> int | None:
    """The length of the PDU that begins at `at`, or None when it is not all there yet.

    Raises MalformedPdu when none can begin there: where the next one would is not known either.
    """
    left = len(buffer) - at
    if left < 4:
        return None
    length = int.from_bytes(buffer[at : at + 4], "big")
    if not _HEADER.size <= length <= LONGEST:
        raise MalformedPdu("length")
    # No need to wait for the rest of what is another protocol's: commands, the vendors' own too, are small numbers.
    if left >= 8 and int.from_bytes(buffer[at + 4 : at + 8], "big") & ~_RESPONSE > _HIGHEST_COMMAND:
        raise MalformedPdu("command")
    return length if left >= length else None


def read(octets: bytes) -> Heard:
    """Read one PDU. A body that is not what it should be is read as far as it can be: its header stands for itself."""
    _length, code, status, sequence = _HEADER.unpack_from(octets)
    name = _NAMES.get(code, UNKNOWN_RESPONSE if code & _RESPONSE else UNKNOWN)
    heard = Heard(name, status, sequence)
    reader = _READ.get(heard.name)
    if reader is not None and len(octets) > _HEADER.size:
        try:
            reader(octets[_HEADER.size :], heard.fields)
        except (IndexError, MalformedPdu):
            heard.fields.is_cut = True
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
class DeliveryReceipt:
    """A receipt as it came; `status` is of messaging's Receipt.Status, `raw` holds no number and no text."""

    network_id: str
    status: str
    error: str
    raw: str


def status_of(state: int) -> str:
    """A message_state in messaging's words."""
    return _FINAL.get(_STATES.get(state, ""), "underway")


def is_receipt(fields: Fields) -> bool:
    """True for what the SMSC says of itself: a subscriber's own text may look like a receipt but is marked as none."""
    esm_class = fields.esm_class
    return esm_class & _TYPE == _RECEIPT or bool(esm_class & _INTERMEDIATE) or RECEIPTED_MESSAGE_ID in fields.tlvs


def receipt_of(fields: Fields) -> DeliveryReceipt | None:
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
    raw = [f"id:{network_id}", f"stat:{word}", f"err:{code}", *_DATES.findall(text), f"esm:{fields.esm_class:02x}"]
    error = "" if status == "delivered" else f"smpp:{word}" + (f":{code}" if code.strip("0") else "")
    return DeliveryReceipt(network_id, status, error, " ".join(raw))
