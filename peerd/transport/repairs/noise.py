"""A Noise connection after its handshake, for a reader and a writer that move many messages.

upstream: libp2p/security/secure_session.py and libp2p/security/noise/io.py (0.8.1)

The library reads a length, then a message, through five layers each, and decrypts it in three
more; it writes with as many. Here what the socket has is decrypted at once, however many messages
that are, and a message that the socket takes is written without a wait. The bytes are the same: a
length (2 bytes, big-endian) and a ChaCha20-Poly1305 ciphertext of at most 65,535 bytes, under the
keys and the counters that the library's handshake leaves.
"""

from __future__ import annotations

from typing import Any

import trio
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from libp2p.io.abc import ReadWriteCloser
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.security.secure_session import SecureSession

from peerd.transport.errors import MuxViolation

from .sockets import ExactStream
from .yamux_wire import NOISE_PLAINTEXT

_LENGTH = 2
_CHACHA = b"Noise_XX_25519_ChaChaPoly_SHA256"


class _Direction:
    """The key of one direction, and the number of its next message."""

    def __init__(self, state: Any) -> None:
        """``state``: the library's CipherState, which is not used any more."""
        self._cipher = ChaCha20Poly1305(state.k)
        self._next: int = state.n

    def _nonce(self) -> bytes:
        nonce = bytes(4) + self._next.to_bytes(8, "little")
        self._next += 1
        return nonce

    def seal(self, plaintext: bytes | memoryview) -> bytes:
        """A message with its length in front."""
        sealed = self._cipher.encrypt(self._nonce(), plaintext, None)
        return len(sealed).to_bytes(_LENGTH, "big") + sealed

    def open(self, ciphertext: memoryview) -> bytes:
        """Raises MuxViolation."""
        try:
            return self._cipher.decrypt(self._nonce(), ciphertext, None)
        except InvalidTag:
            raise MuxViolation("a message that its peer has not encrypted") from None


class NoiseSession(SecureSession):
    """The library's session, with its own way to read and to write."""

    def __init__(self, session: SecureSession) -> None:
        """``session``: fresh from the handshake, and not used any more."""
        super().__init__(
            local_peer=session.local_peer,
            local_private_key=session.local_private_key,
            remote_peer=session.remote_peer,
            remote_permanent_pubkey=session.remote_permanent_pubkey,
            is_initiator=session.is_initiator,
            conn=session.conn,
        )
        conn: Any = session.conn
        noise = conn.noise_state.noise_protocol
        assert noise.name == _CHACHA
        self._stream: ReadWriteCloser = conn.read_writer.read_write_closer.stream
        self._socket = self._stream if isinstance(self._stream, ExactStream) else None
        self._out = _Direction(noise.cipher_state_encrypt)
        self._in = _Direction(noise.cipher_state_decrypt)
        self._undecrypted = b""  # less than a message
        self._plaintext = bytearray()  # decrypted, and not read yet
        self._unsent = memoryview(b"")  # of a message, what the socket has not taken yet
        self._lock = trio.Lock()

    # --- reading ------------------------------------------------------------------------------

    async def read(self, n: int | None = None) -> bytes:
        """``n`` bytes; for None what there is, at least one. Fewer at the end of the connection.

        Raises ConnectionClosedError after a reset or in the middle of a message, and MuxViolation.
        """
        if n is None and not self._plaintext:
            return await self._receive()
        wanted = 1 if n is None else n
        while len(self._plaintext) < wanted:
            received = await self._receive()
            if not received:
                break
            self._plaintext += received
        size = len(self._plaintext) if n is None else n
        data = bytes(self._plaintext[:size])
        del self._plaintext[:size]
        return data

    async def _receive(self) -> bytes:
        """The plaintext of the next messages; empty at the end of the connection."""
        while chunk := await self._stream.read(None):
            if plaintext := self._decrypt(self._undecrypted + chunk):
                return plaintext
        if self._undecrypted:
            raise ConnectionClosedError("the connection ended in the middle of a message")
        return b""

    def _decrypt(self, data: bytes) -> bytes:
        """The plaintext of the whole messages in ``data``; what is left is kept."""
        view = memoryview(data)
        pieces = []
        start = 0
        while start + _LENGTH <= len(data):
            end = start + _LENGTH + int.from_bytes(view[start : start + _LENGTH], "big")
            if end > len(data):
                break
            pieces.append(self._in.open(view[start + _LENGTH : end]))
            start = end
        self._undecrypted = data[start:]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    # --- writing ------------------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether ``write_now`` may be called: nothing else is being written."""
        return self._socket is not None and not self._unsent and not self._lock.locked()

    @property
    def is_behind(self) -> bool:
        """Whether the socket has not taken all that ``write_now`` was given: ``catch_up``."""
        return bool(self._unsent)

    def write_now(self, data: bytes) -> None:
        """Takes one message (at most 65,519 bytes of plaintext) without a wait.

        Raises ConnectionClosedError.
        """
        assert self._socket is not None
        sealed = self._out.seal(data)
        sent = self._socket.send_now(sealed)
        if sent < len(sealed):
            self._unsent = memoryview(sealed)[sent:]

    async def catch_up(self) -> None:
        """Waits until the socket has taken what ``write_now`` was given."""
        async with self._lock:
            await self._write_unsent()

    async def write(self, data: bytes) -> None:
        """All of ``data``, in as many messages as it needs."""
        async with self._lock:
            await self._write_unsent()
            view = memoryview(data)
            for start in range(0, len(data), NOISE_PLAINTEXT):
                await self._stream.write(self._out.seal(view[start : start + NOISE_PLAINTEXT]))

    async def _write_unsent(self) -> None:
        if self._unsent:
            await self._stream.write(bytes(self._unsent))
            self._unsent = memoryview(b"")
