"""Strangers, floods, giants and slow writers at a real host (faults 31, 38, 39, 41)."""

from __future__ import annotations

import tracemalloc

import pytest
import trio
from libp2p.network.exceptions import SwarmException
from libp2p.stream_muxer.exceptions import MuxedStreamError
from network_world import (
    LIMITS,
    attacker,
    eventually,
    identities,
    identity,
    network,
    take,
    victim,
    with_limits,
)

from peerd.transport import MuxLimits, Unreachable
from peerd.transport.frame_wire import HEADER, HELLO, SEQUENCE
from peerd.transport.names import libp2p_id
from peerd.transport.requests import LENGTH
from tests.patience import HANG

SESSION = bytes(16)


async def until_reset(pipe: object) -> None:
    """Returns when the victim has ended the stream."""
    with trio.fail_after(HANG):
        try:
            while True:
                await pipe.read(65536)  # type: ignore[attr-defined]
        except MuxedStreamError:
            return


async def until_closed(stream: trio.SocketStream) -> None:
    with trio.fail_after(HANG):
        try:
            while await stream.receive_some():
                pass
        except trio.BrokenResourceError:
            return


@pytest.mark.trio
async def test_a_stranger_gets_no_further_than_the_handshake() -> None:
    stranger = identity(666)
    async with victim(others=[identity(1)]) as target, attacker(stranger, target) as eve:
        with pytest.raises(SwarmException):
            await eve.connection()
        await eventually(lambda: target.host.refused == 1)
        assert not target.host.swarm.get_connections()
        assert target.host.swarm.admission.pending == 0


@pytest.mark.trio
async def test_a_stranger_is_never_dialled() -> None:
    async with victim(others=[identity(1)]) as target:
        stranger = libp2p_id(identity(666).public)
        target.host.get_peerstore().add_addrs(stranger, ["/ip4/127.0.0.1/tcp/9"], 60)
        with pytest.raises(SwarmException, match="roster"):
            await target.host.swarm.dial_peer(stranger)
        with pytest.raises(ValueError, match="roster"):
            await target.connect(identity(666).public, ["/ip4/127.0.0.1/tcp/9"])


@pytest.mark.trio
async def test_somebody_else_at_the_address_is_not_taken_for_the_peer() -> None:
    """A man in the middle holds the address and a key of his own, even one of the roster."""
    async with network(3, connected=False) as (alice, bob, carol):
        with pytest.raises(Unreachable):
            await alice.connect(bob.identity.public, carol.listen_addresses())
        assert bob.identity.public not in alice.connected()


@pytest.mark.trio
@pytest.mark.parametrize(
    ("lane", "length"), [(1, LIMITS.max_frame + 1), (1, 2**32 - 1), (0, LIMITS.control_frame + 1)]
)
async def test_an_oversized_length_is_refused_before_anything_is_allocated(
    lane: int, length: int
) -> None:
    mallory = identity(1)
    async with victim(others=[mallory]) as target, attacker(mallory, target) as hand:
        pipe = await hand.pipe("frames")
        await pipe.write(HELLO.pack(lane, SESSION))
        await pipe.read(SEQUENCE.size)
        tracemalloc.start()
        await pipe.write(HEADER.pack(1, length))
        await until_reset(pipe)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert target._receiver.oversized == 1
        assert peak < 1_000_000


@pytest.mark.trio
async def test_an_unknown_lane_is_refused() -> None:
    mallory = identity(1)
    async with victim(others=[mallory]) as target, attacker(mallory, target) as hand:
        pipe = await hand.pipe("frames")
        await pipe.write(HELLO.pack(7, SESSION))
        await until_reset(pipe)


@pytest.mark.trio
@pytest.mark.parametrize(
    "start",
    [
        b"",  # no hello at all
        HELLO.pack(0, SESSION)[:5],
        HELLO.pack(0, SESSION) + HEADER.pack(1, 100)[:3],
        HELLO.pack(1, SESSION) + HEADER.pack(1, 1000) + bytes(10),
    ],
)
async def test_whoever_stops_in_mid_frame_loses_the_stream(start: bytes) -> None:
    mallory = identity(1)
    limits = with_limits(stall=0.1, request_read=0.1)
    async with victim(limits, others=[mallory]) as target, attacker(mallory, target) as hand:
        pipe = await hand.pipe("frames")
        await pipe.write(start)
        await until_reset(pipe)


@pytest.mark.trio
async def test_dripping_bytes_does_not_keep_a_frame_open() -> None:
    """Each byte comes in time, and the whole is slower than the slowest that is served."""
    mallory = identity(1)
    limits = with_limits(stall=0.2, slowest=1000)
    async with victim(limits, others=[mallory]) as target, attacker(mallory, target) as hand:
        pipe = await hand.pipe("frames")
        await pipe.write(HELLO.pack(1, SESSION) + HEADER.pack(1, 300))
        async with trio.open_nursery() as nursery:

            async def drip() -> None:
                while True:
                    await pipe.write(b"x")
                    await trio.sleep(0.02)

            async def watch() -> None:
                await until_reset(pipe)
                nursery.cancel_scope.cancel()

            nursery.start_soon(watch)
            try:
                await drip()
            except MuxedStreamError:
                await trio.sleep_forever()  # until watch has seen it too


@pytest.mark.trio
async def test_an_idle_stream_between_frames_is_no_offence() -> None:
    mallory = identity(1)
    limits = with_limits(stall=0.05)
    async with victim(limits, others=[mallory]) as target, attacker(mallory, target) as hand:
        pipe = await hand.pipe("frames")
        await pipe.write(HELLO.pack(0, SESSION))
        assert SEQUENCE.unpack(await pipe.read(SEQUENCE.size)) == (0,)
        await trio.sleep(0.2)
        await pipe.write(HEADER.pack(1, 2) + b"hi")
        assert await take(target, 1) == [(mallory.public, b"hi")]


@pytest.mark.trio
async def test_a_replayed_frame_is_delivered_once_and_acknowledged_again() -> None:
    mallory = identity(1)
    async with victim(others=[mallory]) as target, attacker(mallory, target) as hand:
        pipe = await hand.pipe("frames")
        await pipe.write(HELLO.pack(0, SESSION))
        await pipe.read(SEQUENCE.size)
        await pipe.write((HEADER.pack(5, 2) + b"hi") * 3 + HEADER.pack(6, 3) + b"end")
        assert [frame for _, frame in await take(target, 2)] == [b"hi", b"end"]
        await eventually(lambda: target._receiver.duplicates == 2)


@pytest.mark.trio
async def test_a_second_stream_for_a_lane_replaces_the_first() -> None:
    mallory = identity(1)
    async with victim(others=[mallory]) as target, attacker(mallory, target) as hand:
        first = await hand.pipe("frames")
        await first.write(HELLO.pack(0, SESSION))
        await first.read(SEQUENCE.size)
        await first.write(HEADER.pack(1, 3) + b"one" + HEADER.pack(2, 3) + b"t")
        assert (await take(target, 1))[0][1] == b"one"
        second = await hand.pipe("frames")
        await second.write(HELLO.pack(0, SESSION))
        assert SEQUENCE.unpack(await second.read(SEQUENCE.size)) == (1,)
        await until_reset(first)
        await second.write(HEADER.pack(2, 3) + b"two")
        assert (await take(target, 1))[0][1] == b"two"


@pytest.mark.trio
async def test_a_flood_of_streams_stops_at_the_cap_and_others_are_served() -> None:
    mallory, friend = identity(1), identity(2)
    limits = with_limits(mux=MuxLimits(streams=8))
    async with (
        victim(limits, others=[mallory, friend]) as target,
        attacker(mallory, target) as hand,
        attacker(friend, target) as other,
    ):
        connection = await hand.connection()
        pipes = [await connection.muxed_conn.open_stream() for _ in range(50)]
        (held,) = target.host.swarm.get_connections(libp2p_id(mallory.public))
        await eventually(lambda: sum(pipe.was_reset for pipe in pipes) == 42)
        theirs = [each for each in held.muxed_conn._streams if not held.muxed_conn._is_ours(each)]
        assert len(theirs) == 8
        pipe = await other.pipe("frames")
        await pipe.write(HELLO.pack(0, SESSION) + HEADER.pack(1, 2) + b"ok")
        assert await take(target, 1) == [(friend.public, b"ok")]


@pytest.mark.trio
async def test_a_member_s_extra_connections_are_closed() -> None:
    mallory = identity(1)
    async with (
        victim(others=[mallory]) as target,
        attacker(mallory, target) as one,
        attacker(mallory, target) as two,
        attacker(mallory, target) as three,
    ):
        for hand in (one, two, three):
            await hand.connection()
        swarm = target.host.swarm
        await eventually(lambda: len(swarm.get_connections()) == 1)


@pytest.mark.trio
async def test_idle_sockets_don_t_fill_the_handshake() -> None:
    """Fault 8: one address gets so many pending handshakes, and a member still gets in."""
    mallory = identity(1)
    limits = with_limits(pending_handshakes=10, pending_handshakes_per_address=4, handshake=0.3)
    async with victim(limits, others=[mallory]) as target:
        _, _, host, _, port = target.listen_addresses()[0].split("/")
        async with trio.open_nursery() as nursery:
            sockets = [await trio.open_tcp_stream(host, int(port)) for _ in range(30)]
            admission = target.host.swarm.admission
            await eventually(lambda: admission.refused == 26)
            assert admission.pending == 4
            await eventually(lambda: admission.pending == 0)  # the deadline frees the slots
            for stream in sockets:
                nursery.start_soon(stream.aclose)
        async with attacker(mallory, target) as hand:
            await hand.connection()


@pytest.mark.trio
async def test_a_request_beyond_its_bound_is_refused_unread() -> None:
    mallory = identity(1)
    async with victim(others=[mallory]) as target, attacker(mallory, target) as hand:
        pipe = await hand.pipe("request")
        await pipe.write(LENGTH.pack(2**32 - 1))
        assert (await pipe.read(5))[0] == 3


@pytest.mark.trio
async def test_garbage_in_the_handshake_ends_one_connection() -> None:
    async with network(2, with_limits(handshake=0.3)) as (alice, bob):
        _, _, host, _, port = alice.listen_addresses()[0].split("/")
        for garbage in (b"\xff" * 2000, b"GET / HTTP/1.1\r\n\r\n", b"\x13/multistream/1.0.0\n" * 9):
            stream = await trio.open_tcp_stream(host, int(port))
            await stream.send_all(garbage)
            async with stream:
                await until_closed(stream)
        bob.send(alice.identity.public, b"fine")
        assert (await take(alice, 1))[0][1] == b"fine"


@pytest.mark.trio
async def test_members_that_are_not_this_group_s_find_no_protocol() -> None:
    mallory = identities(3)[1]
    async with victim(others=[mallory]) as target, attacker(mallory, target) as hand:
        with pytest.raises(Unreachable):
            await hand.host.open_stream(await hand.connection(), "/peerd/1/frames/0000000000000000")
