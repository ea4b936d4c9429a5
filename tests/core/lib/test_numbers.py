import pytest

from core.lib import keys
from core.lib.numbers import whole


@pytest.mark.parametrize(("sent", "read"), [("0", 0), ("007", 7), ("999999999", 999_999_999)])
def test_a_whole_number_is_read(sent, read):
    assert whole(sent) == read


@pytest.mark.parametrize("sent", ["", " 1", "-1", "1_0", "1.0", "²", "٣", "1" * 10, "9" * 5000], ids=repr)
def test_anything_else_is_none(sent):
    assert whole(sent) is None


@pytest.mark.parametrize(
    ("typed", "bare", "unframed"),
    [("1", "1", "1"), ("*1#", "1", "1"), (" 1 # ", "1", "1 "), ("* 1*2 #", "1*2", " 1*2 "), ("*#", "", "")],
)
def test_stars_and_hashes_around_keys_are_the_gateways(typed, bare, unframed):
    assert (keys.bare(typed), keys.unframed(typed)) == (bare, unframed)
