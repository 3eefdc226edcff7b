"""Frames from all peers, each delivered once, into one inbox."""

from __future__ import annotations

import structlog
import trio
from libp2p.abc import INetStream

from peerd.transport.errors import TransportError
from peerd.transport.frame_wire import HELLO, SEQUENCE, PipeReader
from peerd.transport.inbox import Inbox
from peerd.transport.incoming import FrameTooLarge, Incoming
from peerd.transport.limits import Limits
from peerd.transport.names import public_key, short
from peerd.transport.outbox import LaneKind
from peerd.transport.repairs.yamux_stream import StrictStream
from peerd.transport.sender import STREAM_ERRORS

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0
"""Between two looks at the lanes."""


class BadHello(TransportError):
    """The first bytes of a frame stream name no lane."""


class Receiver:
    """Takes frame streams. At most one per peer and lane: a newer stream replaces the older.

    A frame is acknowledged when the consumer has taken it, not before, and at most one frame per
    peer and lane is held: a slow consumer slows the senders down (their windows fill), and a slow
    or hostile sender slows nobody else down.
    """

    def __init__(self, limits: Limits) -> None:
        self.inbox = Inbox()
        self._limits = limits
        self._incoming: dict[tuple[bytes, LaneKind], Incoming] = {}
        self.duplicates = 0
        self.oversized = 0

    async def run(self) -> None:
        """One clock for all lanes."""
        pause = min(TICK_SECONDS, self._limits.stall / 4)
        while True:
            await trio.sleep(pause)
            for incoming in self._incoming.values():
                incoming.tick()

    async def handle(self, stream: INetStream) -> None:
        """The stream handler. No exception of the peer's making leaves it."""
        peer = public_key(stream.muxed_conn.peer_id)
        if peer is None:
            await stream.reset()
            return
        try:
            await self._handle(peer, stream.muxed_stream)  # type: ignore[attr-defined]
        except FrameTooLarge as error:
            self.oversized += 1
            log.warning("a frame beyond its bound", peer=short(peer), error=str(error))
        except STREAM_ERRORS as error:
            log.debug("a frame stream ended", peer=short(peer), reason=type(error).__name__)
        finally:
            with trio.CancelScope(shield=True):
                await stream.reset()

    async def _handle(self, peer: bytes, pipe: StrictStream) -> None:
        limits = self._limits
        # No byte beyond the hello: what follows are frames.
        hello = await PipeReader(pipe).payload(
            HELLO.size, stall=limits.request_read, slowest=limits.slowest
        )
        lane_number, session = HELLO.unpack(hello)
        if lane_number not in list(LaneKind):
            raise BadHello(f"lane {lane_number}")
        incoming = self._take_over(peer, LaneKind(lane_number), session, pipe)
        try:
            with trio.fail_after(limits.stall):
                await pipe.write(SEQUENCE.pack(incoming.delivered))
            incoming.begin()
            await incoming.over.wait()
        finally:
            incoming.stop()
        if incoming.error is not None:
            raise incoming.error

    def _take_over(
        self, peer: bytes, kind: LaneKind, session: bytes, pipe: StrictStream
    ) -> Incoming:
        """Ends the stream that brings this lane now, and goes on behind what it has delivered."""
        new = Incoming(peer, kind, pipe, self._limits, self.inbox)
        new.session, new.on_duplicate = session, self._count_duplicate
        old = self._incoming.get((peer, kind))
        if old is not None:
            old.stop()
            new.delivered = old.delivered if old.session == session else 0
        self._incoming[peer, kind] = new
        return new

    def _count_duplicate(self) -> None:
        self.duplicates += 1
