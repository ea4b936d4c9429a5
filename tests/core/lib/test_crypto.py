"""Phone numbers at rest: unreadable without the key, found by an index, kept readable over a rotation (ADR 0005)."""

import hmac
from collections.abc import Callable, Iterator

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pytest_django import Settings

from core.lib import crypto

NUMBER = "77010000001"
FIRST, SECOND = "11" * 32, "22" * 32


@pytest.fixture
def keys(settings: Settings) -> Iterator[Settings]:
    """The settings, read anew by each `rotate`."""
    settings.MSISDN_KEYS, settings.MSISDN_ENCRYPT_WITH = {1: bytes.fromhex(FIRST)}, 0
    rotate()
    yield settings
    rotate()


def rotate() -> None:
    """Make the module read its keys again, as a restart does."""
    for remembered in (crypto._cipher, crypto.current_key, crypto._index_hashes):
        remembered.cache_clear()


@examples(deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(number=st.integers(0, 9999).map(lambda n: f"7701000{n:04d}"))
def test_what_was_encrypted_is_decrypted(keys: Settings, number: str) -> None:
    stored = crypto.encrypt_msisdn(number)

    assert crypto.decrypt_msisdn(stored) == crypto.decrypt_msisdn(memoryview(stored)) == number


def test_the_stored_value_has_its_shape_and_shows_no_digits(keys: Settings) -> None:
    stored = crypto.encrypt_msisdn(NUMBER)

    assert (stored[0], len(stored)) == (1, 1 + 12 + 27)
    assert b"7701" not in stored


def test_two_encryptions_of_a_number_have_nothing_in_common(keys: Settings) -> None:
    stored = [crypto.encrypt_msisdn(NUMBER) for _ in range(50)]

    assert len({value[1:13] for value in stored}) == len({value[13:] for value in stored}) == 50


def test_after_a_rotation_the_newest_key_encrypts_and_the_old_still_decrypts(keys: Settings) -> None:
    old = crypto.encrypt_msisdn(NUMBER)

    keys.MSISDN_KEYS = {2: bytes.fromhex(SECOND), 1: bytes.fromhex(FIRST)}
    rotate()
    new = crypto.encrypt_msisdn(NUMBER)

    assert (old[0], new[0]) == (1, 2)
    assert crypto.decrypt_msisdn(old) == crypto.decrypt_msisdn(new) == NUMBER


def test_the_newest_key_is_the_one_with_the_greatest_number(keys: Settings) -> None:
    keys.MSISDN_KEYS = {9: bytes.fromhex(FIRST), 10: bytes.fromhex(SECOND)}
    rotate()

    assert crypto.encrypt_msisdn(NUMBER)[0] == 10


def test_a_new_key_may_be_handed_out_before_it_encrypts(keys: Settings) -> None:
    keys.MSISDN_KEYS = {1: bytes.fromhex(FIRST), 2: bytes.fromhex(SECOND)}
    keys.MSISDN_ENCRYPT_WITH = 1
    rotate()

    assert crypto.encrypt_msisdn(NUMBER)[0] == 1


def test_a_key_that_was_taken_away_reads_nothing(keys: Settings) -> None:
    stored = crypto.encrypt_msisdn(NUMBER)

    keys.MSISDN_KEYS = {2: bytes.fromhex(SECOND)}
    rotate()

    with pytest.raises(KeyError):
        crypto.decrypt_msisdn(stored)


def test_another_key_under_the_same_number_reads_nothing(keys: Settings) -> None:
    stored = crypto.encrypt_msisdn(NUMBER)

    keys.MSISDN_KEYS = {1: bytes.fromhex(SECOND)}
    rotate()

    with pytest.raises(InvalidTag):
        crypto.decrypt_msisdn(stored)


@pytest.mark.parametrize("position", range(1, 40))
def test_a_value_changed_in_any_byte_is_refused(keys: Settings, position: int) -> None:
    stored = bytearray(crypto.encrypt_msisdn(NUMBER))

    stored[position] ^= 1

    with pytest.raises(InvalidTag):
        crypto.decrypt_msisdn(stored)


@pytest.mark.parametrize(
    "change", [lambda v: v[:-1], lambda v: v + b"0", lambda v: v[:13]], ids=["cut", "longer", "without its text"]
)
def test_a_value_of_another_length_is_refused(keys: Settings, change: Callable[[bytes], bytes]) -> None:
    with pytest.raises(InvalidTag):
        crypto.decrypt_msisdn(change(crypto.encrypt_msisdn(NUMBER)))


def test_the_blind_index_is_stable_and_each_numbers_own(keys: Settings) -> None:
    found = {crypto.blind_index(f"7701000{n:04d}") for n in range(1000)}

    assert len(found) == 1000
    assert {len(index) for index in found} == {16}
    assert crypto.blind_index(NUMBER) == crypto.blind_index(NUMBER) in found


@pytest.mark.parametrize("key", ["k", "k" * 64, "k" * 65, "ключ"], ids=["short", "64 bytes", "65 bytes", "not ASCII"])
def test_the_blind_index_is_the_hmac_of_the_number(keys: Settings, key: str) -> None:
    keys.MSISDN_INDEX_KEY = key
    rotate()

    assert crypto.blind_index(NUMBER) == hmac.digest(key.encode(), NUMBER.encode(), "sha256")[:16]


def test_the_blind_index_outlives_a_rotation_of_the_encryption_keys(keys: Settings) -> None:
    before = crypto.blind_index(NUMBER)

    keys.MSISDN_KEYS = {1: bytes.fromhex(FIRST), 2: bytes.fromhex(SECOND)}
    rotate()

    assert crypto.blind_index(NUMBER) == before


def test_the_blind_index_cannot_be_made_without_its_key(keys: Settings) -> None:
    """M6: the eleven digits are few; a digest without a key would tell them all."""
    before = crypto.blind_index(NUMBER)

    keys.MSISDN_INDEX_KEY = "another"
    rotate()

    assert crypto.blind_index(NUMBER) != before
