"""libsodium behind the protocol's port (``protocols.ports.Crypto``)."""

from __future__ import annotations

from hashlib import blake2b

import nacl.bindings as sodium
from nacl.exceptions import BadSignatureError, CryptoError

from protocols.ports import PUBLIC_KEY_BYTES, SIGNATURE_BYTES


class Sodium:
    """Ed25519 and X25519 sealed boxes. libsodium refuses small-order keys and unreduced scalars."""

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

    def box_public(self, secret: bytes) -> bytes:
        return bytes(sodium.crypto_scalarmult_base(secret))

    def seal(self, public: bytes, ephemeral_secret: bytes, message: bytes) -> bytes:
        """libsodium's sealed box, with the ephemeral key given instead of drawn.

        A key to which nothing can be sealed (of small order) gives an empty box, which its owner
        can't open: whoever publishes such a key is the one who loses.
        """
        ephemeral = self.box_public(ephemeral_secret)
        nonce = blake2b(ephemeral + public, digest_size=24).digest()
        try:
            box = sodium.crypto_box(message, nonce, public, ephemeral_secret)
        except (CryptoError, RuntimeError):
            return ephemeral
        return ephemeral + bytes(box)

    def unseal(self, secret: bytes, sealed: bytes) -> bytes | None:
        if len(sealed) < sodium.crypto_box_SEALBYTES:
            return None
        try:
            opened = sodium.crypto_box_seal_open(sealed, self.box_public(secret), secret)
        except (CryptoError, RuntimeError, ValueError):
            return None
        return bytes(opened)
