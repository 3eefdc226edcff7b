"""A lane's stream from both ends, on a connection in memory: windows, acknowledgements, turns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import trio
import trio.testing
from test_strict_yamux import QUIET, pair

from peerd.transport.flow import Flow
from peerd.transport.frame_wire import HEADER, SEQUENCE
from peerd.transport.inbox import Inbox
from peerd.transport.incoming import (
    ACKNOWLEDGEMENT_BYTES,
    SAVED_SECONDS,
    FrameTooLarge,
    Incoming,
)
from peerd.transport.limits import Limits
from peerd.transport.outbox import LaneKind, Outbox
from peerd.transport.repairs.yamux_stream import StrictStream
from peerd.transport.repairs.yamux_wire import ACK, INITIAL_WINDOW, PING, frame
from tests.patience import HANG

PEER = b"p" * 32
LIMITS = Limits(stall=10.0)


@asynccontextmanager
async def lane(
    kind: LaneKind = LaneKind.CONTROL, limits: Limits = LIMITS
) -> AsyncIterator[tuple[StrictStream, Incoming, Inbox]]:
    """The sender's stream, and the lane that takes what comes of it."""
    async with pair() as (one, two):
        near = await one.open_stream()
        far = await two.accept_stream()
        assert isinstance(near, StrictStream) and isinstance(far, StrictStream)
        inbox = Inbox()
        incoming = Incoming(PEER, kind, far, limits, inbox)
        incoming.begin()
        yield near, incoming, inbox


def framed(sequence: int, frame: bytes) -> bytes:
    return HEADER.pack(sequence, len(frame)) + frame


async def acknowledged(stream: StrictStream) -> list[int]:
    await trio.testing.wait_all_tasks_blocked()
    if not stream.unread:
        return []
    return [number for (number,) in SEQUENCE.iter_unpack(await stream.read())]


@pytest.mark.trio
@pytest.mark.parametrize("piece", [1, 5, 12, 13, 1000])
async def test_frames_come_whole_however_they_are_cut(piece: int) -> None:
    async with lane() as (stream, _, inbox):
        frames = [b"", b"one", bytes(100), b"last"]
        wire = b"".join(framed(number + 1, each) for number, each in enumerate(frames))
        for start in range(0, len(wire), piece):
            await stream.write(wire[start : start + piece])
            await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(HANG):
            assert [await inbox.receive() for _ in frames] == [(PEER, each) for each in frames]
        with pytest.raises(trio.WouldBlock):
            inbox.receive_nowait()


@pytest.mark.trio
async def test_acknowledgements_are_saved_up_until_the_clock_or_a_megabyte(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with lane(LaneKind.BULK) as (stream, incoming, inbox):
        for number in (1, 2, 3):
            await stream.write(framed(number, b"x"))
            await inbox.receive()
        incoming.tick()
        assert await acknowledged(stream) == []
        await trio.sleep(SAVED_SECONDS)
        for _ in range(2):  # the second time nothing is new
            incoming.tick()
        assert await acknowledged(stream) == [3]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.write, framed(4, bytes(ACKNOWLEDGEMENT_BYTES)))
            assert len((await inbox.receive())[1]) == ACKNOWLEDGEMENT_BYTES
        assert await acknowledged(stream) == [4]


@pytest.mark.trio
async def test_an_acknowledgement_goes_with_what_leaves_anyway() -> None:
    async with lane() as (stream, incoming, inbox):
        connection = incoming._stream._connection
        await stream.write(framed(1, b"x"))
        await inbox.receive()
        with connection.flushing():
            pass  # nothing leaves
        assert await acknowledged(stream) == []
        for _ in range(2):  # the second time nothing is new
            with connection.flushing():
                connection.post(frame(PING, ACK, 0, 0))
        assert await acknowledged(stream) == [1]
        incoming.stop()
        assert not connection.riders


@pytest.mark.trio
async def test_what_nobody_takes_fills_a_window_and_no_more() -> None:
    async with lane() as (stream, incoming, inbox):
        each = bytes(30_000)
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                for number in range(1, 101):
                    await stream.write(framed(number, each))

            nursery.start_soon(send)
            await trio.testing.wait_all_tasks_blocked()
            held = len(incoming._buffer) + len(each)
            assert held <= INITIAL_WINDOW + HEADER.size + len(each)
            assert len(inbox) == 1
            with trio.fail_after(HANG):
                for _ in range(100):
                    assert (await inbox.receive())[1] == each


@pytest.mark.trio
async def test_lanes_give_a_frame_each_in_turn() -> None:
    async with lane() as (stream, _, inbox), lane() as (other, _, elsewhere):
        second = Incoming(b"q" * 32, LaneKind.CONTROL, other, LIMITS, inbox)
        await stream.write(b"".join(framed(n, b"p%d" % n) for n in (1, 2, 3)))
        await trio.testing.wait_all_tasks_blocked()
        second.arrived(b"".join(framed(n, b"q%d" % n) for n in (1, 2)))
        taken = [(await inbox.receive())[1] for _ in range(5)]
        assert taken == [b"p1", b"q1", b"p2", b"q2", b"p3"]
        assert len(elsewhere) == 0


@pytest.mark.trio
async def test_a_frame_beyond_its_bound_ends_the_lane_and_not_the_connection() -> None:
    async with lane() as (stream, incoming, inbox):
        await stream.write(framed(1, b"good") + HEADER.pack(2, LIMITS.control_frame + 1))
        with trio.fail_after(HANG):
            assert (await inbox.receive())[1] == b"good"
            await incoming.over.wait()
        assert isinstance(incoming.error, FrameTooLarge)
        await stream.write(framed(3, b"ignored"))
        await trio.testing.wait_all_tasks_blocked()
        assert len(inbox) == 0


@pytest.mark.trio
async def test_the_clock_runs_for_the_peer_and_not_for_the_consumer(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with lane() as (stream, incoming, inbox):
        await stream.write(framed(1, b"whole") + framed(2, b"part")[:-1])
        await trio.sleep(100)  # nobody takes the first
        incoming.tick()
        assert not incoming.over.is_set()
        await inbox.receive()
        await trio.sleep(LIMITS.stall - 1)
        incoming.tick()
        assert not incoming.over.is_set()
        await trio.sleep(2)
        incoming.tick()
        assert isinstance(incoming.error, trio.TooSlowError)


@pytest.mark.trio
async def test_a_peer_that_lets_nothing_be_acknowledged_loses_the_lane(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with lane() as (stream, incoming, inbox):
        incoming._stream.credit = 0
        await stream.write(framed(1, b"x"))
        await inbox.receive()
        incoming.tick()
        assert not incoming.over.is_set()
        await trio.sleep(LIMITS.stall + 1)
        incoming.tick()
        assert isinstance(incoming.error, trio.TooSlowError)


@pytest.mark.trio
async def test_whole_frames_before_the_end_are_delivered() -> None:
    async with lane() as (stream, incoming, inbox):
        await stream.write(framed(1, b"a") + framed(2, b"b") + framed(3, b"cut")[:-1])
        await stream.close()
        await trio.testing.wait_all_tasks_blocked()
        assert not incoming.over.is_set()
        assert [(await inbox.receive())[1] for _ in range(2)] == [b"a", b"b"]
        assert incoming.over.is_set() and incoming.error is None


@pytest.mark.trio
async def test_a_flow_sends_as_it_gets_credit_and_gives_up_on_who_gives_none(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with pair() as (one, two):
        outbox = Outbox(64 * 1024, 10**8, 1000)
        near, far = await one.open_stream(), await two.accept_stream()
        assert isinstance(near, StrictStream)
        flow = Flow(outbox, LaneKind.BULK, near)
        near.hand_over(flow)
        outbox.put(bytes(1_000_000))
        flow.flush()
        ended: list[str] = []

        async def run() -> None:
            with pytest.raises(trio.TooSlowError):
                await flow.run(LIMITS)
            ended.append("too slow")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            got = 0
            while got < 900_000:
                got += len(await far.read())
                await trio.sleep(LIMITS.stall / 2)
            assert not ended
            while got < 1_000_000 + HEADER.size:
                got += len(await far.read())
            await trio.sleep(5 * LIMITS.stall)
            assert not ended  # there is nothing to send
            outbox.put(bytes(1_000_000))
            flow.flush()
            with trio.fail_after(3 * LIMITS.stall):
                while not ended:
                    await trio.sleep(1)


@pytest.mark.trio
async def test_two_lanes_and_a_writer_share_a_connection_that_is_full() -> None:
    """The lane with a vote, and whoever waits to write, are not kept behind a model."""
    limits = replace(QUIET, window=16 * 1024 * 1024)
    async with pair(limits, lockstep=True) as (one, two):
        outbox = Outbox(64 * 1024, 10**8, 1000)
        streams = [await one.open_stream() for _ in range(3)]
        far = [await two.accept_stream() for _ in range(3)]
        await trio.testing.wait_all_tasks_blocked()
        flows = []
        for kind, stream in zip(LaneKind, streams, strict=False):
            assert isinstance(stream, StrictStream)
            flows.append(Flow(outbox, kind, stream))
            stream.hand_over(flows[-1])
        outbox.put(bytes(8_000_000))
        flows[1].flush()
        outbox.put(b"vote")
        flows[0].flush()
        with trio.fail_after(HANG):
            await streams[2].write(b"a question")
            assert await far[2].read() == b"a question"
            assert await far[0].read() == framed(2, b"vote")
        assert sum(map(len, flows[1]._pieces)) > 4_000_000
