"""Circuits: a connection to a member by way of another one, which carries its bytes.

The address ``/p2p/<peer id of the relay>/p2p-circuit`` stands for one. Who dials opens a stream
``/peerd/1/relay/<group>`` to the relay and writes the key (32 bytes) of whom it wants; the relay
answers with a status (1 byte), opens ``/peerd/1/circuit/<group>`` to that member, and hands bytes
from one stream to the other. They are those of an ordinary connection: Noise, which proves who is
at the far end and hides everything else, then yamux.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import IntEnum

import trio
from libp2p.abc import INetStream
from libp2p.exceptions import BaseLibp2pError
from libp2p.io.abc import ReadWriteCloser
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import MuxedStreamEOF

from peerd.transport.errors import TransportError, Unreachable
from peerd.transport.frame_wire import PIECE, Pipe, PipeReader
from peerd.transport.limits import Limits
from peerd.transport.names import libp2p_id, public_key, short


class Answer(IntEnum):
    """What a relay says to whoever asks for a member."""

    OK = 0
    ABSENT = 1  # the relay has no connection of its own to that member
    BUSY = 2  # as many circuits as there may be


class NoCircuit(TransportError):
    """The relay does not lead to the peer; the message says why."""


_WORDS: dict[int, str] = {
    Answer.ABSENT: "the relay is not connected to it itself",
    Answer.BUSY: "the relay carries as many connections as it may",
}


def circuit_address(relay: bytes) -> str:
    """The multiaddr of whoever is reached through this member (32-byte public key)."""
    return f"/p2p/{libp2p_id(relay)}/p2p-circuit"


def relay_of(address: str) -> bytes | None:
    """The public key of the relay in ``/p2p/<peer id>/p2p-circuit``; None for what is no such
    address, or names a key of another kind."""
    match address.split("/"):
        case ["", "p2p", peer_id, "p2p-circuit"]:
            with suppress(ValueError):  # base58
                return public_key(ID.from_base58(peer_id))
    return None


async def ask_for(stream: INetStream, target: bytes, limits: Limits) -> CircuitStream:
    """The circuit to ``target``, over a fresh stream to a relay. Raises NoCircuit."""
    pipe: Pipe = stream.muxed_stream  # type: ignore[attr-defined]
    try:
        with trio.fail_after(limits.request_read):
            await pipe.write(target)
            # No byte beyond the answer: what follows is the far end's, and may come with it.
            (number,) = await PipeReader(pipe).payload(
                1, stall=limits.request_read, slowest=limits.slowest
            )
    except BaseException as error:
        with trio.CancelScope(shield=True):
            await stream.reset()
        if isinstance(error, BaseLibp2pError | trio.TooSlowError):
            raise NoCircuit("the relay breaks off, or does not answer") from error
        raise
    if number != Answer.OK:
        await stream.reset()
        raise NoCircuit(_WORDS.get(number, f"the relay answers with the unknown status {number}"))
    return CircuitStream(stream)


class CircuitStream(ReadWriteCloser):
    """A stream to a relay, as the socket of a connection: ``read(n)`` returns ``n`` bytes, or fewer
    at the end.
    """

    def __init__(self, stream: INetStream) -> None:
        self._pipe: Pipe = stream.muxed_stream  # type: ignore[attr-defined]
        self._stream = stream
        self._buffer = bytearray()
        self._write_lock = trio.Lock()

    async def read(self, n: int | None = None) -> bytes:
        """At least one byte when ``n`` is None. Raises ConnectionClosedError after a reset."""
        await trio.lowlevel.checkpoint()  # a full stream never makes it wait: let others run
        wanted = 1 if n is None else n
        while len(self._buffer) < wanted:
            try:
                self._buffer += await self._pipe.read(PIECE)
            except MuxedStreamEOF:
                break
            except BaseLibp2pError as error:
                raise ConnectionClosedError("the circuit is gone", transport="circuit") from error
        size = len(self._buffer) if n is None else min(n, len(self._buffer))
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    async def write(self, data: bytes) -> None:
        async with self._write_lock:
            try:
                await self._pipe.write(data)
            except BaseLibp2pError as error:
                raise ConnectionClosedError("the circuit is gone", transport="circuit") from error

    async def close(self) -> None:
        """What was written still arrives."""
        await self._stream.close()

    def get_remote_address(self) -> tuple[str, int] | None:
        """None: where the far end is only the relay knows."""
        return None


OpenTo = Callable[[bytes, str], Awaitable[INetStream]]
"""(member, purpose): a stream over the direct connection to it. Raises Unreachable."""


class Circuits:
    """How this peer dials members through others."""

    def __init__(self, open_to: OpenTo, limits: Limits) -> None:
        self._open_to = open_to
        self._limits = limits

    async def open(self, address: str, peer: ID) -> CircuitStream:
        """Raises NoCircuit."""
        relay, target = relay_of(address), public_key(peer)
        if relay is None or target is None or relay == target:
            raise NoCircuit("no member of this group relays there")
        try:
            stream = await self._open_to(relay, "relay")
        except Unreachable as error:
            raise NoCircuit(
                f"this peer has no connection of its own to the relay {short(relay)}, or that one"
                " does not relay (relay = true in its peerd.toml)"
            ) from error
        return await ask_for(stream, target, self._limits)
