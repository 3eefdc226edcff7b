"""One question, one answer, on a stream of its own: ``/peerd/1/<purpose>/<group>``.

The request is a length (4 bytes) and the payload; the answer a status (1 byte), a length and the
payload. For what somebody asks for (a certificate, a model, an address book), as opposed to what
the protocol sends by itself.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from enum import IntEnum

import structlog
import trio
from libp2p.abc import INetStream

from peerd.errors import with_kind
from peerd.transport.errors import RequestFailed, Unreachable
from peerd.transport.frame_wire import Pipe, PipeReader, write_payload
from peerd.transport.limits import Limits
from peerd.transport.names import public_key, short
from peerd.transport.sender import STREAM_ERRORS

log = structlog.get_logger(__name__)

LENGTH = struct.Struct("!I")
ANSWER = struct.Struct("!BI")

Handler = Callable[[bytes, bytes], Awaitable[bytes]]


class Status(IntEnum):
    OK = 0
    BUSY = 1  # this peer has as many requests open as it may
    FAILED = 2  # the handler raised, or took too long
    TOO_LARGE = 3
    NOBODY = 4  # no handler yet


class RequestServer:
    """Answers requests with ``handler``. What the handler raises stays here, logged."""

    def __init__(self, limits: Limits, handler: Handler | None = None) -> None:
        self.handler = handler
        self._limits = limits
        self._open: Counter[bytes] = Counter()

    async def handle(self, stream: INetStream) -> None:
        peer = public_key(stream.muxed_conn.peer_id)
        try:
            if peer is not None:
                await self._serve(peer, stream.muxed_stream)  # type: ignore[attr-defined]
                await stream.close()
        except STREAM_ERRORS as error:
            log.debug("a request broke off", error=with_kind(error))
            with trio.CancelScope(shield=True):
                await stream.reset()

    async def _serve(self, peer: bytes, pipe: Pipe) -> None:
        if self._open[peer] >= self._limits.requests_per_peer:
            await self._answer(pipe, Status.BUSY, b"")
            return
        self._open[peer] += 1
        try:
            status, answer = await self._read_and_handle(peer, pipe)
            await self._answer(pipe, status, answer)
        finally:
            self._open[peer] -= 1

    async def _read_and_handle(self, peer: bytes, pipe: Pipe) -> tuple[Status, bytes]:
        limits = self._limits
        reader = PipeReader(pipe)
        with trio.fail_after(limits.request_read):
            raw = await reader.exactly(LENGTH.size, seconds=limits.request_read)
            (length,) = LENGTH.unpack(raw)
            if length > limits.request_bytes:
                return Status.TOO_LARGE, b""
            payload = await reader.exactly(length, seconds=limits.request_read)
        if self.handler is None:
            return Status.NOBODY, b""
        try:
            with trio.fail_after(limits.request_handler):
                answer = await self.handler(peer, payload)
        except Exception as error:  # a boundary: a bad request must not end the daemon
            log.warning(
                "a request handler failed",
                peer=short(peer),
                error=with_kind(error),
            )
            return Status.FAILED, b""
        if len(answer) > limits.response_bytes:
            log.error("an answer beyond its bound", size=len(answer))
            return Status.TOO_LARGE, b""
        return Status.OK, answer

    async def _answer(self, pipe: Pipe, status: Status, answer: bytes) -> None:
        header = ANSWER.pack(status, len(answer))
        await write_payload(pipe, header, answer, stall=self._limits.request_read)


async def ask(
    stream: INetStream, payload: bytes, *, limit: int, seconds: float, limits: Limits
) -> bytes:
    """Sends a request over a fresh stream and returns the answer, at most ``limit`` bytes.

    Raises Unreachable when the stream breaks or ``seconds`` pass, and RequestFailed when the
    peer answers with anything but what was asked for.
    """
    pipe: Pipe = stream.muxed_stream  # type: ignore[attr-defined]
    try:
        with trio.fail_after(seconds):
            await write_payload(pipe, LENGTH.pack(len(payload)), payload, stall=seconds)
            reader = PipeReader(pipe)
            raw = await reader.exactly(ANSWER.size, seconds=seconds)
            number, length = ANSWER.unpack(raw)
            status = _status(number)
            if status is not Status.OK:
                raise RequestFailed(f"the peer answers {status.name}")
            if length > limit:
                raise RequestFailed(f"an answer of {length} bytes, where {limit} are allowed")
            return await reader.payload(length, stall=seconds, slowest=limits.slowest)
    except RequestFailed:
        raise
    except STREAM_ERRORS as error:
        raise Unreachable(f"no answer: {with_kind(error)}") from error
    finally:
        with trio.CancelScope(shield=True):
            await stream.reset()


def _status(number: int) -> Status:
    try:
        return Status(number)
    except ValueError:
        raise RequestFailed(f"the peer answers with the unknown status {number}") from None
