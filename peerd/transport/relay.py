"""What a member that relays does: it carries circuits between members of its group.

libp2p's own relay (``libp2p.relay.circuit_v2.protocol``, 0.8.1) is not used. It has room for four
peers; a circuit ends after an hour, a gibibyte, or a write that waits 15 s; of two circuits of one
peer the end of either closes the other (``_active_relays`` has one entry a peer); a reservation is
made for whichever peer the message names (``_handle_reserve``); and where a bound is met a message
of its own goes into the carried bytes (``_relay_data``). docs/upstream reports the last three.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
import trio
from libp2p.abc import INetStream

from peerd.transport.circuit import Answer, OpenTo
from peerd.transport.errors import Unreachable
from peerd.transport.frame_wire import PIECE, Pipe, PipeReader
from peerd.transport.limits import Limits
from peerd.transport.links import relay_behind
from peerd.transport.names import PUBLIC_BYTES, public_key, short
from peerd.transport.sender import STREAM_ERRORS

log = structlog.get_logger(__name__)


class Relay:
    """Bounds, each of ``Limits``: circuits in all, of one member, and of one pair; bytes a second
    of a circuit, whose reader waits; seconds without a byte. What is held of a circuit is at most a
    window and a piece in each direction.
    """

    def __init__(self, open_to: OpenTo, limits: Limits) -> None:
        self._open_to = open_to
        self._limits = limits
        self._members: Counter[bytes] = Counter()
        self._pairs: Counter[frozenset[bytes]] = Counter()

    async def handle(self, stream: INetStream) -> None:
        """The stream handler: a member asks for another one. No circuit goes through a circuit."""
        source = public_key(stream.muxed_conn.peer_id)
        try:
            if source is not None and relay_behind(stream.muxed_conn) is None:
                await self._serve(source, stream)
        except* STREAM_ERRORS as group:
            log.debug("a circuit broke off", reason=str(group.exceptions[0]))
        finally:
            with trio.CancelScope(shield=True):
                await stream.close()

    async def _serve(self, source: bytes, stream: INetStream) -> None:
        pipe: Pipe = stream.muxed_stream  # type: ignore[attr-defined]
        limits = self._limits
        target = await PipeReader(pipe).payload(
            PUBLIC_BYTES, stall=limits.request_read, slowest=limits.slowest
        )
        if source == target or not self._has_room(source, target):
            await _answer(pipe, Answer.BUSY, limits)
            return
        with self._counted(source, target):
            try:
                far = await self._open_to(target, "circuit")
            except (Unreachable, ValueError):
                await _answer(pipe, Answer.ABSENT, limits)
                return
            try:
                await _answer(pipe, Answer.OK, limits)
                await self._carry(source, target, pipe, far)
            finally:
                with trio.CancelScope(shield=True):
                    await far.close()

    async def _carry(self, source: bytes, target: bytes, pipe: Pipe, far: INetStream) -> None:
        other: Pipe = far.muxed_stream  # type: ignore[attr-defined]
        ends = {"source": short(source), "target": short(target)}
        log.info("a circuit begins", **ends)
        carried: Counter[str] = Counter()
        try:
            async with trio.open_nursery() as nursery:

                async def one_way(name: str, reader: Pipe, writer: Pipe) -> None:
                    await self._pump(name, reader, writer, carried)
                    nursery.cancel_scope.cancel()

                nursery.start_soon(one_way, "there", pipe, other)
                nursery.start_soon(one_way, "back", other, pipe)
        finally:
            log.info("a circuit ended", **ends, there=carried["there"], back=carried["back"])

    async def _pump(self, name: str, reader: Pipe, writer: Pipe, carried: Counter[str]) -> None:
        limits = self._limits
        try:
            while True:
                with trio.fail_after(limits.circuit_idle):
                    piece = await reader.read(PIECE)
                with trio.fail_after(limits.stall):
                    await writer.write(piece)
                carried[name] += len(piece)
                await trio.sleep(len(piece) / limits.circuit_rate)
        except STREAM_ERRORS:
            return  # of one end: then the other one's is over as well

    def _has_room(self, source: bytes, target: bytes) -> bool:
        limits = self._limits
        return (
            self._pairs.total() < limits.circuits
            and self._pairs[frozenset((source, target))] < limits.circuits_per_pair
            and max(self._members[source], self._members[target]) < limits.circuits_per_member
        )

    @contextmanager
    def _counted(self, source: bytes, target: bytes) -> Iterator[None]:
        pair = frozenset((source, target))
        self._pairs[pair] += 1
        self._members.update(pair)
        try:
            yield
        finally:
            self._pairs -= Counter((pair,))
            self._members -= Counter(pair)


async def _answer(pipe: Pipe, answer: Answer, limits: Limits) -> None:
    with trio.fail_after(limits.request_read):
        await pipe.write(bytes((answer,)))
