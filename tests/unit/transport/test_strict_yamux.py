"""StrictYamux over an in-memory connection: the rules, and what breaks them.

The peer is another StrictYamux or a hand that writes raw frames. Long waits run on trio's
autojump clock.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
from libp2p.exceptions import BaseLibp2pError
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.stream_muxer.exceptions import (
    MuxedConnUnavailable,
    MuxedStreamClosed,
    MuxedStreamEOF,
    MuxedStreamReset,
)
from network_world import identity

from peerd.transport.limits import MuxLimits
from peerd.transport.names import libp2p_id
from peerd.transport.repairs.yamux import StrictYamux
from peerd.transport.repairs.yamux_wire import (
    ACK,
    DATA,
    FIN,
    GO_AWAY,
    HEADER,
    INITIAL_WINDOW,
    NOISE_PLAINTEXT,
    PING,
    RST,
    SYN,
    WINDOW_UPDATE,
    frame,
)
from tests.patience import HANG

PEER = libp2p_id(identity(1).public)


class Pipe:
    """The part of libp2p's secured connection that a muxer uses, over a trio memory stream."""

    def __init__(self, stream: Any, is_initiator: bool) -> None:
        self.stream = stream
        self.is_initiator = is_initiator
        self.largest_write = 0

    async def read(self, n: int | None = None) -> bytes:
        try:
            return bytes(await self.stream.receive_some(n))
        except trio.ClosedResourceError as error:
            raise ConnectionClosedError("closed") from error

    async def write(self, data: bytes) -> None:
        self.largest_write = max(self.largest_write, len(data))
        try:
            await self.stream.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise ConnectionClosedError("closed") from error

    async def close(self) -> None:
        await self.stream.aclose()

    def get_remote_address(self) -> tuple[str, int]:
        return ("127.0.0.1", 1)


QUIET = MuxLimits(heartbeat=1000)


@asynccontextmanager
async def pair(
    limits: MuxLimits = QUIET, *, lockstep: bool = False
) -> AsyncIterator[tuple[StrictYamux, StrictYamux]]:
    make = trio.testing.lockstep_stream_pair if lockstep else trio.testing.memory_stream_pair
    left, right = make()
    one = StrictYamux(Pipe(left, True), PEER, limits)  # type: ignore[arg-type]
    two = StrictYamux(Pipe(right, False), PEER, limits)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(one.start)
        nursery.start_soon(two.start)
        yield one, two
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def against_a_hand(
    limits: MuxLimits = QUIET,
) -> AsyncIterator[tuple[StrictYamux, Any]]:
    """A responder, and the raw stream to it."""
    left, right = trio.testing.memory_stream_pair()
    muxer = StrictYamux(Pipe(right, False), PEER, limits)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(muxer.start)
        yield muxer, left
        nursery.cancel_scope.cancel()


async def read_all(stream: Any) -> bytes:
    data = b""
    while True:
        try:
            data += await stream.read(100_000)
        except MuxedStreamEOF:
            return data


# --- the rules --------------------------------------------------------------------------------


@pytest.mark.trio
async def test_bytes_cross_in_both_directions_and_both_ends_can_open() -> None:
    async with pair() as (one, two):
        for opener, accepter in ((one, two), (two, one)):
            stream = await opener.open_stream()
            await stream.write(b"ping")
            other = await accepter.accept_stream()
            assert await other.read(100) == b"ping"
            await other.write(b"pong")
            assert await stream.read(2) == b"po"
            assert await stream.read() == b"ng"
        assert {identifier % 2 for identifier in one._streams} == {0, 1}


@pytest.mark.trio
async def test_fin_ends_one_direction_and_the_stream_is_forgotten_after_both() -> None:
    async with pair() as (one, two):
        stream = await one.open_stream()
        await stream.write(b"question")
        await stream.close()
        other = await two.accept_stream()
        assert await read_all(other) == b"question"
        await other.write(b"answer")
        await other.close()
        assert await read_all(stream) == b"answer"
        with pytest.raises(MuxedStreamClosed):
            await stream.write(b"more")
        await trio.testing.wait_all_tasks_blocked()
        assert not one._streams
        assert not two._streams


@pytest.mark.trio
async def test_reset_ends_both_directions_at_once() -> None:
    async with pair() as (one, two):
        stream = await one.open_stream()
        await stream.write(b"unread")
        other = await two.accept_stream()
        await stream.reset()
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(MuxedStreamReset):
            await other.read(1)
        with pytest.raises(MuxedStreamReset):
            await other.write(b"x")
        assert not one._streams
        assert not two._streams


@pytest.mark.trio
async def test_what_was_finished_before_a_reset_can_still_be_read() -> None:
    async with pair() as (one, two):
        stream = await one.open_stream()
        await stream.write(b"complete")
        await stream.close()
        await stream.reset()
        other = await two.accept_stream()
        await trio.testing.wait_all_tasks_blocked()
        assert await other.read(100) == b"complete"


@pytest.mark.trio
async def test_closing_the_connection_wakes_every_waiter() -> None:
    async with pair() as (one, two):
        stream = await one.open_stream()
        ended: list[str] = []

        async def expect(error: type[BaseException], call: Any, name: str) -> None:
            with pytest.raises(error):
                await call()
            ended.append(name)

        with trio.fail_after(HANG):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(expect, MuxedStreamReset, stream.read, "reader")
                nursery.start_soon(
                    expect, MuxedStreamReset, lambda: stream.write(bytes(10**6)), "writer"
                )
                nursery.start_soon(expect, MuxedConnUnavailable, one.accept_stream, "accepter")
                await trio.testing.wait_all_tasks_blocked()
                await two.close()
        assert sorted(ended) == ["accepter", "reader", "writer"]
        with pytest.raises(MuxedConnUnavailable):
            await one.open_stream()


# --- fault 3: bulk both ways and new streams ---------------------------------------------------


@pytest.mark.trio
async def test_bulk_in_both_directions_and_new_streams_don_t_deadlock(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """On a connection that holds nothing: each side can write only while the other one reads."""
    async with pair(lockstep=True) as (one, two):
        size = 3_000_000

        async def write(stream: Any) -> None:
            await stream.write(bytes(size))
            await stream.close()

        async def read(stream: Any) -> None:
            assert len(await read_all(stream)) == size

        async def open_many(opener: StrictYamux) -> None:
            for _ in range(50):
                stream = await opener.open_stream()
                await stream.write(b"hello")
                await stream.reset()

        with trio.fail_after(HANG):
            there, back = await one.open_stream(), await two.open_stream()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read, await two.accept_stream())
                nursery.start_soon(read, await one.accept_stream())
                nursery.start_soon(write, there)
                nursery.start_soon(write, back)
                nursery.start_soon(open_many, one)
                nursery.start_soon(open_many, two)


# --- fault 4: a slow reader --------------------------------------------------------------------


@pytest.mark.trio
async def test_a_reader_that_sleeps_for_a_minute_loses_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with pair() as (one, two):
        stream = await one.open_stream()
        data = bytes(range(256)) * 8000

        async def write() -> None:
            await stream.write(data)
            await stream.close()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(write)
            other = await two.accept_stream()
            await trio.sleep(60)
            assert await read_all(other) == data


@pytest.mark.trio
async def test_a_stream_that_nobody_reads_leaves_the_others_their_latency() -> None:
    async with pair() as (one, two):
        stuck = await one.open_stream()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stuck.write, bytes(5_000_000))
            await two.accept_stream()
            for _ in range(100):
                stream = await one.open_stream()
                await stream.write(b"ping")
                other = await two.accept_stream()
                assert await other.read(4) == b"ping"
                await other.reset()
            nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_a_cancelled_write_tears_no_frame() -> None:
    async with pair() as (one, two):
        stream = await one.open_stream()
        with trio.move_on_after(0.01):
            await stream.write(bytes(10_000_000))
        await stream.reset()
        fresh = await one.open_stream()
        await fresh.write(b"intact")
        await two.accept_stream()
        assert await (await two.accept_stream()).read(6) == b"intact"


# --- fault 6: partial reads --------------------------------------------------------------------


@pytest.mark.trio
async def test_a_frame_in_single_bytes_is_a_frame() -> None:
    async with against_a_hand() as (muxer, hand):
        data = bytes(range(256)) * 4
        for byte in frame(WINDOW_UPDATE, SYN, 1, 0) + frame(DATA, FIN, 1, len(data), data):
            await hand.send_all(bytes((byte,)))
            await trio.lowlevel.checkpoint()
        assert await read_all(await muxer.accept_stream()) == data


# --- fault 7: the window -----------------------------------------------------------------------


@pytest.mark.trio
async def test_a_peer_that_exceeds_the_window_loses_the_connection() -> None:
    async with against_a_hand() as (muxer, hand):
        await hand.send_all(frame(WINDOW_UPDATE, SYN, 1, 0))
        stream: Any = await muxer.accept_stream()
        piece = bytes(INITIAL_WINDOW // 4)
        for _ in range(4):
            await hand.send_all(frame(DATA, 0, 1, len(piece), piece))
        await trio.testing.wait_all_tasks_blocked()
        assert stream.unread == INITIAL_WINDOW
        assert not muxer.is_closed
        await hand.send_all(frame(DATA, 0, 1, 1, b"x"))
        with trio.fail_after(HANG):
            await muxer.event_closed.wait()
        assert "window" in muxer.ended_because


@pytest.mark.trio
async def test_credit_comes_back_when_half_of_the_window_is_read() -> None:
    async with against_a_hand() as (muxer, hand):
        await hand.send_all(frame(WINDOW_UPDATE, SYN, 1, 0))
        stream = await muxer.accept_stream()
        half = bytes(INITIAL_WINDOW // 2)
        await hand.send_all(frame(DATA, 0, 1, len(half), half) * 2)
        received = bytearray()

        async def credit() -> int:
            await trio.testing.wait_all_tasks_blocked()
            received.extend(await hand.receive_some(10_000))
            updates = [HEADER.unpack_from(received, start) for start in range(0, len(received), 12)]
            return sum(
                length
                for _, kind, flags, number, length in updates
                if (kind, flags, number) == (WINDOW_UPDATE, 0, 1)
            )

        assert await credit() == 0
        await stream.read(len(half) - 1)
        await hand.send_all(frame(PING, SYN, 0, 7))  # so that there is something to receive
        assert await credit() == 0
        await stream.read(1)
        assert await credit() == len(half)


# --- fault 9: one frame, one Noise message -----------------------------------------------------


@pytest.mark.trio
async def test_no_write_exceeds_a_noise_message() -> None:
    async with pair() as (one, two):
        stream = await one.open_stream()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.write, bytes(1_000_000))
            other = await two.accept_stream()
            left = 1_000_000
            while left:
                left -= len(await other.read(100_000))
        assert one.secured_conn.largest_write == NOISE_PLAINTEXT  # type: ignore[attr-defined]


# --- hostile frames ----------------------------------------------------------------------------

OPEN = frame(WINDOW_UPDATE, SYN, 1, 0)


@pytest.mark.trio
@pytest.mark.parametrize(
    "data",
    [
        HEADER.pack(1, DATA, 0, 1, 0),  # another version
        HEADER.pack(0, 9, 0, 0, 0),  # an unknown type
        frame(DATA, SYN, 0, 0),  # stream 0
        frame(WINDOW_UPDATE, SYN, 2, 0),  # a stream number that is ours to give
        OPEN + OPEN,  # a stream that is open
        OPEN + frame(DATA, 0, 1, 2**32 - 1),
        frame(DATA, 0, 77, INITIAL_WINDOW + 1),  # too much even for a stream that is gone
        OPEN + frame(WINDOW_UPDATE, 0, 1, 2**32 - 1),  # a window beyond 4 GiB
        frame(GO_AWAY, 0, 0, 0),
    ],
)
async def test_a_broken_rule_ends_the_connection_and_nothing_else(data: bytes) -> None:
    async with against_a_hand() as (muxer, hand):
        await hand.send_all(data)
        with trio.fail_after(HANG):
            await muxer.event_closed.wait()
        assert "MuxViolation" in muxer.ended_because


@pytest.mark.trio
async def test_frames_for_a_stream_that_is_gone_are_ignored() -> None:
    async with against_a_hand() as (muxer, hand):
        await hand.send_all(OPEN)
        stream = await muxer.accept_stream()
        await stream.reset()
        await hand.send_all(
            frame(DATA, 0, 1, 5, b"still") + frame(WINDOW_UPDATE, 0, 1, 9) + frame(DATA, FIN, 1, 0)
        )
        await hand.send_all(frame(WINDOW_UPDATE, SYN, 3, 0) + frame(DATA, 0, 3, 2, b"ok"))
        assert await (await muxer.accept_stream()).read(2) == b"ok"


@pytest.mark.trio
async def test_streams_beyond_the_cap_are_reset_and_a_closed_one_makes_room() -> None:
    async with against_a_hand(MuxLimits(streams=3, heartbeat=1000)) as (muxer, hand):
        for number in (1, 3, 5, 7, 9):
            await hand.send_all(frame(WINDOW_UPDATE, SYN, number, 0))
        first: Any = await muxer.accept_stream()
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(muxer._streams) == [1, 3, 5]
        await first.reset()
        await hand.send_all(frame(WINDOW_UPDATE, SYN, 11, 0))
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(muxer._streams) == [3, 5, 11]


@pytest.mark.trio
async def test_streams_that_nobody_accepts_are_bounded() -> None:
    async with against_a_hand(MuxLimits(streams=3, heartbeat=1000)) as (muxer, hand):
        for number in range(1, 4001, 2):
            await hand.send_all(frame(WINDOW_UPDATE, SYN, number, 0))
            await hand.send_all(frame(WINDOW_UPDATE, RST, number, 0))
            await hand.receive_some(100_000)
        await trio.testing.wait_all_tasks_blocked()
        assert len(muxer._streams) <= 3


@pytest.mark.trio
async def test_a_peer_that_pings_and_never_reads_the_replies_is_cut_off() -> None:
    left, right = trio.testing.lockstep_stream_pair()
    muxer = StrictYamux(Pipe(right, False), PEER, QUIET)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(muxer.start)
        with trio.fail_after(HANG):
            try:
                while not muxer.is_closed:
                    await left.send_all(frame(PING, SYN, 0, 1) * 100)
            except trio.BrokenResourceError:
                await muxer.event_closed.wait()
        assert "replies" in muxer.ended_because
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_a_ping_is_answered_and_its_answer_measures_the_round_trip() -> None:
    async with pair(MuxLimits(heartbeat=0.01)) as (one, two):
        with trio.fail_after(HANG):
            while one.rtt is None or two.rtt is None:
                await trio.sleep(0.005)
        assert one.rtt >= 0


@pytest.mark.trio
async def test_a_round_trip_longer_than_a_heartbeat_is_measured_whole(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """By the ping that is answered, and not by the one that was sent since."""
    async with against_a_hand(MuxLimits(heartbeat=2)) as (muxer, hand):
        await trio.sleep(5)  # three pings are on their way
        await hand.send_all(frame(PING, ACK, 0, 1))
        await trio.sleep(0.5)
        await hand.send_all(frame(PING, ACK, 0, 2))
        await trio.testing.wait_all_tasks_blocked()
        assert muxer.rtt == pytest.approx(5, abs=0.1)


@pytest.mark.trio
@pytest.mark.parametrize(("data", "pings"), [(False, 18), (True, 3)], ids=["idle", "busy"])
async def test_a_link_with_data_is_pinged_for_its_round_trip_alone(
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
    data: bool,
    pings: int,
) -> None:
    """Every eighth heartbeat; an idle one at each, by which the peer hears that we are there."""
    sent: list[int] = []
    limits = MuxLimits(heartbeat=2, silent_heartbeats=1000)
    async with pair(limits) as (one, _), trio.open_nursery() as nursery:
        stream = await one.open_stream()
        original = one._send_ping

        def counted(value: int) -> None:
            sent.append(value)
            original(value)

        monkeypatch.setattr(one, "_send_ping", counted)
        await trio.sleep(1)  # between two heartbeats

        async def write() -> None:
            while True:
                await stream.write(b"x")
                await trio.sleep(1)

        if data:
            nursery.start_soon(write)
        await trio.sleep(2 * 17)
        nursery.cancel_scope.cancel()
    assert len(sent) == pings


@pytest.mark.trio
async def test_a_silent_peer_is_dead_after_three_heartbeats(
    autojump_clock: trio.testing.MockClock,
) -> None:
    left, right = trio.testing.memory_stream_pair()
    muxer = StrictYamux(Pipe(right, False), PEER, MuxLimits())  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(muxer.start)
        start = trio.current_time()
        await muxer.event_closed.wait()
        assert trio.current_time() - start == pytest.approx(6, abs=0.1)
        assert "silent" in muxer.ended_because
        await left.aclose()


@pytest.mark.trio
async def test_a_write_that_the_socket_doesn_t_take_ends_the_connection(
    autojump_clock: trio.testing.MockClock,
) -> None:
    left, right = trio.testing.lockstep_stream_pair()  # takes nothing until left reads
    muxer = StrictYamux(Pipe(right, False), PEER, MuxLimits(heartbeat=1000, write_stall=20))  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(muxer.start)
        await muxer.event_closed.wait()
        assert trio.current_time() >= 20
        assert muxer.ended_because == "TooSlowError"
        await left.aclose()


@pytest.mark.trio
async def test_a_stream_that_we_closed_and_the_peer_doesn_t_is_swept(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with against_a_hand(MuxLimits(linger=20, silent_heartbeats=1000)) as (muxer, hand):
        await hand.send_all(OPEN)
        stream = await muxer.accept_stream()
        await stream.close()
        await trio.sleep(19)
        assert muxer._streams
        await trio.sleep(5)
        assert not muxer._streams


@pytest.mark.trio
@pytest.mark.parametrize("flags", [FIN, RST, FIN | RST, ACK])
async def test_flags_on_data_frames_count_after_their_bytes(flags: int) -> None:
    async with against_a_hand() as (muxer, hand):
        await hand.send_all(frame(DATA, SYN, 1, 2, b"ab") + frame(DATA, flags, 1, 2, b"cd"))
        stream = await muxer.accept_stream()
        await trio.testing.wait_all_tasks_blocked()
        if flags == RST:
            with pytest.raises(MuxedStreamReset):
                await stream.read(4)
        else:
            assert await stream.read(4) == b"abcd"


@pytest.mark.trio
async def test_an_error_below_ends_the_connection_and_leaves_no_exception(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Fault 5: a decryption error in the reader task must not reach the host's nursery."""
    async with against_a_hand() as (muxer, hand):

        async def explode(n: int | None = None) -> bytes:
            raise ValueError("a forged Noise message")

        monkeypatch.setattr(muxer.secured_conn, "read", explode)
        await hand.send_all(frame(PING, SYN, 0, 1))  # ends the read that is under way
        with trio.fail_after(HANG):
            await muxer.event_closed.wait()
        assert "forged" in muxer.ended_because


def test_errors_of_the_muxer_are_libp2p_s() -> None:
    assert issubclass(MuxedStreamReset, BaseLibp2pError)
