"""XAES-256-GCM (https://c2sp.org/XAES-256-GCM): AES-256-GCM under a key for each nonce of 192 bits.

Plain AES-GCM has nonces of 96 bits: drawn at random, two may be alike after 2^32 values under one
key, which gives both away. Here half of the nonce makes, with the key, a key of the value's own, so
that as many values as a disk can hold are sealed without a counter to be kept, or rolled back.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 24, 16
_BLOCK, _DERIVING = 16, 12


class Key:
    """256 bits that do not print themselves, and can be forgotten."""

    __slots__ = ("_key", "_mask")

    def __init__(self, key: bytes | bytearray) -> None:
        """Raises ValueError unless it has 32 bytes. They are copied."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
        self._key = bytearray(key)
        first = int.from_bytes(_blocks(self._key, bytes(_BLOCK)), "big")
        doubled = first << 1 ^ (0x87 if first >> 127 else 0)  # as CMAC's first subkey
        self._mask = doubled & (1 << 128) - 1

    def seal(self, value: bytes | memoryview, place: bytes) -> bytes:
        """Nonce, ciphertext and tag. ``place``: what it can be opened with alone."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._of(nonce).encrypt(nonce[_DERIVING:], value, place)

    def open(self, sealed: bytes | memoryview, place: bytes) -> bytes | None:
        """What was sealed; None unless it is whole, of this key and of this place."""
        if len(sealed) < NONCE_BYTES + TAG_BYTES:
            return None
        nonce = bytes(sealed[:NONCE_BYTES])
        try:
            return self._of(nonce).decrypt(nonce[_DERIVING:], sealed[NONCE_BYTES:], place)
        except InvalidTag:
            return None

    def reveal(self) -> bytes:
        """The bytes, to be sealed or derived from."""
        return bytes(self._key)

    def forget(self) -> None:
        """Overwrites the bytes; nothing is sealed or opened by it any more."""
        self._key[:] = bytes(KEY_BYTES)
        self._mask = 0

    def _of(self, nonce: bytes) -> AESGCM:
        """For one nonce: NIST SP 800-108 in counter mode with CMAC, two blocks of AES."""
        halves = b"".join(
            (int.from_bytes(b"\0%cX\0" % number + nonce[:_DERIVING], "big") ^ self._mask).to_bytes(
                _BLOCK, "big"
            )
            for number in (1, 2)
        )
        return AESGCM(_blocks(self._key, halves))

    def __repr__(self) -> str:
        return "Key(…)"


def _blocks(key: bytearray, blocks: bytes) -> bytes:
    return Cipher(algorithms.AES256(key), modes.ECB()).encryptor().update(blocks)
