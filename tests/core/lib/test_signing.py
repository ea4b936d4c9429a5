"""What a signature covers, and how old it may be."""

import pytest

from core.lib import signing

REQUEST = {
    "secret": "secret",
    "method": "POST",
    "path": "/api/ussd/v1/sessions/s1/",
    "timestamp": "1795417200",
    "nonce": "0123456789abcdef",
    "body": b'{"sequence":1}',
}
NOW = 1_795_417_200.0


def test_a_signature_is_what_the_interface_description_says() -> None:
    """Made with `printf … | openssl dgst -sha256 -hmac secret`: what gateways were told never changes by itself."""
    assert signing.sign(**REQUEST) == "2e0ed43c13f1910ef9ff17d3251acf7086109516b9f8556122460ad9b65e789d"


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("secret", "Secret"),
        ("method", "PUT"),
        ("path", "/api/ussd/v1/sessions/s2/"),
        ("path", "/api/ussd/v1/sessions/s1/?a=1"),
        ("timestamp", "1795417201"),
        ("nonce", "0123456789abcdeF"),
        ("body", b'{"sequence":2}'),
        ("body", b'{"sequence":1} '),
        ("body", b""),
    ],
    ids=["secret", "method", "path", "query", "timestamp", "nonce", "body", "space after the body", "no body"],
)
def test_a_signature_covers_every_part(part: str, value: str | bytes) -> None:
    assert signing.sign(**REQUEST | {part: value}) != signing.sign(**REQUEST)


def test_the_methods_case_does_not_matter() -> None:
    assert signing.sign(**REQUEST | {"method": "post"}) == signing.sign(**REQUEST)


@pytest.mark.parametrize(
    ("timestamp", "now", "is_fresh"),
    [
        ("1795417200", NOW, True),
        ("1795416900", NOW, True),
        ("1795416899", NOW, False),
        ("1795416900", NOW + 0.001, False),
        ("1795417500", NOW, True),
        ("1795417501", NOW, False),
        ("1795417500", NOW - 0.001, False),
        ("0", NOW, False),
    ],
    ids=["now", "-300 s", "-301 s", "just past -300 s", "+300 s", "+301 s", "just past +300 s", "1970"],
)
def test_a_timestamp_is_fresh_for_300_seconds_either_way(timestamp: str, now: float, is_fresh: bool) -> None:
    assert signing.is_fresh(timestamp, now) is is_fresh


@pytest.mark.parametrize(
    "timestamp",
    ["", " ", "now", "-1795417200", "+1795417200", "1795417200.0", "1.7954172e9", "1795417200 ", "1_795_417_200",
     "0x6b03c5b0", "1795417200000", "9" * 5000, "²"],
    ids=["empty", "space", "word", "minus", "plus", "fraction", "exponent", "space after", "underscores", "hex",
         "milliseconds", "5000 digits", "superscript"],
)  # fmt: skip
def test_what_is_no_number_of_seconds_is_never_fresh(timestamp: str) -> None:
    assert not signing.is_fresh(timestamp, NOW)


def test_zeros_before_the_number_do_not_lengthen_it() -> None:
    assert signing.is_fresh("001795417200", NOW)
    assert not signing.is_fresh("0001795417200", NOW)
