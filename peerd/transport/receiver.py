"""Frames from all peers, each delivered once, into one channel."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog
import trio
from libp2p.abc import INetStream

from peerd.transport.errors import TransportError
from peerd.transport.frame_wire import (
    HEADER,
    HELLO,
    SEQUENCE,
    FrameTooLarge,
    Pipe,
    PipeReader,
)
from peerd.transport.limits import Limits
from peerd.transport.names import public_key, short
from peerd.transport.outbox import LaneKind
from peerd.transport.sender import STREAM_ERRORS

log = structlog.get_logger(__name__)

ACKNOWLEDGEMENT_SECONDS = 1.0
"""For which one is saved up: a number stands for all frames up to it, and the sender only waits for
it to forget them.
"""
ACKNOWLEDGEMENT_BYTES = 1 << 20
"""Of frames, after which it is not saved up any longer: the sender holds them."""

Delivery = tuple[bytes, bytes]


class BadHello(TransportError):
    """The first bytes of a frame stream name no lane."""


@dataclass(slots=True)
class _Incoming:
    """One lane of one peer: what has been delivered, and who reads it now."""

    session: bytes = b""
    delivered: int = 0
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    finished: trio.Event = field(default_factory=trio.Event)


class Receiver:
    """Reads frame streams. At most one per peer and lane: a newer stream replaces the older.

    A frame is acknowledged when the consumer has taken it, not before, and at most one frame per
    peer and lane is held: a slow consumer slows the senders down (their windows fill), and a slow
    or hostile sender slows nobody else down.
    """

    def __init__(self, limits: Limits, deliver: trio.MemorySendChannel[Delivery]) -> None:
        self._limits = limits
        self._deliver = deliver
        self._incoming: dict[tuple[bytes, LaneKind], _Incoming] = {}
        self._owed: set[_Latest] = set()
        self.duplicates = 0
        self.oversized = 0

    async def run(self) -> None:
        """Has acknowledgements sent that were saved up; one clock for all lanes."""
        while True:
            await trio.sleep(ACKNOWLEDGEMENT_SECONDS)
            for latest in self._owed:
                latest.send()

    async def handle(self, stream: INetStream) -> None:
        """The stream handler. No exception of the peer's making leaves it."""
        peer = public_key(stream.muxed_conn.peer_id)
        if peer is None:
            await stream.reset()
            return
        try:
            await self._handle(peer, stream.muxed_stream)  # type: ignore[attr-defined]
        except* STREAM_ERRORS as group:
            if group.subgroup(FrameTooLarge) is not None:
                self.oversized += 1
                log.warning("a frame beyond its bound", peer=short(peer), error=str(group))
        finally:
            with trio.CancelScope(shield=True):
                await stream.reset()

    async def _handle(self, peer: bytes, pipe: Pipe) -> None:
        reader = PipeReader(pipe)
        hello = await reader.exactly(HELLO.size, seconds=self._limits.request_read)
        lane_number, session = HELLO.unpack(hello)
        if lane_number not in list(LaneKind):
            raise BadHello(f"lane {lane_number}")
        kind = LaneKind(lane_number)
        incoming = await self._take_over(peer, kind, session)
        try:
            with incoming.scope:
                await self._read_frames(peer, kind, incoming, pipe, reader)
        finally:
            incoming.finished.set()

    async def _take_over(self, peer: bytes, kind: LaneKind, session: bytes) -> _Incoming:
        """Ends the stream that reads this lane now, and only then looks what it has delivered."""
        while (old := self._incoming.get((peer, kind))) is not None and not old.finished.is_set():
            old.scope.cancel()
            await old.finished.wait()
        delivered = old.delivered if old is not None and old.session == session else 0
        new = _Incoming(session, delivered)
        self._incoming[peer, kind] = new
        return new

    async def _read_frames(
        self,
        peer: bytes,
        kind: LaneKind,
        incoming: _Incoming,
        pipe: Pipe,
        reader: PipeReader,
    ) -> None:
        with trio.fail_after(self._limits.stall):
            await pipe.write(SEQUENCE.pack(incoming.delivered))
        news = _Latest()
        self._owed.add(news)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._acknowledge, pipe, news)
                while True:
                    sequence, frame = await self._read_frame(kind, reader)
                    if sequence > incoming.delivered:
                        await self._deliver.send((peer, frame))
                        incoming.delivered = sequence
                    else:
                        self.duplicates += 1
                    news.set(incoming.delivered, len(frame))
        finally:
            self._owed.discard(news)

    async def _read_frame(self, kind: LaneKind, reader: PipeReader) -> tuple[int, bytes]:
        limits = self._limits
        header = await reader.header(HEADER.size, seconds=limits.stall)
        sequence, length = HEADER.unpack(header)
        bound = limits.control_frame if kind is LaneKind.CONTROL else limits.max_frame
        if length > bound:
            raise FrameTooLarge(f"{length} bytes announced, the {kind.name} lane takes {bound}")
        frame = await reader.payload(length, stall=limits.stall, slowest=limits.slowest)
        return sequence, frame

    async def _acknowledge(self, pipe: Pipe, news: _Latest) -> None:
        while True:
            delivered = await news.wait()
            with trio.fail_after(self._limits.stall):
                await pipe.write(SEQUENCE.pack(delivered))


class _Latest:
    """The newest number, for one waiter: what it missed in between doesn't matter."""

    def __init__(self) -> None:
        self._value = self._size = 0
        self._fresh = False
        self._due = trio.Event()

    def set(self, value: int, size: int) -> None:
        """``size``: the bytes that the number stands for, beside those before."""
        self._value = value
        self._size += size
        self._fresh = True
        if self._size >= ACKNOWLEDGEMENT_BYTES:
            self.send()

    def send(self) -> None:
        """What there is, if there is anything, is saved up no longer."""
        if self._fresh:
            self._due.set()

    async def wait(self) -> int:
        """The number, when it is to be sent."""
        await self._due.wait()
        self._size, self._fresh = 0, False
        self._due = trio.Event()
        return self._value
