"""Noise after the handshake: ours against the library's, and what a hostile peer sends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.security.noise.transport import Transport as LibraryNoise
from libp2p.security.secure_session import SecureSession
from network_world import identity

from peerd.transport.errors import MuxViolation
from peerd.transport.names import libp2p_id
from peerd.transport.repairs.gate import GatedNoise
from peerd.transport.repairs.noise import NoiseSession
from peerd.transport.repairs.sockets import ExactStream
from peerd.transport.repairs.yamux import StrictYamux
from peerd.transport.repairs.yamux_wire import NOISE_PLAINTEXT
from tests.patience import HANG


@asynccontextmanager
async def sessions() -> AsyncIterator[tuple[NoiseSession, SecureSession, trio.SocketStream]]:
    """Ours, the library's at the other end, and that end's socket."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    far = await trio.open_tcp_stream("127.0.0.1", listener.socket.getsockname()[1])
    near = await listener.accept()
    keys = [create_new_key_pair(identity(number).secret.reveal()) for number in (1, 2)]
    gate, library = GatedNoise(keys[0], lambda peer: True), GatedNoise(keys[1], lambda peer: True)
    found: dict[str, Any] = {}

    async def accept() -> None:
        found["near"] = await gate.secure_inbound(RawConnection(ExactStream(near), False))

    async def dial() -> None:
        raw = RawConnection(ExactStream(far), True)
        found["far"] = await LibraryNoise.secure_outbound(
            library, raw, libp2p_id(identity(1).public)
        )

    async with listener, near, far:
        with trio.fail_after(HANG):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(accept)
                nursery.start_soon(dial)
            assert isinstance(found["near"], NoiseSession)
            assert type(found["far"]) is SecureSession
            yield found["near"], found["far"], far


@pytest.mark.trio
async def test_what_ours_writes_the_library_reads_and_the_other_way_round() -> None:
    async with sessions() as (ours, library, _):
        large = bytes(range(256)) * 1000  # four messages
        for sender, reader in ((ours, library), (library, ours)):
            for data in (b"one", large, b"two"):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(sender.write, data)
                    assert await reader.read(len(data)) == data
        ours.write_now(b"at once")
        assert await library.read() == b"at once"


@pytest.mark.trio
async def test_one_read_has_all_messages_that_have_come() -> None:
    async with sessions() as (ours, library, _):
        for number in range(10):
            await library.write(b"%d" % number)
        await trio.sleep(0.05)
        assert await ours.read() == b"0123456789"
        await library.write(b"abcdef")
        assert [await ours.read(2), await ours.read()] == [b"ab", b"cdef"]


@pytest.mark.trio
async def test_a_message_in_single_bytes_is_a_message() -> None:
    async with sessions() as (ours, library, far):
        sealed = library.conn.encrypt(b"in pieces")  # type: ignore[attr-defined]
        got: list[bytes] = []

        async def read() -> None:
            got.append(await ours.read())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            for byte in len(sealed).to_bytes(2, "big") + sealed:
                await far.send_all(bytes((byte,)))
                await trio.sleep(0.001)
        assert got == [b"in pieces"]


@pytest.mark.trio
async def test_what_the_socket_does_not_take_at_once_follows_in_order() -> None:
    async with sessions() as (ours, library, _):
        sent = bytearray()
        while ours.is_ready:  # nobody reads
            data = bytes((len(sent) % 251,)) * NOISE_PLAINTEXT
            ours.write_now(data)
            sent += data
        assert ours.is_behind

        async def write() -> None:
            await ours.catch_up()
            await ours.write(b"the end")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            assert await library.read(len(sent)) == sent
            assert await library.read(7) == b"the end"
        assert ours.is_ready


@pytest.mark.trio
@pytest.mark.parametrize("message", [b"", bytes(15), bytes(16), bytes(70)])
async def test_a_message_that_the_peer_has_not_encrypted_is_a_violation(message: bytes) -> None:
    async with sessions() as (ours, _, far):
        await far.send_all(len(message).to_bytes(2, "big") + message)
        with pytest.raises(MuxViolation, match="encrypted"):
            await ours.read()


@pytest.mark.trio
async def test_the_end_between_messages_is_an_end_and_within_one_an_error() -> None:
    async with sessions() as (ours, library, far):
        await library.write(b"last")
        await far.send_eof()
        assert await ours.read() == b"last"
        assert await ours.read() == b""
        assert await ours.read(5) == b""
    async with sessions() as (ours, _, far):
        await far.send_all(b"\x00\x20half")
        await far.send_eof()
        with pytest.raises(ConnectionClosedError, match="middle"):
            await ours.read()


@pytest.mark.trio
async def test_empty_messages_are_no_end() -> None:
    async with sessions() as (ours, library, _):
        for data in (b"", b"", b"more"):
            await library.write(data)
        assert await ours.read() == b"more"


@pytest.mark.trio
async def test_a_closed_session_says_so() -> None:
    async with sessions() as (ours, _, _far):
        await ours.close()
        with pytest.raises(ConnectionClosedError):
            ours.write_now(b"x")
        with pytest.raises(ConnectionClosedError):
            await ours.write(b"x")
        with pytest.raises(ConnectionClosedError):
            await ours.read()


@pytest.mark.trio
async def test_frames_that_are_queued_together_leave_in_one_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with sessions() as (ours, library, _):
        muxer = StrictYamux(ours, libp2p_id(identity(2).public))
        messages: list[int] = []

        def counted(data: bytes) -> None:
            messages.append(len(data))
            NoiseSession.write_now(ours, data)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(muxer.start)
            await library.read()  # the first ping
            monkeypatch.setattr(ours, "write_now", counted)
            with muxer._outgoing.flushing():
                for number in range(100):
                    muxer.post(b"%03d" % number)
            assert messages == [300]
            assert len(await library.read()) == 300
            nursery.cancel_scope.cancel()
