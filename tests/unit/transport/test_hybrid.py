"""The hybrid handshake: what both agree on, what a hostile end sends, who may do without it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.security.exceptions import HandshakeFailure
from libp2p.security.secure_session import SecureSession
from network_world import ANYWHERE, GROUP, LIMITS, Phonebook, eventually, identities, identity

from peerd.transport import Transport, hybrid
from peerd.transport.errors import MuxViolation, TransportError
from peerd.transport.hybrid import CIPHERTEXT_BYTES, KEY_BYTES, HybridNoise
from peerd.transport.names import libp2p_id
from peerd.transport.repairs import host
from peerd.transport.repairs.noise import NoiseSession
from peerd.transport.repairs.sockets import ExactStream
from tests.patience import HANG

Agree = Callable[[SecureSession], Awaitable[None]]


class Watched(HybridNoise):
    """Keeps Noise's keys: what whoever breaks X25519 later has. ``instead`` of the exchange."""

    def __init__(self, number: int, instead: Agree | None = None) -> None:
        super().__init__(create_new_key_pair(identity(number).secret.reveal()), lambda peer: True)
        self.keys: list[bytes] = []
        self._instead = instead

    async def _agree(self, session: SecureSession) -> None:
        noise: Any = session.conn.noise_state.noise_protocol  # type: ignore[attr-defined]
        self.keys = [bytes(noise.cipher_state_encrypt.k), bytes(noise.cipher_state_decrypt.k)]
        await (super()._agree if self._instead is None else self._instead)(session)


@asynccontextmanager
async def shaken(near: Watched, far: Watched) -> AsyncIterator[tuple[list[Any], list[bytes]]]:
    """(the accepting and the dialling session, or what they raised), and what the first read."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    dialled = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
    accepted = await listener.accept()
    found: list[Any] = [None, None]
    read: list[bytes] = []

    class Tapped(ExactStream):
        async def read(self, n: int | None = None) -> bytes:
            read.append(await super().read(n))
            return read[-1]

    async def end(index: int, shake: Callable[[], Awaitable[Any]], socket: trio.abc.Stream) -> None:
        try:
            found[index] = await shake()
        except Exception as error:  # what is looked at
            found[index] = error
            await socket.aclose()

    inbound = RawConnection(Tapped(accepted), False)
    outbound = RawConnection(ExactStream(dialled), True)
    peer = libp2p_id(identity(1).public)
    async with listener, dialled, accepted:
        with trio.fail_after(HANG):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(end, 0, lambda: near.secure_inbound(inbound), accepted)
                nursery.start_soon(end, 1, lambda: far.secure_outbound(outbound, peer), dialled)
            yield found, read


@pytest.mark.trio
async def test_both_ends_have_keys_that_noise_alone_does_not_tell() -> None:
    near, far = Watched(1), Watched(2)
    async with shaken(near, far) as ((ours, theirs), read):
        assert isinstance(ours, NoiseSession) and isinstance(theirs, NoiseSession)
        read.clear()
        for text in (b"a share", bytes(100_000)):
            await theirs.write(text)
            assert await ours.read(len(text)) == text
            await ours.write(text)
            assert await theirs.read(len(text)) == text
        message = b"".join(read)
        size = int.from_bytes(message[:2], "big")
        assert near.keys == far.keys[::-1]
        for key in near.keys:
            for number in range(4):
                nonce = bytes(4) + number.to_bytes(8, "little")
                with pytest.raises(InvalidTag):
                    ChaCha20Poly1305(key).decrypt(nonce, message[2 : 2 + size], None)


async def say(message: bytes, session: SecureSession) -> None:
    await session.conn.write_msg(message)


NO_KEYS = [b"", bytes(KEY_BYTES - 1), bytes(KEY_BYTES + 1), b"\xff" * KEY_BYTES]


@pytest.mark.trio
@pytest.mark.parametrize("message", NO_KEYS, ids=["none", "short", "long", "invalid"])
async def test_what_is_no_key_ends_the_connection(message: bytes) -> None:
    near, far = Watched(1), Watched(2, lambda session: say(message, session))
    async with shaken(near, far) as ((ours, _), _):
        assert isinstance(ours, HandshakeFailure)


@pytest.mark.trio
@pytest.mark.parametrize("size", [0, CIPHERTEXT_BYTES - 1, CIPHERTEXT_BYTES + 1])
async def test_what_is_no_ciphertext_ends_the_connection(size: int) -> None:
    near, far = Watched(1, lambda session: say(bytes(size), session)), Watched(2)
    async with shaken(near, far) as ((_, theirs), _):
        assert isinstance(theirs, HandshakeFailure)


async def alter(session: SecureSession) -> None:
    """Answers with a ciphertext of which one bit is another, and goes on as if it were not."""
    key = await hybrid._message(session, KEY_BYTES)
    secret, ciphertext = MLKEM768PublicKey.from_public_bytes(key).encapsulate()
    other = bytes([ciphertext[0] ^ 1]) + ciphertext[1:]
    await session.conn.write_msg(other)
    hybrid._rekey(session, secret, key + other)


@pytest.mark.trio
async def test_with_another_ciphertext_the_ends_have_different_keys() -> None:
    """ML-KEM rejects it without a word."""
    near, far = Watched(1, alter), Watched(2)
    async with shaken(near, far) as ((ours, theirs), _):
        await theirs.write(b"a share")
        with pytest.raises(MuxViolation):
            await ours.read(1)


# -- between daemons -------------------------------------------------------------------------------


@asynccontextmanager
async def pair(*, hybrid: bool, older: bool = False) -> AsyncIterator[list[Transport]]:
    """Two members; the second one is ``older`` and knows plain Noise alone."""
    members, book = identities(2), Phonebook()
    roster, made = [one.public for one in members], []
    async with trio.open_nursery() as nursery:
        for index, one in enumerate(members):
            with pytest.MonkeyPatch.context() as patch:
                if older and index:
                    patch.setattr(host, "HYBRID", TProtocol("/unheard-of"))
                made.append(Transport(one, GROUP, roster, ANYWHERE, book, LIMITS, hybrid=hybrid))
            await nursery.start(made[-1].run)
        for transport in made:
            book.set(transport.identity.public, *transport.listen_addresses())
        yield made
        nursery.cancel_scope.cancel()


def channels(transports: list[Transport]) -> list[bool | None]:
    return [link.hybrid for transport in transports for link in transport.links()]


@pytest.mark.trio
@pytest.mark.parametrize("hybrid", [False, True])
async def test_members_prefer_it(hybrid: bool) -> None:
    async with pair(hybrid=hybrid) as transports:
        await eventually(lambda: channels(transports) == [True, True])


@pytest.mark.trio
async def test_with_an_older_release_it_is_noise() -> None:
    async with pair(hybrid=False, older=True) as transports:
        await eventually(lambda: channels(transports) == [False, False])


@pytest.mark.trio
async def test_where_all_must_have_it_whoever_strips_the_offer_gets_nothing() -> None:
    async with pair(hybrid=True, older=True) as transports:
        await eventually(lambda: sum(each.host.refused for each in transports) > 0)
        assert channels(transports) == [None, None]


def test_a_library_without_it_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def generate() -> None:
        raise UnsupportedAlgorithm("no")

    monkeypatch.setattr(hybrid, "MLKEM768PrivateKey", SimpleNamespace(generate=generate))
    with pytest.raises(TransportError, match="ML-KEM-768"):
        hybrid.check_supported()
