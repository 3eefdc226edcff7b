"""Fast signatures for bulk simulations: unforgeable only because nobody in there forges."""

from __future__ import annotations

from protocols.hashing import Xof, digest


class Pretend:
    """The port's shape without elliptic curves; the same traces as with real signatures."""

    def signing_public(self, secret: bytes) -> bytes:
        return digest("pretend/public", secret)

    def sign(self, secret: bytes, message: bytes) -> bytes:
        tag = digest("pretend/signature", self.signing_public(secret), message)
        return tag + tag

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        tag = digest("pretend/signature", public, message)
        return signature == tag + tag

    def box_public(self, secret: bytes) -> bytes:
        return digest("pretend/box", secret)

    def seal(self, public: bytes, ephemeral_secret: bytes, message: bytes) -> bytes:
        pad = Xof("pretend/pad", public).read(len(message))
        sealed = bytes(a ^ b for a, b in zip(message, pad, strict=True))
        return digest("pretend/tag", public, message) + sealed

    def unseal(self, secret: bytes, sealed: bytes) -> bytes | None:
        public = self.box_public(secret)
        pad = Xof("pretend/pad", public).read(max(0, len(sealed) - 32))
        message = bytes(a ^ b for a, b in zip(sealed[32:], pad, strict=True))
        return message if sealed[:32] == digest("pretend/tag", public, message) else None
