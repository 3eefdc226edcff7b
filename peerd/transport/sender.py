"""One lane of one peer's outbox, sent over whatever connection there is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

import structlog
import trio
from libp2p.abc import INetStream
from libp2p.exceptions import BaseLibp2pError

from peerd.errors import with_kind
from peerd.transport.errors import TransportError
from peerd.transport.flow import Flow, Flusher
from peerd.transport.frame_wire import HELLO, SEQUENCE, PipeReader
from peerd.transport.limits import Limits
from peerd.transport.names import short
from peerd.transport.outbox import LaneKind, Outbox
from peerd.transport.repairs.yamux_stream import StrictStream

log = structlog.get_logger(__name__)

# What a stream raises when the peer, the network or our deadline ends it.
STREAM_ERRORS = (BaseLibp2pError, TransportError, trio.TooSlowError, EOFError, OSError)

OpenStream = Callable[[], Awaitable[INetStream]]  # waits for a connection; raises Unreachable


@dataclass(frozen=True, slots=True)
class Lot:
    """What the senders of a process share."""

    session: bytes
    flusher: Flusher


class Sender:
    def __init__(
        self, peer: bytes, outbox: Outbox, open_stream: OpenStream, lot: Lot, limits: Limits
    ) -> None:
        self._peer = peer
        self._outbox = outbox
        self._open_stream = open_stream
        self._lot = lot
        self._limits = limits

    async def run(self, kind: LaneKind) -> None:
        """Sends the lane until cancelled. A broken stream is opened again, and the frames that
        were not acknowledged go again: the receiver drops what it has."""
        lane = self._outbox.lanes[kind]
        delay = self._limits.backoff_first
        while True:
            lane.rewind()
            await lane.wait_for_work()
            opened = trio.current_time()
            try:
                await self._send_over(await self._open_stream(), kind)
            except STREAM_ERRORS as error:
                log.debug("a frame stream ended", peer=short(self._peer), reason=with_kind(error))
            if trio.current_time() - opened > self._limits.backoff_last:
                delay = self._limits.backoff_first
            await trio.sleep(delay)
            delay = min(2 * delay, self._limits.backoff_last)

    async def _send_over(self, stream: INetStream, kind: LaneKind) -> None:
        pipe: StrictStream = stream.muxed_stream  # type: ignore[attr-defined]
        limits, lane = self._limits, self._outbox.lanes[kind]
        try:
            with trio.fail_after(limits.stall):
                await pipe.write(HELLO.pack(kind, self._lot.session))
            # No byte beyond the answer: what follows is the flow's.
            answer = await PipeReader(pipe).payload(
                SEQUENCE.size, stall=limits.stall, slowest=limits.slowest
            )
            self._outbox.acknowledge(kind, SEQUENCE.unpack(answer)[0])
            flow = Flow(self._outbox, kind, pipe)
            pipe.hand_over(flow)
            lane.on_work = partial(self._lot.flusher.add, flow)
            flow.flush()
            await flow.run(limits)
        finally:
            lane.on_work = None
            with trio.CancelScope(shield=True):
                await stream.reset()
