"""libsodium, and HPKE of ``cryptography``, behind the protocol's port (``protocols.ports``)."""

from __future__ import annotations

import os
from hashlib import blake2b, shake_256

import nacl.bindings as sodium
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from nacl.exceptions import BadSignatureError, CryptoError

from protocols.ports import PUBLIC_KEY_BYTES, SECRET_KEY_BYTES, SIGNATURE_BYTES, Boxes
from protocols.version import V3

_MLKEM_SEED_BYTES = 64
_MLKEM_KEY_BYTES = 1184
_INFO = b"peerd/delivery/3"
"""HPKE's ``info``. A constant: a key is used for one answer to one ask, and the DELIVERY that
carries its box is signed for round, attempt, dealer, asker and report."""


class Sodium:
    """Ed25519, strict: libsodium refuses small-order keys and unreduced scalars."""

    def signing_public(self, secret: bytes) -> bytes:
        public, _ = sodium.crypto_sign_seed_keypair(secret)
        return bytes(public)

    def sign(self, secret: bytes, message: bytes) -> bytes:
        _, expanded = sodium.crypto_sign_seed_keypair(secret)
        return bytes(sodium.crypto_sign(message, expanded)[:SIGNATURE_BYTES])

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        if len(public) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
            return False
        try:
            sodium.crypto_sign_open(signature + message, public)
        except (BadSignatureError, ValueError):
            return False
        return True

    def boxes(self, version: int) -> Boxes:
        return HybridBoxes() if version >= V3 else SealedBoxes()


class SealedBoxes:
    """libsodium's sealed boxes: X25519 and XSalsa20-Poly1305. Of version 2 of the protocol."""

    def public(self, secret: bytes) -> bytes:
        return bytes(sodium.crypto_scalarmult_base(secret))

    def seal(self, public: bytes, message: bytes) -> bytes:
        """A key to which nothing can be sealed (of small order) gives an empty box, which its owner
        can't open: whoever publishes such a key is the one who loses.
        """
        ephemeral_secret = self.ephemeral(public, message)
        ephemeral = self.public(ephemeral_secret)
        nonce = blake2b(ephemeral + public, digest_size=24).digest()
        try:
            box = sodium.crypto_box(message, nonce, public, ephemeral_secret)
        except (CryptoError, RuntimeError, ValueError):
            return ephemeral
        return ephemeral + bytes(box)

    def ephemeral(self, public: bytes, message: bytes) -> bytes:
        """32 bytes that nobody else knows, for one box."""
        return os.urandom(SECRET_KEY_BYTES)

    def unseal(self, secret: bytes, sealed: bytes) -> bytes | None:
        if len(sealed) < sodium.crypto_box_SEALBYTES:
            return None
        try:
            opened = sodium.crypto_box_seal_open(sealed, self.public(secret), secret)
        except (CryptoError, RuntimeError, ValueError):
            return None
        return bytes(opened)


class HybridBoxes:
    """HPKE (RFC 9180, base mode) with X-Wing, HKDF-SHA256 and AES-256-GCM: to open a box without
    the secret both X25519 and ML-KEM-768 must be broken.

    A secret is X-Wing's 32-byte seed, which SHAKE-256 expands; a public key is ML-KEM's and behind
    it X25519's, a box both encapsulations in this order and what AES-GCM gives.
    """

    def __init__(self) -> None:
        self._suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)

    def public(self, secret: bytes) -> bytes:
        mlkem, x25519 = _expanded(secret)
        return mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()

    def seal(self, public: bytes, message: bytes) -> bytes:
        """The empty box as in ``SealedBoxes``: to a key of another length, with coefficients of
        ML-KEM that are not reduced, or of small order on X25519.
        """
        try:
            key = MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_KEY_BYTES]),
                X25519PublicKey.from_public_bytes(public[_MLKEM_KEY_BYTES:]),
            )
            return self._suite.encrypt(message, key, info=_INFO)
        except ValueError:
            return b""

    def unseal(self, secret: bytes, sealed: bytes) -> bytes | None:
        try:
            return self._suite.decrypt(
                sealed, MLKEM768X25519PrivateKey(*_expanded(secret)), info=_INFO
            )
        except (InvalidTag, ValueError):
            return None


def _expanded(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    """X-Wing's expandDecapsulationKey."""
    both = shake_256(seed).digest(_MLKEM_SEED_BYTES + SECRET_KEY_BYTES)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(both[:_MLKEM_SEED_BYTES])
    return mlkem, X25519PrivateKey.from_private_bytes(both[_MLKEM_SEED_BYTES:])
