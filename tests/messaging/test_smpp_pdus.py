"""SMPP's units: what a message becomes, and what is made of whatever a peer sends."""

import random
import struct
from datetime import UTC, datetime, timedelta, timezone

import pytest
from smpplib import smpp

from core.lib import gsm
from messaging.channels.smpp import pdus
from messaging.channels.smpp.pace import Pace
from messaging.channels.smpp.pdus import Address, MalformedPdu, Unsendable

NUMBER = "77010000001"
SOURCE = Address("SMART", 5, 0)


def tlv(tag: int, value: bytes) -> bytes:
    return struct.pack(">HH", tag, len(value)) + value


def deliver(text: bytes = b"", *tlvs: bytes, esm_class: int = 4) -> bytes:
    """A deliver_sm as an SMSC writes it."""
    octets = pdus.write(
        "deliver_sm", 7, source_addr=NUMBER, destination_addr="SMART", esm_class=esm_class, short_message=text
    ) + b"".join(tlvs)
    return struct.pack(">L", len(octets)) + octets[4:]


def submit(part: pdus.Part) -> bytes:
    return pdus.submit(part, source=SOURCE, msisdn=NUMBER, validity="", sequence=1)


@pytest.mark.parametrize(
    ("text", "coding", "sizes"),
    [
        ("a" * 160, 0, [160]),
        ("a" * 161, 0, [6 + 153, 6 + 8]),
        ("a" * 152 + "€" + "a" * 20, 0, [6 + 152, 6 + 22]),
        ("я" * 70, 8, [140]),
        ("я" * 71, 8, [6 + 134, 6 + 8]),
        ("я" * 66 + "😀" * 3, 8, [6 + 132, 6 + 12]),
    ],
    ids=["gsm-one", "gsm-two", "gsm-escape-whole", "ucs2-one", "ucs2-two", "ucs2-pair-whole"],
)
def test_parts_by_udh(text, coding, sizes):
    parts = pdus.parts_of(text, reference=0x1FE, segmentation="udh")

    assert [len(part.octets) for part in parts] == sizes
    assert {part.data_coding for part in parts} == {coding}
    if len(parts) > 1:
        assert {part.esm_class for part in parts} == {0x40}
        assert [part.octets[:6] for part in parts] == [
            bytes([5, 0, 3, 0xFE, len(parts), number]) for number in range(1, len(parts) + 1)
        ]
        body = b"".join(part.octets[6:] for part in parts)
        assert body == (gsm.encode(text) if coding == 0 else text.encode("utf-16-be"))


def test_a_long_text_in_one_payload():
    (part,) = pdus.parts_of("я" * 200, reference=1, segmentation="message_payload")

    read = smpp.parse_pdu(submit(part), allow_unknown_opt_params=True, sequence=1)

    assert read.message_payload == ("я" * 200).encode("utf-16-be")
    assert (read.sm_length, read.esm_class, read.data_coding) == (0, 0, 8)


@pytest.mark.parametrize(
    ("text", "word"), [("a\ud800", "encoding"), ("я" * 20_000, "too_long")], ids=["lone-surrogate", "256-parts"]
)
def test_what_cannot_travel_is_named_without_its_text(text, word):
    with pytest.raises(Unsendable) as caught:
        pdus.parts_of(text, reference=1, segmentation="udh")

    assert str(caught.value) == word


def test_submit_sm_says_what_it_has_to():
    (part,) = pdus.parts_of("Чай", reference=1, segmentation="udh")

    octets = pdus.submit(
        part, source=SOURCE, msisdn=NUMBER, validity="261123155959000+", sequence=9, user_reference=513
    )
    read = smpp.parse_pdu(octets, allow_unknown_opt_params=True, sequence=1)

    assert (read.command, read.sequence, read.status) == ("submit_sm", 9, 0)
    assert (read.source_addr, read.source_addr_ton, read.source_addr_npi) == (b"SMART", 5, 0)
    assert (read.destination_addr, read.dest_addr_ton, read.dest_addr_npi) == (NUMBER.encode(), 1, 1)
    assert (read.registered_delivery, read.validity_period) == (1, b"261123155959000+")
    assert (read.short_message, read.user_message_reference) == ("Чай".encode("utf-16-be"), 513)


@pytest.mark.parametrize("segmentation", ["udh", "message_payload"])
@pytest.mark.parametrize("text", ["Чай", "Tea €", "я" * 200], ids=["ucs2", "gsm7", "long"])
@pytest.mark.parametrize("reference", [None, 513])
def test_submit_sm_is_octet_for_octet_what_smpplib_writes(text, segmentation, reference):
    for part in pdus.parts_of(text, reference=1, segmentation=segmentation):
        ours = pdus.submit(
            part, source=SOURCE, msisdn=NUMBER, validity="261123155959000+", sequence=9, user_reference=reference
        )

        theirs = pdus.write(
            "submit_sm", 9, source_addr="SMART", source_addr_ton=5, source_addr_npi=0, destination_addr=NUMBER,
            dest_addr_ton=1, dest_addr_npi=1, esm_class=part.esm_class, validity_period="261123155959000+",
            registered_delivery=1, data_coding=part.data_coding, user_message_reference=reference,
            **{"message_payload" if part.is_payload else "short_message": part.octets},
        )  # fmt: skip
        assert ours == theirs


@pytest.mark.parametrize("status", [0, 0x64])
def test_deliver_sm_resp_is_octet_for_octet_what_smpplib_writes(status):
    assert pdus.acknowledge(9, status) == pdus.write("deliver_sm_resp", 9, status=status, message_id="")


def test_a_refusal_has_no_body_and_is_read():
    heard = pdus.read(struct.pack(">LLLL", 16, 0x80000004, 0x58, 9))

    assert (heard.name, heard.status, heard.message_id) == ("submit_sm_resp", 0x58, "")


@pytest.mark.parametrize(
    "instant",
    [
        datetime(2026, 11, 23, 15, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 11, 23, 20, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=5))),
    ],
    ids=["utc", "astana"],
)
def test_validity_is_utc_and_rounded_down(instant):
    assert pdus.absolute(instant) == "261123155959000+"


TEXT = b"id:%s sub:001 dlvrd:001 submit date:2611231200 done date:2611231201 stat:%s err:%s text:Tea"


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (deliver(b"", tlv(0x1E, b"ab-1\0"), tlv(0x427, b"\2")), ("ab-1", "delivered", "")),
        (deliver(b"", tlv(0x1E, b"ab-1\0"), tlv(0x427, b"\3")), ("ab-1", "undelivered", "smpp:EXPIRED")),
        (deliver(b"", tlv(0x1E, b"ab-1\0"), tlv(0x427, b"\1")), ("ab-1", "underway", "smpp:ENROUTE")),
        (deliver(b"", tlv(0x1E, b"ab-1\0"), tlv(0x427, b"\x63")), ("ab-1", "underway", "smpp:UNKNOWN")),
        (
            deliver(b"", tlv(0x1E, b"x\0"), tlv(0x427, b"\5"), tlv(0x423, b"\3\0\1")),
            ("x", "undelivered", "smpp:UNDELIV:030001"),
        ),
        (deliver(TEXT % (b"7", b"DELIVRD", b"000"), tlv(0x1E, b"ab\0"), tlv(0x427, b"\5")),
         ("ab", "undelivered", "smpp:UNDELIV")),
        (deliver(TEXT % (b"00012", b"DELIVRD", b"000")), ("00012", "delivered", "")),
        (deliver(TEXT % (b"12", b"UNDELIV", b"011")), ("12", "undelivered", "smpp:UNDELIV:011")),
        (deliver(TEXT % (b"12", b"REJECTD", b"00B")), ("12", "undelivered", "smpp:REJECTD:00B")),
        (deliver(TEXT % (b"12", b"ACCEPTD", b"000")), ("12", "underway", "smpp:ACCEPTD")),
        (deliver(b"ID:A Stat:delivrd"), ("A", "delivered", "")),
        (deliver(b"id:A"), ("A", "underway", "smpp:UNKNOWN")),
        (deliver(b"", tlv(0x424, TEXT % (b"12", b"DELIVRD", b"000"))), ("12", "delivered", "")),
        (deliver(b"id:A stat:UNDELIV text:id:B stat:DELIVRD"), ("A", "undelivered", "smpp:UNDELIV")),
        (deliver(b"", tlv(0x1E, b"ab\0"), tlv(0x427, b"\2"), tlv(0x1400, b"?"), tlv(0x5, b"\1")),
         ("ab", "delivered", "")),
    ],
    ids=["tlv", "tlv-expired", "tlv-enroute", "tlv-unheard-of", "tlv-network-error", "tlv-before-text", "text",
         "text-undelivered", "text-rejected", "text-accepted", "text-cases", "text-no-state", "payload",
         "text-of-the-message", "unknown-tlvs"],
)  # fmt: skip
def test_receipts(octets, expected):
    fields = pdus.read(octets).fields

    receipt = pdus.receipt_of(fields)

    assert pdus.is_receipt(fields)
    assert (receipt.network_id, receipt.status, receipt.error) == expected
    assert NUMBER not in receipt.raw
    assert "Tea" not in receipt.raw


@pytest.mark.parametrize(
    "text",
    [b"", b"id:", b"stat:DELIVRD", b"id:" + b"1" * 200, b"text:id:1 stat:DELIVRD", b"\0\xff" * 90],
    ids=["empty", "no-id", "state-alone", "huge-id", "id-in-the-text", "noise"],
)
def test_a_receipt_that_names_no_message(text):
    assert pdus.receipt_of(pdus.read(deliver(text)).fields) is None


def test_what_a_subscriber_writes_is_no_receipt():
    fields = pdus.read(deliver(TEXT % (b"1", b"DELIVRD", b"000"), esm_class=0)).fields

    assert not pdus.is_receipt(fields)


def test_raw_keeps_no_number_however_it_came():
    octets = deliver(b"id:A stat:DELIVRD err:000 to:77010000001 text:77010000001")

    assert NUMBER not in pdus.receipt_of(pdus.read(octets).fields).raw


def test_an_id_from_outside_is_visible_ascii():
    octets = deliver(b"", tlv(0x1E, b"a\nb\xff\0"), tlv(0x427, b"\2"))

    assert pdus.receipt_of(pdus.read(octets).fields).network_id == "a?b?"


@pytest.mark.parametrize(
    "octets",
    [
        b"\0\0\0\0",
        b"\0\0\0\x0f",
        b"\xff\xff\xff\xff",
        struct.pack(">LL", 16, 0x12345678),
        b"HTTP/1.1 400 Bad Request\r\n",
    ],
    ids=["nothing", "too-short", "too-long", "unknown-command", "another-protocol"],
)
def test_what_is_no_pdu_is_told_before_it_is_all_there(octets):
    with pytest.raises(MalformedPdu):
        pdus.length_of(octets, 0)


@pytest.mark.parametrize("cut", range(17, 60, 3))
def test_a_pdu_cut_off_inside_is_read_as_far_as_it_goes(cut):
    whole = deliver(b"id:A stat:DELIVRD", tlv(0x1E, b"ab\0"))
    octets = struct.pack(">L", cut) + whole[4:cut]

    fields = pdus.read(octets).fields

    pdus.is_receipt(fields)
    pdus.receipt_of(fields)


RECEIPT = tlv(0x1E, b"ab\0") + tlv(0x427, b"\2")
CUT = [b"\0", b"\0\x1e\0", tlv(0x424, b"abc")[:-1], struct.pack(">HH", 0x424, 0xFFFF), b"\xff" * 3]


def unit(command: int, body: bytes, *, sequence: int = 7) -> bytes:
    return struct.pack(">LLLL", 16 + len(body), command, 0, sequence) + body


@pytest.mark.parametrize("tail", CUT, ids=["nul", "half-a-tag", "cut", "beyond-the-end", "noise"])
def test_octets_behind_a_receipt_cost_nothing_of_it(tail):
    receipt = pdus.receipt_of(pdus.read(deliver(b"id:A stat:UNDELIV", RECEIPT, tail)).fields)

    assert (receipt.network_id, receipt.status) == ("ab", "delivered")


@pytest.mark.parametrize("count", [1, 3])
def test_nuls_between_text_and_parameters_are_skipped(count):
    fields = pdus.read(deliver(b"id:A stat:UNDELIV", b"\0" * count, RECEIPT)).fields

    receipt = pdus.receipt_of(fields)
    assert (receipt.network_id, receipt.status) == ("ab", "delivered")


@pytest.mark.parametrize("tail", CUT, ids=["nul", "half-a-tag", "cut", "beyond-the-end", "noise"])
def test_octets_behind_the_text_of_a_receipt_cost_nothing_of_it(tail):
    receipt = pdus.receipt_of(pdus.read(deliver(b"id:A stat:DELIVRD", tail)).fields)

    assert (receipt.network_id, receipt.status) == ("A", "delivered")


@pytest.mark.parametrize(
    "body", [b"ab-1\0", b"ab-1\0\0", b"ab-1", b"ab-1\0" + CUT[2], b"ab-1\0" + CUT[3], b"ab-1\0\0" + RECEIPT],
    ids=["as-it-should-be", "a-nul-too-many", "without-a-nul", "cut", "beyond-the-end", "a-nul-and-parameters"],
)  # fmt: skip
def test_an_id_is_read_whatever_stands_behind_it(body):
    assert pdus.read(unit(0x80000004, body)).message_id == "ab-1"


@pytest.mark.parametrize("body", [b"", b"\0", b"smsc\0", b"smsc", b"smsc\0\0\0", b"\xff" * 40])
@pytest.mark.parametrize("command", [0x80000009, 0x15, 0x80000015, 0x06, 0x80000000, 0x103], ids=hex)
def test_of_other_units_the_header_counts_whatever_their_body(command, body):
    heard = pdus.read(unit(command, body, sequence=9))

    assert (heard.sequence, heard.status) == (9, 0)
    assert heard.name != pdus.UNKNOWN


@pytest.mark.parametrize(
    ("command", "name"),
    [(0x10201, pdus.UNKNOWN), (0x80010201, pdus.UNKNOWN_RESPONSE), (0x112, pdus.UNKNOWN)],
    ids=["vendors", "vendors-answer", "a-later-version"],
)
def test_a_command_nobody_knows_is_a_unit_all_the_same(command, name):
    octets = unit(command, b"whatever")

    assert pdus.length_of(octets, 0) == 24
    assert pdus.read(octets).name == name


def test_half_an_id_is_nobodys():
    whole = deliver(b"stat:DELIVRD id:123456")
    octets = struct.pack(">L", len(whole) - 2) + whole[4:-2]

    fields = pdus.read(octets).fields

    assert fields.is_cut
    assert pdus.receipt_of(fields) is None


def test_a_text_that_is_shorter_than_it_says_is_read_to_its_last_whole_word():
    whole = deliver(b"id:12 stat:DELIVRD err:000 text:Tea")
    octets = struct.pack(">L", len(whole) - 2) + whole[4:-2]

    receipt = pdus.receipt_of(pdus.read(octets).fields)

    assert (receipt.network_id, receipt.status) == ("12", "delivered")


@pytest.mark.parametrize(
    "command", [0x05, 0x80000004, 0x80000003], ids=["deliver_sm", "submit_sm_resp", "query_sm_resp"]
)
def test_no_body_is_a_crash(command):
    chance = random.Random(command)
    good = deliver(b"id:A stat:DELIVRD", RECEIPT)[16:]
    for _ in range(3000):
        body = bytearray(good[: chance.randrange(len(good) + 1)])
        for _ in range(chance.randrange(4)):
            if body:
                body[chance.randrange(len(body))] = chance.choice((0, 1, 0x1E, 0xFF))
        fields = pdus.read(unit(command, bytes(body))).fields
        pdus.receipt_of(fields)


class TestPace:
    def test_a_burst_is_no_more_than_a_tenth_of_a_second(self):
        pace = Pace(100, pause=1, now=0)

        assert pace.available(now=10) == 10

    def test_throttling_pauses_and_slows_then_recovers_step_by_step(self):
        pace = Pace(100, pause=1, now=0)
        pace.throttled(written_at=5, now=5.1)

        assert (pace.available(now=5.5), pace.limit, pace.is_slowed) == (0, 70, True)
        assert pace.available(now=6.2) > 0
        assert pace.limit == 75
        assert pace.available(now=20) == 10
        assert not pace.is_slowed

    def test_what_was_written_before_does_not_slow_twice(self):
        pace = Pace(100, pause=1, now=0)
        for _ in range(30):
            pace.throttled(written_at=5, now=5.1)

        assert pace.limit == 70

    def test_without_a_rate_of_its_own_what_was_done_is_the_measure(self):
        pace = Pace(0, pause=1, now=0)
        pace.take(1000, now=5)
        pace.throttled(written_at=5, now=5.1)

        assert pace.limit == 700
        assert pace.available(now=60) > 1000
        assert not pace.is_slowed
