"""Fast signatures and boxes for bulk simulations: unforgeable only because nobody in there forges.

They are deterministic, so that a run is what its seed makes it.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import shake_256

from peerd.crypto import SealedBoxes, Sodium
from protocols.hashing import digest
from protocols.ports import HYBRID_BOX_BYTES, HYBRID_KEY_BYTES, Boxes
from protocols.version import V3

CACHED_KEYS = 1 << 14
_TAG_BYTES = 32


class Pretend(Sodium):
    """libsodium's keys, and hashes in place of its signatures, of the same length.

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

    def boxes(self, version: int) -> Boxes:
        return PretendHybrid() if version >= V3 else Repeated()


class Repeated(SealedBoxes):
    """Real boxes, of which the same key and message give the same one."""

    def ephemeral(self, public: bytes, message: bytes) -> bytes:
        return digest("pretend/ephemeral", public, message)


class PretendHybrid:
    """Keys and boxes as long as hybrid ones, which whoever knows the public key could open."""

    def public(self, secret: bytes) -> bytes:
        return shake_256(b"pretend/box" + secret).digest(HYBRID_KEY_BYTES)

    def seal(self, public: bytes, message: bytes) -> bytes:
        if len(public) != HYBRID_KEY_BYTES:
            return b""
        body = _mixed(public, message)
        tag = digest("pretend/box/tag", public, body)
        return tag + shake_256(tag).digest(HYBRID_BOX_BYTES - _TAG_BYTES) + body

    def unseal(self, secret: bytes, sealed: bytes) -> bytes | None:
        public, body = self.public(secret), sealed[HYBRID_BOX_BYTES:]
        whole = len(sealed) >= HYBRID_BOX_BYTES
        tag = digest("pretend/box/tag", public, body)
        if not whole or sealed[:HYBRID_BOX_BYTES] != tag + shake_256(tag).digest(
            HYBRID_BOX_BYTES - _TAG_BYTES
        ):
            return None
        return _mixed(public, body)


def _mixed(public: bytes, message: bytes) -> bytes:
    """The message under a stream of the key's, and back."""
    stream = int.from_bytes(shake_256(public).digest(len(message)), "little")
    return (int.from_bytes(message, "little") ^ stream).to_bytes(len(message), "little")


@lru_cache(CACHED_KEYS)
def _public(secret: bytes) -> bytes:
    return Sodium().signing_public(secret)
