"""Phone numbers: which spellings are read, what is refused, and that none is ever shown (M6)."""

import traceback
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.lib import msisdn
from core.lib.msisdn import InvalidMsisdn, Msisdn

SPELLINGS = {
    "eleven digits": "77010000001",
    "plus": "+77010000001",
    "eight": "87010000001",
    "ten digits": "7010000001",
    "plus, spaces": "+7 701 000 00 01",
    "brackets, dashes": "+7 (701) 000-00-01",
    "eight, brackets": "8(701)0000001",
    "eight, dashes": "8-701-000-00-01",
    "ten digits, spaces": "701 000 00 01",
    "dots": "+7.701.000.00.01",
    "other grouping": "7701 000 0001",
    "ten digits, brackets": "(701) 000-00-01",
    "eight, code apart": "8 701 0000001",
    "spaced dashes": "8 - 701 - 000 - 00 - 01",
    "three groups": "+7 701 00 00 001",
    "spaces around": "  77010000001\t",
    "a line end": "77010000001\r\n",
    "no-break spaces": "+7\u00a0701\u00a0000\u00a000\u00a001",
    "narrow no-break spaces": "+7\u202f701\u202f000\u202f00\u202f01",
    "no-break hyphens": "8\u2011701\u2011000\u201100\u201101",
    "en and em dashes": "8–701–000—00—01",
    "minus signs": "8\u2212701\u2212000\u221200\u221201",
    "left-to-right mark": "\u200e+77010000001",
    "right-to-left mark": "77010000001\u200f",
    "copied from contacts": "\u202a+7 701 000-00-01\u202c",
    "isolated": "\u2068+77010000001\u2069",
}

REFUSED = {
    "nothing": "",
    "a space": " ",
    "a plus": "+",
    "a word": "Anna",
    "United Kingdom": "+447700900123",
    "United States": "+12025550123",
    "Russia": "+79000000001",
    "Kyrgyzstan": "+996700000001",
    "landline": "8 (727) 258-83-00",
    "landline, eleven digits": "77272588300",
    "short code": "3030",
    "code of ours": "*555#",
    "nine digits": "701000000",
    "a digit less": "7701000000",
    "a digit more": "770100000011",
    "two zeros before": "0077010000001",
    "ten digits as a decimal": "7771234567.0",
    "ten digits as a decimal, spaced": " 7771234567.0 ",
    "eleven digits as a decimal": "77010000001.0",
    "ten digits with cents": "7771234567.00",
    "nine digits with cents": "777123456.70",
    "a decimal behind a space": "7771234567 .0",
    "a decimal with a comma": "7771234567,0",
    "thousands": "77,010,000,001",
    "a power": "7.7010000001E10",
    "a power without its sign": "7.7010000001",
    "one digit apart": "7771234567 0",
    "one digit apart, dash": "7771234567-0",
    "one digit before": "7 7771234567 0",
    "a digit less, in groups": "7 777 123 456",
    "a digit less behind an eight": "8 777 123 45 6",
    "a negative number": "-77010000001",
    "a negative number of ten digits": "−7010000001",
    "a dash at the end": "77010000001-",
    "a full stop at the end": "77010000001.",
    "every digit apart": "7 7 0 1 0 0 0 0 0 0 1",
    "groups across the code": "77 01 00 00 00 01",
    "two fields": "777123 45670",
    "two lines": "7701\n0000001",
    "a date": "7.01.2000.77",
    "two pluses": "++77010000001",
    "a plus at the end": "77010000001+",
    "two numbers": "77010000001, 77010000002",
    "extension": "77010000001#1",
    "with a scheme": "tel:+77010000001",
    "a letter within": "7701000000l",
    "a letter after": "77010000001x",
    "NUL within": "7701\x000000001",
    "NUL after": "77010000001\x00",
    "emoji": "📞77010000001",
    "keycaps": "7️⃣7010000001",
    "zero-width space": "\u200b77010000001",
    "byte order mark": "\ufeff77010000001",
    "Arabic letter mark": "\u061c77010000001",
    "Arabic digits": "٧٧٠١٠٠٠٠٠٠١",
    "Persian digits": "۷۷۰۱۰۰۰۰۰۰۱",
    "one Arabic digit": "7701000000١",
    "full-width digits": "７７０１００００００１",
    "superscript": "7701000000¹",
    "injection": "77010000001' OR '1'='1",
    "too long": "77010000001" + " " * 30,
    "very long": "7" * 100_000,
}


@pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
def test_a_number_is_read_in_any_usual_spelling(text: str) -> None:
    assert msisdn.parse(text).value == "77010000001"


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidMsisdn):
        msisdn.parse(text)


@pytest.mark.parametrize("value", [None, 77010000001, b"77010000001", ["77010000001"]], ids=repr)
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(InvalidMsisdn):
        msisdn.parse(value)


@settings(deadline=None, database=None)
@given(
    st.integers(0, 9999),
    st.sampled_from(["", "7", "8", "+7", "7 ", "8-", "+7 ", "+7\u00a0"]),
    st.sampled_from([(3, 2, 2), (2, 2, 3), (2, 3, 2), (3, 4), (4, 3), (7,)]),
    st.sampled_from([" ", "-", " - ", "\u00a0", "\u2011", "  "]),
)
def test_gaps_between_the_groups_change_nothing(number: int, prefix: str, sizes: tuple[int, ...], gap: str) -> None:
    rest = f"000{number:04d}"
    groups = [rest[sum(sizes[:at]) : sum(sizes[: at + 1])] for at in range(len(sizes))]

    spelled = prefix + gap.join(["701", *groups])

    assert msisdn.parse(spelled) == Msisdn(f"7701{rest}")


@settings(deadline=None, database=None)
@given(st.integers(0, 10**11), st.integers(0, 14), st.sampled_from([".", ",", ".0", "-", "e", " ", "0", ""]))
def test_what_is_read_is_the_digits_that_stand_there(digits: int, at: int, noise: str) -> None:
    """No digit is taken for a digit of another place: what was put in either changes nothing or is refused."""
    text = str(digits)
    spelled = text[:at] + noise + text[at:]
    try:
        value = msisdn.parse(spelled).value
    except InvalidMsisdn:
        return

    plain = "".join(character for character in spelled if character.isdecimal())
    assert value.removeprefix("7") == plain[-10:]
    assert plain[:-10] in ("", "7", "8")
    assert not spelled.endswith((".0", ",0", " 0", "-0"))


@settings(deadline=None, database=None)
@given(st.integers(7_000_000_000, 89_999_999_999), st.integers(1, 3))
def test_a_number_made_a_decimal_is_nobodys(number: int, zeros: int) -> None:
    for point in (".", ",", " ", "-", "\u00a0"):
        with pytest.raises(InvalidMsisdn):
            msisdn.parse(f"{number}{point}{'0' * zeros}")


@settings(deadline=None, database=None)
@given(st.text(max_size=60))
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    try:
        value = msisdn.parse(text).value
    except InvalidMsisdn:
        return
    assert value.isascii()
    assert (len(value), value[:2]) == (11, "77")


@pytest.mark.parametrize(
    "text", ["770100000019", "7701000000x", "8 (701) 000-00-0", "77010000001\x00"], ids=["long", "x", "short", "NUL"]
)
def test_the_refusal_never_holds_what_was_typed(text: str) -> None:
    """M6."""
    with pytest.raises(InvalidMsisdn) as caught:
        msisdn.parse(text)

    error = caught.value
    told = [str(error), repr(error), repr(error.args), repr(error.details), *traceback.format_exception(error)]
    assert not any(text in line or "7701" in line or "701)" in line for line in told)
    assert error.__cause__ is error.__context__ is None


@pytest.mark.parametrize(
    "show",
    [str, repr, "{}".format, "%s".__mod__, lambda it: f"{it!r:>40}"],
    ids=["str", "repr", "{}", "%s", "!r"],
)
def test_a_number_prints_masked(show: Callable[[Msisdn], str]) -> None:
    """M6."""
    shown = show(Msisdn("77010000042"))

    assert "7 701 *** ** 42" in shown
    assert "0000" not in shown


def test_a_number_in_a_list_or_an_error_prints_masked() -> None:
    number = Msisdn("77010000042")

    assert repr([number]) == "[Msisdn(7 701 *** ** 42)]"
    assert str(KeyError(number)) == "Msisdn(7 701 *** ** 42)"


def test_equal_numbers_are_one_and_cannot_be_changed() -> None:
    number = msisdn.parse("8 701 000 00 01")

    assert {number, msisdn.parse("+77010000001")} == {number}
    with pytest.raises(FrozenInstanceError):
        number.value = "77010000002"


def test_a_block_of_numbers_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(msisdn, "_known_codes", {})
    asked = []
    real = msisdn.phonenumbers.number_type
    monkeypatch.setattr(msisdn.phonenumbers, "number_type", lambda number: asked.append(number) or real(number))

    values = [msisdn.parse(f"7701000{n:04d}").value for n in range(50)]

    assert len(set(values)) == 50
    assert len(asked) == 1


@pytest.mark.parametrize("text", ["+7775000000", "+7010000001", "+87010000001"])
def test_after_a_plus_the_country_code_is_whole(text: str) -> None:
    """A digit too few must not become somebody else's number."""
    with pytest.raises(msisdn.InvalidMsisdn):
        msisdn.parse(text)
