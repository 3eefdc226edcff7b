"""Noise and ML-KEM-768 together: ``/peerd/noise-mlkem768/1``, a connection's security protocol.

Who records traffic today may break X25519 once there is a quantum computer, and read what Noise has
protected. So behind Noise's handshake, under its keys, the one that dialled sends an encapsulation
key of ML-KEM-768 that is used once, and the other one a secret encapsulated for it. From then on
each direction has another key:

    HKDF-SHA256(salt = Noise's handshake hash, key = Noise's key ‖ the secret,
                info = protocol ‖ SHA-256(encapsulation key ‖ ciphertext))

Whoever wants to read must break both. Who the two are is proven by Noise alone, now: a quantum
computer that comes later changes nothing about that; but it learns who spoke with whom.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.security.exceptions import HandshakeFailure
from libp2p.security.secure_session import SecureSession
from noise.exceptions import NoiseInvalidMessage

from peerd.errors import with_kind
from peerd.transport.errors import TransportError
from peerd.transport.repairs.gate import GatedNoise

PROTOCOL_ID = TProtocol("/peerd/noise-mlkem768/1")
KEY_BYTES = 1184
CIPHERTEXT_BYTES = 1088


class HybridNoise(GatedNoise):
    """Noise XX with a look into the roster, and then the second exchange."""

    async def _agree(self, session: SecureSession) -> None:
        """Raises HandshakeFailure for what is no key, or no ciphertext, or where the other breaks
        off: as it does with strangers.
        """
        agreed = _ask(session) if session.is_initiator else _answer(session)
        try:
            _rekey(session, *await agreed)
        except (BaseLibp2pError, NoiseInvalidMessage, OSError) as error:
            raise HandshakeFailure(f"behind Noise: {with_kind(error)}") from error


def check_supported() -> None:
    """Raises TransportError where the library that is installed was built without ML-KEM."""
    try:
        MLKEM768PrivateKey.generate()
    except UnsupportedAlgorithm:
        raise TransportError(
            "the installed 'cryptography' was built without ML-KEM-768",
            "install its wheel: pip install --force-reinstall --only-binary :all: cryptography",
        ) from None


async def _ask(session: SecureSession) -> tuple[bytes, bytes]:
    private = MLKEM768PrivateKey.generate()
    key = private.public_key().public_bytes_raw()
    await session.conn.write_msg(key)
    ciphertext = await _message(session, CIPHERTEXT_BYTES)
    return private.decapsulate(ciphertext), key + ciphertext


async def _answer(session: SecureSession) -> tuple[bytes, bytes]:
    key = await _message(session, KEY_BYTES)
    try:
        secret, ciphertext = MLKEM768PublicKey.from_public_bytes(key).encapsulate()
    except ValueError:
        raise HandshakeFailure("what came is no key of ML-KEM-768") from None
    await session.conn.write_msg(ciphertext)
    return secret, key + ciphertext


async def _message(session: SecureSession, size: int) -> bytes:
    """One message of Noise, read to its last byte and no further."""
    message = bytes(await session.conn.read_msg())
    if len(message) != size:
        raise HandshakeFailure(f"{len(message)} bytes came where {size} were due")
    return message


def _rekey(session: SecureSession, secret: bytes, exchanged: bytes) -> None:
    noise: Any = session.conn.noise_state.noise_protocol  # type: ignore[attr-defined]
    info = PROTOCOL_ID.encode() + sha256(exchanged).digest()
    for state in (noise.cipher_state_encrypt, noise.cipher_state_decrypt):
        derived = HKDF(SHA256(), 32, salt=noise.handshake_hash, info=info)
        state.initialize_key(derived.derive(bytes(state.k) + secret))
