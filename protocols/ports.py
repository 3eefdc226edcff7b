"""What the protocol needs from outside: signatures and sealed boxes, as pure functions, and memory.

The daemon passes libsodium (``peerd.crypto``); a simulation may pass a faster stand-in for bulk
runs. Ed25519 and a sealed box under a given ephemeral key are deterministic, so both stay pure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

T = TypeVar("T")

PUBLIC_KEY_BYTES = 32
SECRET_KEY_BYTES = 32
SIGNATURE_BYTES = 64


class Crypto(Protocol):
    def signing_public(self, secret: bytes) -> bytes:
        """The Ed25519 public key (32 bytes) of a 32-byte seed."""

    def sign(self, secret: bytes, message: bytes) -> bytes:
        """64 bytes. The same seed and message give the same signature."""

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        """False for anything that is not a strict Ed25519 signature; never raises."""

    def box_public(self, secret: bytes) -> bytes:
        """The X25519 public key (32 bytes) of a 32-byte secret."""

    def seal(self, public: bytes, ephemeral_secret: bytes, message: bytes) -> bytes:
        """A box to ``public`` that only its secret opens; deterministic in its three inputs."""

    def unseal(self, secret: bytes, sealed: bytes) -> bytes | None:
        """The message, or None if the box doesn't open under this secret."""


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
