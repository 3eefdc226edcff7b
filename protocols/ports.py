"""What the protocol needs from outside: signatures and sealed boxes, and memory.

The daemon passes ``peerd.crypto``; a simulation may pass a faster stand-in for bulk runs. All of it
is a function of its inputs but ``Boxes.seal``, which draws randomness of its own: no library gives
HPKE's encapsulation otherwise, and nobody ever makes a box anew to compare it. A box goes out in a
DELIVERY alone, which is journaled ahead of being sent and signed once in its slot (``Role.sign``):
a life after a crash sends the first one's bytes, whatever it has sealed again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")

PUBLIC_KEY_BYTES = 32
SECRET_KEY_BYTES = 32
SIGNATURE_BYTES = 64
HYBRID_KEY_BYTES = 1216
"""A public key of X-Wing: 1184 bytes of ML-KEM-768, 32 of X25519."""
HYBRID_BOX_BYTES = 1136
"""What a hybrid box takes beside its message: 1120 encapsulate the key, 16 authenticate."""
SEALED_BOX_BYTES = 48
"""The same of a box under X25519 alone: 32 and 16."""


class Boxes(Protocol):
    """Boxes that one secret opens: in version 2 of the protocol libsodium's sealed boxes (X25519),
    from version 3 on HPKE's, under X25519 and ML-KEM-768 together (X-Wing).
    """

    def public(self, secret: bytes) -> bytes:
        """The public key (32 bytes, or ``HYBRID_KEY_BYTES``) of a 32-byte secret."""

    def seal(self, public: bytes, message: bytes) -> bytes:
        """A box to ``public`` that only its secret opens; another one each time. To what is no key
        nothing is sealed: the box is empty, and nobody opens it. Never raises.
        """

    def unseal(self, secret: bytes, sealed: bytes) -> bytes | None:
        """The message, or None if the box doesn't open under this secret; the same everywhere."""


class Crypto(Protocol):
    def signing_public(self, secret: bytes) -> bytes:
        """The Ed25519 public key (32 bytes) of a 32-byte seed."""

    def sign(self, secret: bytes, message: bytes) -> bytes:
        """64 bytes. The same seed and message give the same signature."""

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """False for anything that is not a strict Ed25519 signature; never raises."""

    def boxes(self, version: int) -> Boxes:
        """What a group that speaks this version of the protocol seals with."""


class Memory(Protocol):
    """What pure functions gave for bytes that come many times: one vote comes alone, and again in
    every lock, decision and certificate that it is part of. Peers that share a process share it.
    """

    def recall(self, kind: str, key: bytes, compute: Callable[[], T]) -> T:
        """What ``compute`` gives, perhaps from memory: the same for the same kind and key, always.
        What it raises is raised, and not remembered.
        """


class Forgetful:
    """A memory that keeps nothing."""

    def recall(self, kind: str, key: bytes, compute: Callable[[], T]) -> T:
        return compute()
