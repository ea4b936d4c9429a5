"""Phone numbers at rest: AES-256-GCM with a key id, found again by an HMAC blind index (ADR 0005)."""

import hashlib
import os
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_INDEX_BYTES = 16
_NONCE_BYTES = 12


@lru_cache(maxsize=8)
def _cipher(key_id: int) -> AESGCM:
    return AESGCM(settings.MSISDN_KEYS[key_id])


@lru_cache(maxsize=1)
def current_key() -> int:
    """The id of the key that encrypts: the one named, else the greatest."""
    return settings.MSISDN_ENCRYPT_WITH or max(settings.MSISDN_KEYS)


_BLOCK_BYTES = 64  # SHA-256's


@lru_cache(maxsize=1)
def _index_hashes() -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """HMAC's inner and outer hash with the key already in (RFC 2104): an import asks ten million times."""
    key = settings.MSISDN_INDEX_KEY.encode()
    padded = (hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key).ljust(_BLOCK_BYTES, b"\0")
    return hashlib.sha256(bytes(b ^ 0x36 for b in padded)), hashlib.sha256(bytes(b ^ 0x5C for b in padded))


def encrypt_msisdn(value: str) -> bytes:
    """Encrypt eleven digits under the current key; shape: key id (1 byte), nonce (12), ciphertext and tag (27)."""
    key_id = current_key()
    nonce = os.urandom(_NONCE_BYTES)
    return bytes([key_id]) + nonce + _cipher(key_id).encrypt(nonce, value.encode(), None)


def decrypt_msisdn(stored: bytes | memoryview) -> str:
    """Return the eleven digits; raises KeyError for an unknown key id, InvalidTag for a tampered or cut value."""
    data = bytes(stored)
    if len(data) < 1 + _NONCE_BYTES:
        raise InvalidTag
    return _cipher(data[0]).decrypt(data[1 : 1 + _NONCE_BYTES], data[1 + _NONCE_BYTES :], None).decode()


def blind_index(value: str) -> bytes:
    """Return the 16 bytes (HMAC-SHA256, cut) under which the number is found; without the key they lead to nobody."""
    keyed_inner, keyed_outer = _index_hashes()
    inner, outer = keyed_inner.copy(), keyed_outer.copy()
    inner.update(value.encode())
    outer.update(inner.digest())
    return outer.digest()[:_INDEX_BYTES]
