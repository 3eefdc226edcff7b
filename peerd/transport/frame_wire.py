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

from peerd.transport.errors import TransportError

SESSION_BYTES = 16
HELLO = struct.Struct(f"!B{SESSION_BYTES}s")
HEADER = struct.Struct("!QI")
SEQUENCE = struct.Struct("!Q")
PIECE = 256 * 1024


class Pipe(Protocol):
    """The part of a stream that reading and writing frames needs."""

    async def read(self, n: int | None = None) -> bytes: ...
    async def write(self, data: bytes) -> None: ...


class FrameTooLarge(TransportError):
    """A length prefix beyond the bound of its lane, refused before anything is allocated."""


async def read_exactly(pipe: Pipe, size: int, *, seconds: float) -> bytes:
    """``size`` bytes within ``seconds``. Raises trio.TooSlowError, or the stream's error."""
    with trio.fail_after(seconds):
        return await _collect(pipe, size, [])


async def read_header(pipe: Pipe, size: int, *, seconds: float) -> bytes:
    """Like ``read_exactly``, but the clock starts with the first byte: a stream may be idle."""
    first = await pipe.read(size)
    if len(first) == size:
        return first
    with trio.fail_after(seconds):
        return await _collect(pipe, size - len(first), [first])


async def read_payload(pipe: Pipe, size: int, *, stall: float, slowest: int) -> bytes:
    """A frame's payload, kept in the pieces in which it comes: memory follows the bytes.

    Raises trio.TooSlowError when no piece comes for ``stall`` seconds, or when the whole is
    slower than ``slowest`` bytes per second.
    """
    pieces: list[bytes] = []
    missing = size
    with trio.fail_after(stall + size / slowest):
        while missing:
            with trio.fail_after(stall):
                piece = await pipe.read(min(missing, PIECE))
            pieces.append(piece)
            missing -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def write_payload(pipe: Pipe, header: bytes, payload: bytes, *, stall: float) -> None:
    """Header and payload, with a deadline on the progress of each piece."""
    with trio.fail_after(stall):
        await pipe.write(header + payload[: PIECE - len(header)])
    for start in range(PIECE - len(header), len(payload), PIECE):
        with trio.fail_after(stall):
            await pipe.write(payload[start : start + PIECE])


async def _collect(pipe: Pipe, missing: int, pieces: list[bytes]) -> bytes:
    while missing:
        piece = await pipe.read(missing)
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
