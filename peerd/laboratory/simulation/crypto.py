"""Fast signatures for bulk simulations: unforgeable only because nobody in there forges."""

from __future__ import annotations

from functools import lru_cache

from peerd.crypto import Sodium
from protocols.hashing import digest

CACHED_KEYS = 1 << 14


class Pretend(Sodium):
    """libsodium's keys and boxes, and hashes in place of its signatures, of the same length.

    Only a signature's own bytes differ, and no hash in the protocol covers those: every peer does
    the same, at the same time, as with real signatures.
    """

    def signing_public(self, secret: bytes) -> bytes:
        return _public(secret)

    def sign(self, secret: bytes, message: bytes) -> bytes:
        tag = digest("pretend/signature", _public(secret), message)
        return tag + tag

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        tag = digest("pretend/signature", public, message)
        return signature == tag + tag


@lru_cache(CACHED_KEYS)
def _public(secret: bytes) -> bytes:
    return Sodium().signing_public(secret)
