"""A strict yamux: the same wire format as libp2p's, without faults 3, 4, 6, 7 and 9.

upstream: libp2p/stream_muxer/yamux/yamux.py (0.8.1)

- fault 3, ``Yamux.handle_incoming`` (line 1355) awaits the write lock to send an ACK, so two
  sides that both write bulk wait for each other: here the reader never awaits a write, it posts.
- fault 4, ``YamuxStream.write`` (line 285) gives up after five seconds without credit: here a
  writer waits while the connection lives, and the caller sets the deadline.
- fault 6, ``read_exactly`` gives up after 101 partial reads: frames are parsed as bytes arrive.
- fault 7, lines 1300 and 1525 reset the window to 0 when a peer exceeds it: here that ends the
  connection. Streams have a cap per connection.
- fault 9, a full frame needs two Noise messages: here a frame has at most 65,519 bytes, and small
  frames share a Noise message.

One task reads, one keeps the heartbeat, and one writes what the socket doesn't take at once: frames
that are queued together leave together, from the task that has queued them (``flush``). Cancelling
a stream's reader or writer can't tear a frame, because no wait of theirs is within one.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress

import structlog
import trio
from libp2p.abc import IMuxedConn, IMuxedStream, ISecureConn
from libp2p.connection_types import ConnectionType
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable
from multiaddr import Multiaddr

from peerd.errors import with_kind
from peerd.transport.errors import MuxViolation
from peerd.transport.limits import MuxLimits

from .yamux_queue import Outgoing
from .yamux_stream import StrictStream
from .yamux_wire import (
    ACK,
    DATA,
    FIN,
    GO_AWAY,
    HEADER,
    INITIAL_WINDOW,
    MAX_CREDIT,
    PING,
    RST,
    SYN,
    WINDOW_UPDATE,
    frame,
)

log = structlog.get_logger(__name__)

_CLOSE_GRACE = 1.0  # seconds for the socket to close


class StrictYamux(IMuxedConn):
    initial_credit = INITIAL_WINDOW

    def __init__(self, conn: ISecureConn, peer_id: ID, limits: MuxLimits | None = None) -> None:
        self.secured_conn = conn
        self.peer_id = peer_id
        self.limits = limits or MuxLimits()
        self.on_close: Callable[[], Awaitable[None]] | None = None  # set by SwarmConn
        self.event_started = trio.Event()
        self.event_closed = trio.Event()
        self.bytes_in = 0
        self.rtt: float | None = None
        self.last_heard = trio.current_time()
        self.ended_because = ""
        self._streams: dict[int, StrictStream] = {}
        self._next_id = 1 if conn.is_initiator else 2
        self._peer_streams = 0
        # One slot more than streams can be open, so that send_nowait always finds room.
        self._accepted, self._to_accept = trio.open_memory_channel[StrictStream](
            self.limits.streams + 1
        )
        self._outgoing = Outgoing(conn, self.limits, self._end)
        self._scope = trio.CancelScope()
        self._closing = False
        self._header = bytearray()
        self._body_left = 0
        self._body_stream: StrictStream | None = None
        self._body_flags = 0
        self._heard_since_beat = True
        self._sent_since_beat = False
        self._ping_sent: float | None = None
        self._ping_value = 0

    # --- libp2p's interface -------------------------------------------------------------------

    @property
    def is_initiator(self) -> bool:
        return bool(self.secured_conn.is_initiator)

    @property
    def is_established(self) -> bool:
        return self.event_started.is_set() and not self._closing

    @property
    def is_closed(self) -> bool:
        return self.event_closed.is_set()

    async def start(self) -> None:
        """Runs the connection until it ends. No exception of a connection leaves it (fault 5)."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._guard, self._read_frames)
                    nursery.start_soon(self._guard, self._outgoing.run)
                    nursery.start_soon(self._guard, self._heartbeat)
                    self.event_started.set()
        finally:
            self.event_started.set()
            with trio.CancelScope(shield=True):
                await self._shut_down()

    async def close(self) -> None:
        """Ends the connection and every stream of it. A second call changes nothing."""
        self._end("closed here")
        with trio.CancelScope(shield=True):
            await self._close_socket()
        if not self.event_started.is_set():
            await self._shut_down()

    async def open_stream(self) -> IMuxedStream:
        if self._closing:
            raise MuxedConnUnavailable("the connection is closed")
        await self.wait_for_room()
        stream = StrictStream(self._next_id, self, self.limits.window)
        self._next_id += 2
        self._streams[stream.identifier] = stream
        grant = self.limits.window - INITIAL_WINDOW
        self.post(frame(WINDOW_UPDATE, SYN, stream.identifier, max(grant, 0)))
        return stream

    async def accept_stream(self) -> IMuxedStream:
        try:
            return await self._to_accept.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            raise MuxedConnUnavailable("the connection is closed") from None

    @property
    def security(self) -> str:
        """The protocol that the connection's two ends have agreed on its keys by."""
        return str(getattr(self.secured_conn, "negotiated_security_protocol", ""))

    def get_remote_address(self) -> tuple[str, int] | None:
        return self.secured_conn.get_remote_address()

    def get_transport_addresses(self) -> list[Multiaddr]:
        return self.secured_conn.get_transport_addresses()

    def get_connection_type(self) -> ConnectionType:
        return self.secured_conn.get_connection_type()

    # --- for the streams ----------------------------------------------------------------------

    @property
    def bytes_out(self) -> int:
        return self._outgoing.bytes_out

    def queue(self, data: bytes) -> None:
        """A frame of data. The caller has waited for room."""
        self._sent_since_beat = True
        self._outgoing.append(data)

    def post(self, data: bytes) -> None:
        """A frame without payload, which must not wait: the reader task posts too (fault 3).

        A peer that makes us owe it replies and never reads them loses its connection.
        """
        self._outgoing.post(data)

    async def wait_for_room(self) -> None:
        await self._outgoing.wait_for_room()

    @property
    def has_room(self) -> bool:
        return self._outgoing.has_room

    def when_room(self, callback: Callable[[], None]) -> None:
        self._outgoing.when_room(callback)

    @property
    def riders(self) -> dict[object, Callable[[], None]]:
        return self._outgoing.riders

    def flushing(self) -> AbstractContextManager[None]:
        return self._outgoing.flushing()

    def forget_if_finished(self, stream: StrictStream) -> None:
        if not stream.finished or self._streams.get(stream.identifier) is not stream:
            return
        del self._streams[stream.identifier]
        if not self._is_ours(stream.identifier):
            self._peer_streams -= 1

    # --- tasks --------------------------------------------------------------------------------

    async def _guard(self, task: Callable[[], Awaitable[None]]) -> None:
        """The boundary between a connection and the host: whatever fails ends the connection."""
        try:
            await task()
            self._end("the peer closed it")
        except Exception as error:
            self._end(with_kind(error))

    async def _read_frames(self) -> None:
        while chunk := await self.secured_conn.read(None):
            self.bytes_in += len(chunk)
            self.last_heard = trio.current_time()
            self._heard_since_beat = True
            with self.flushing():
                self._parse(chunk)

    async def _heartbeat(self) -> None:
        """Lets the peer hear something, and ends a connection on which it has been silent.

        A ping where no data was sent, and now and then to measure the round trip. Counted
        in heartbeats, not seconds: if *this* process was suspended, the reader gets a whole
        heartbeat to find what has arrived meanwhile.
        """
        silent = 0
        for beat in itertools.count():
            if beat % self.limits.measured_heartbeat == 0 or not self._sent_since_beat:
                with self.flushing():
                    self._send_ping((beat + 1) & 0xFFFFFFFF)
            self._heard_since_beat = self._sent_since_beat = False
            await trio.sleep(self.limits.heartbeat)
            silent = 0 if self._heard_since_beat else silent + 1
            if silent >= self.limits.silent_heartbeats:
                raise MuxViolation("the peer fell silent")
            self._reset_lingering()

    def _send_ping(self, value: int) -> None:
        if self._ping_sent is None:  # else the answer to an earlier one is still to come
            self._ping_sent, self._ping_value = trio.current_time(), value
        self.post(frame(PING, SYN, 0, value))

    def _reset_lingering(self) -> None:
        oldest = trio.current_time() - self.limits.linger
        for stream in list(self._streams.values()):
            if stream.write_closed_at < oldest:
                stream.abort()

    # --- incoming frames ----------------------------------------------------------------------

    def _parse(self, chunk: bytes) -> None:
        view = memoryview(chunk)
        while view:
            if self._body_left:
                body, view = view[: self._body_left], view[self._body_left :]
                self._body_left -= len(body)
                if self._body_stream is not None:
                    self._body_stream.receive(body)
                if not self._body_left:
                    self._apply_flags(self._body_stream, self._body_flags)
            else:
                missing = HEADER.size - len(self._header)
                self._header += view[:missing]
                view = view[missing:]
                if len(self._header) == HEADER.size:
                    header = HEADER.unpack(self._header)
                    self._header.clear()
                    self._begin(*header)

    def _begin(self, version: int, kind: int, flags: int, identifier: int, length: int) -> None:
        if version != 0:
            raise MuxViolation(f"yamux version {version}")
        match kind:
            case 0 | 1 if identifier == 0:
                raise MuxViolation("stream 0 is the session")
            case 0:  # DATA
                self._begin_data(flags, identifier, length)
            case 1:  # WINDOW_UPDATE
                stream = self._stream(flags, identifier)
                if stream is not None and length:
                    if stream.credit + length > MAX_CREDIT:
                        raise MuxViolation("a window beyond 4 GiB")
                    stream.receive_credit(length)
                self._apply_flags(stream, flags)
            case 2:  # PING
                self._ping(flags, length)
            case 3:  # GO_AWAY
                raise MuxViolation(f"the peer went away, reason {length}")
            case _:
                raise MuxViolation(f"yamux frame of type {kind}")

    def _begin_data(self, flags: int, identifier: int, length: int) -> None:
        stream = self._stream(flags, identifier)
        allowed = self.limits.window if stream is None else stream.receivable
        if length > allowed:
            raise MuxViolation(f"{length} bytes of data into a window of {allowed}")
        self._body_left, self._body_stream, self._body_flags = length, stream, flags
        if not length:
            self._apply_flags(stream, flags)

    def _stream(self, flags: int, identifier: int) -> StrictStream | None:
        """The stream of a frame. None when it is gone: its last frames may still be on the way."""
        if flags & SYN:
            return self._accept(identifier)
        return self._streams.get(identifier)

    def _accept(self, identifier: int) -> StrictStream | None:
        if self._is_ours(identifier) or identifier in self._streams:
            raise MuxViolation(f"stream {identifier} can't be opened")
        if self._peer_streams >= self.limits.streams:
            self.post(frame(WINDOW_UPDATE, RST, identifier, 0))
            return None
        stream = StrictStream(identifier, self, self.limits.window)
        try:
            self._accepted.send_nowait(stream)
        except trio.WouldBlock:
            self.post(frame(WINDOW_UPDATE, RST, identifier, 0))
            return None
        self._streams[identifier] = stream
        self._peer_streams += 1
        grant = self.limits.window - INITIAL_WINDOW
        self.post(frame(WINDOW_UPDATE, ACK, identifier, max(grant, 0)))
        return stream

    def _apply_flags(self, stream: StrictStream | None, flags: int) -> None:
        if stream is None:
            return
        if flags & FIN:
            stream.receive_fin()
        if flags & RST:
            stream.receive_reset()
        if flags & (FIN | RST):
            self.forget_if_finished(stream)

    def _ping(self, flags: int, value: int) -> None:
        if flags & SYN:
            self.post(frame(PING, ACK, 0, value))
        elif flags & ACK and self._ping_sent is not None and value == self._ping_value:
            self.rtt = trio.current_time() - self._ping_sent
            self._ping_sent = None

    def _is_ours(self, identifier: int) -> bool:
        return identifier % 2 == self._next_id % 2

    # --- the end ------------------------------------------------------------------------------

    def _end(self, reason: str) -> None:
        if self._closing:
            return
        self._closing = True
        self.ended_because = reason
        self._scope.cancel()

    async def _shut_down(self) -> None:
        if self.event_closed.is_set():
            return
        self._closing = True
        self.event_closed.set()
        self._accepted.close()
        for stream in list(self._streams.values()):
            stream.receive_reset()
        self._streams.clear()
        self._outgoing.close()
        await self._close_socket()
        log.debug("connection ended", peer=str(self.peer_id)[-8:], reason=self.ended_because)
        if self.on_close is not None:
            await self.on_close()

    async def _close_socket(self) -> None:
        with trio.move_on_after(_CLOSE_GRACE), suppress(Exception):
            await self.secured_conn.close()


__all__ = ["DATA", "GO_AWAY", "StrictYamux"]
