"""One lane of one peer's outbox, sent over whatever connection there is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
import trio
from libp2p.abc import INetStream
from libp2p.exceptions import BaseLibp2pError

from peerd.transport.errors import TransportError
from peerd.transport.frame_wire import (
    HEADER,
    HELLO,
    PIECE,
    SEQUENCE,
    Pipe,
    PipeReader,
    write_payload,
)
from peerd.transport.limits import Limits
from peerd.transport.names import short
from peerd.transport.outbox import LaneKind, Outbox

log = structlog.get_logger(__name__)

# What a stream raises when the peer, the network or our deadline ends it.
STREAM_ERRORS = (BaseLibp2pError, TransportError, trio.TooSlowError, EOFError, OSError)

OpenStream = Callable[[], Awaitable[INetStream]]  # waits for a connection; raises Unreachable


class Sender:
    def __init__(
        self, peer: bytes, session: bytes, outbox: Outbox, open_stream: OpenStream, limits: Limits
    ) -> None:
        self._peer = peer
        self._session = session
        self._outbox = outbox
        self._open_stream = open_stream
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
            except* STREAM_ERRORS as group:
                reason = _first_reason(group)
                log.debug("a frame stream ended", peer=short(self._peer), reason=reason)
            if trio.current_time() - opened > self._limits.backoff_last:
                delay = self._limits.backoff_first
            await trio.sleep(delay)
            delay = min(2 * delay, self._limits.backoff_last)

    async def _send_over(self, stream: INetStream, kind: LaneKind) -> None:
        pipe: Pipe = stream.muxed_stream  # type: ignore[attr-defined]
        try:
            with trio.fail_after(self._limits.stall):
                await pipe.write(HELLO.pack(kind, self._session))
            reader = PipeReader(pipe)
            answer = await reader.exactly(SEQUENCE.size, seconds=self._limits.stall)
            self._outbox.acknowledge(kind, SEQUENCE.unpack(answer)[0])
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read_acknowledgements, reader, kind)
                nursery.start_soon(self._write_frames, pipe, kind)
        finally:
            with trio.CancelScope(shield=True):
                await stream.reset()

    async def _write_frames(self, pipe: Pipe, kind: LaneKind) -> None:
        lane = self._outbox.lanes[kind]
        while True:
            first, *more = await lane.next_batch(PIECE)
            header = HEADER.pack(first.sequence, len(first.frame))
            if not more:
                await write_payload(pipe, header, first.frame, stall=self._limits.stall)
                continue
            small = [header, first.frame]
            for entry in more:
                small += HEADER.pack(entry.sequence, len(entry.frame)), entry.frame
            with trio.fail_after(self._limits.stall):
                await pipe.write(b"".join(small))

    async def _read_acknowledgements(self, reader: PipeReader, kind: LaneKind) -> None:
        while True:
            raw = await reader.header(SEQUENCE.size, seconds=self._limits.stall)
            self._outbox.acknowledge(kind, SEQUENCE.unpack(raw)[0])


def _first_reason(group: BaseExceptionGroup[BaseException]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
