"""What a text takes on a screen: septets or UCS-2 units, and how it is cut into pages."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.lib import gsm

MORE = "0 Next"
quick = settings(deadline=None, database=None)

# What members read: Latin, extension characters, Kazakh and Russian letters, characters beyond the BMP.
LETTERS = "abcXYZ019.,!?€[]{}^~|\\äöñЖщқңғәіұ«»№₸—…’😀🎁"
words = st.text(st.sampled_from(LETTERS), min_size=1, max_size=20)
texts = st.lists(st.tuples(words, st.sampled_from([" ", "\n"])), min_size=1, max_size=80).map(
    lambda pairs: "".join(word + separator for word, separator in pairs).strip()
)
next_lines = st.sampled_from(["0 Next", "0 Далее", "0 Келесі"])


def contents(pages: tuple[str, ...], more: str) -> list[str]:
    """The pages without the line that leads on."""
    return [*(page.removesuffix(f"\n{more}") for page in pages[:-1]), pages[-1]]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", 0),
        ("SMART", 5),
        ("*555*00#", 8),
        ("@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¤ÄÖÑÜ§¡¿äöñüà", 42),
        ("a\nb\rc", 5),
        ("€", 2),
        ("^{}\\[~]|€\f", 20),
        ("[5 €]", 8),
    ],
    ids=["empty", "Latin", "code", "accents and Greek", "line ends", "euro", "extension table", "mixed"],
)
def test_a_basic_character_takes_one_septet_and_an_extension_two(text: str, size: int) -> None:
    assert (gsm.septets(text), gsm.encoding(text)) == (size, "gsm7")


def test_the_tables_hold_what_gsm_03_38_lists() -> None:
    sizes = [gsm.septets(chr(code)) for code in range(0x11000)]

    assert (sizes.count(1), sizes.count(2)) == (127, 10)


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("@£$¥", b"\x00\x01\x02\x03"),
        ("Hello", b"Hello"),
        ("§", b"\x5f"),
        ("_", b"\x11"),
        ("ÄÖÑÜ¿äöñüà", b"\x5b\x5c\x5d\x5e\x60\x7b\x7c\x7d\x7e\x7f"),
        ("ÆæßÉ", b"\x1c\x1d\x1e\x1f"),
        ("\f^{}\\[~]|€", b"\x1b\x0a\x1b\x14\x1b\x28\x1b\x29\x1b\x2f\x1b\x3c\x1b\x3d\x1b\x3e\x1b\x40\x1b\x65"),
    ],
    ids=["first", "ascii", "paragraph", "underscore", "umlauts", "around-escape", "extension"],
)
def test_every_character_has_the_table_s_octet(text: str, octets: bytes) -> None:
    assert gsm.encode(text) == octets


def test_a_text_is_as_many_octets_as_septets_were_counted() -> None:
    for code in range(0x3000):
        character, takes = chr(code), gsm.septets(chr(code))
        if takes is None:
            with pytest.raises(ValueError, match=r"GSM 03\.38"):
                gsm.encode(character)
        else:
            assert len(gsm.encode(character)) == takes


@pytest.mark.parametrize("character", [*"₸№«»—–…’“”`çÁ\tЯқңғәіұө😀\u00a0\u200e\x00\x1b"], ids=ascii)
def test_one_character_outside_the_tables_makes_it_ucs2(character: str) -> None:
    assert gsm.septets(f"500 {character}") is None
    assert gsm.encoding(f"500 {character}") == "ucs2"


@pytest.mark.parametrize(
    ("text", "units"),
    [("", 0), ("Бонус", 5), ("қ", 1), ("\uffff", 1), ("\U00010000", 2), ("😀", 2), ("Сыйлық 🎁!", 10)],
    ids=["empty", "Russian", "Kazakh", "last of the BMP", "first beyond it", "emoji", "mixed"],
)
def test_a_character_beyond_the_bmp_takes_two_units(text: str, units: int) -> None:
    assert gsm.ucs2_units(text) == units == len(text.encode("utf-16-be")) // 2


@pytest.mark.parametrize(
    ("text", "is_fitting"),
    [
        ("a" * 182, True),
        ("a" * 183, False),
        ("€" * 91, True),
        ("€" * 91 + "a", False),
        ("я" * 80, True),
        ("я" * 81, False),
        ("😀" * 40, True),
        ("😀" * 40 + "я", False),
        ("a" * 79 + "₸", True),
        ("a" * 80 + "₸", False),
    ],
    ids=["182 septets", "183", "91 euros", "91 and one", "80 units", "81", "40 emoji", "40 and one", "tenge", "81st"],
)
def test_a_screen_takes_182_septets_or_80_units(text: str, is_fitting: bool) -> None:
    assert gsm.fits_ussd(text) is is_fitting
    assert (len(gsm.pages(text, MORE)) == 1) is is_fitting


def test_a_text_that_fits_is_left_as_it_is() -> None:
    assert gsm.pages(" 1 Join \n", MORE) == (" 1 Join \n",)


def test_a_page_ends_at_a_line_end_before_it_ends_at_a_space() -> None:
    first, second = "one two " * 15 + "end", "three four " * 10 + "end"

    assert gsm.pages(f"{first}\n{second}", MORE) == (f"{first}\n{MORE}", second)


def test_no_page_begins_with_what_stood_between_two() -> None:
    first, second = "one two " * 20 + "end", "three four " * 10 + "end"

    assert gsm.pages(f"{first}\n\n  {second}", MORE) == (f"{first}\n{MORE}", second)


def test_a_page_ends_at_a_space_where_no_line_ends() -> None:
    pages = gsm.pages("бонус " * 30 + "конец", MORE)

    assert all(set(content.split()) <= {"бонус", "конец"} for content in contents(pages, MORE))


def test_a_word_longer_than_a_screen_is_cut_and_kept() -> None:
    word = "щ" * 200

    pages = gsm.pages(word, MORE)

    assert "".join(contents(pages, MORE)) == word
    assert [len(page) for page in pages] == [80, 80, 54]


def test_latin_pages_before_cyrillic_ones_have_room_for_more() -> None:
    pages = gsm.pages("bonus " * 40 + "бонус " * 20 + "конец", MORE)

    assert gsm.encoding(pages[0]) == "gsm7"
    assert gsm.encoding(pages[-1]) == "ucs2"
    assert len(pages[0]) > gsm.USSD_UCS2


def test_a_next_line_that_is_not_latin_makes_its_page_ucs2() -> None:
    pages = gsm.pages("bonus " * 40, "0 Далее")

    assert all(gsm.ucs2_units(page) <= 80 for page in pages[:-1])


def test_an_emoji_is_never_cut_in_two() -> None:
    pages = gsm.pages("я" + "😀" * 100, MORE)

    assert "".join(contents(pages, MORE)) == "я" + "😀" * 100
    assert gsm.ucs2_units(pages[0]) == 80


@quick
@given(texts, next_lines)
def test_no_page_exceeds_a_screen(text: str, more: str) -> None:
    assert all(gsm.fits_ussd(page) for page in gsm.pages(text, more))


@quick
@given(texts, next_lines)
def test_every_page_but_the_last_leads_on(text: str, more: str) -> None:
    pages = gsm.pages(text, more)

    assert all(page.endswith(f"\n{more}") for page in pages[:-1])
    assert not pages[-1].endswith(more)


@quick
@given(texts, next_lines)
def test_pages_put_together_hold_the_words_of_the_text(text: str, more: str) -> None:
    pages = contents(gsm.pages(text, more), more)

    assert [word for page in pages for word in page.split()] == text.split()
    assert all(pages)


@quick
@given(st.text(min_size=60, max_size=400).map(str.strip), next_lines)
def test_whatever_a_text_is_made_of_no_character_is_lost_or_halved(text: str, more: str) -> None:
    pages = gsm.pages(text, more)

    assert "".join("".join(contents(pages, more)).split()) == "".join(text.split())
    assert all(gsm.fits_ussd(page) for page in pages)
