"""Frames on a stream: ``/peerd/1/frames/<group>``.

The sender opens the stream and writes a hello: the lane (1 byte) and its session (16 bytes, new
in every process). The receiver answers with the last sequence number that it has of this session
and lane (8 bytes). Then frames flow one way, each a sequence number (8 bytes), a length (4 bytes)
and the payload, and acknowledgements the other way, each a sequence number (8 bytes) that stands
for all up to it. Integers are big-endian.
"""

from __future__ import annotations

import struct
from typing import Protocol

import trio

SESSION_BYTES = 16
HELLO = struct.Struct(f"!B{SESSION_BYTES}s")
HEADER = struct.Struct("!QI")
SEQUENCE = struct.Struct("!Q")
PIECE = 256 * 1024


class Pipe(Protocol):
    """The part of a stream that reading and writing frames needs."""

    async def read(self, n: int | None = None) -> bytes: ...
    async def write(self, data: bytes) -> None: ...


class PipeReader:
    """Reads messages from a pipe. Small ones share a read and need no deadline of their own."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._buffer = bytearray()  # at most one PIECE more than a message needs

    async def exactly(self, size: int, *, seconds: float) -> bytes:
        """``size`` bytes within ``seconds``. Raises trio.TooSlowError, or the stream's error."""
        if len(self._buffer) < size:
            with trio.fail_after(seconds):
                await self._fill(size)
        return self._take(size)

    async def payload(self, size: int, *, stall: float, slowest: int) -> bytes:
        """A frame's payload, kept in the pieces in which it comes: memory follows the bytes.

        Raises trio.TooSlowError when no piece comes for ``stall`` seconds, or when the whole is
        slower than ``slowest`` bytes per second.
        """
        pieces = [self._take(min(size, len(self._buffer)))]
        missing = size - len(pieces[0])
        if not missing:
            return pieces[0]
        with trio.fail_after(stall + size / slowest):
            while missing:
                with trio.fail_after(stall):
                    piece = await self._pipe.read(min(missing, PIECE))
                pieces.append(piece)
                missing -= len(piece)
        return b"".join(pieces)

    async def _fill(self, size: int) -> None:
        while len(self._buffer) < size:
            self._buffer += await self._pipe.read(PIECE)

    def _take(self, size: int) -> bytes:
        with memoryview(self._buffer) as view:
            taken = bytes(view[:size])
        del self._buffer[:size]
        return taken


async def write_payload(pipe: Pipe, header: bytes, payload: bytes, *, stall: float) -> None:
    """Header and payload, with a deadline on the progress of each piece."""
    with trio.fail_after(stall):
        await pipe.write(header + payload[: PIECE - len(header)])
    for start in range(PIECE - len(header), len(payload), PIECE):
        with trio.fail_after(stall):
            await pipe.write(payload[start : start + PIECE])
