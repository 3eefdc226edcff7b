"""One stream of a StrictYamux connection."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

import trio
from libp2p.abc import IMuxedStream
from libp2p.stream_muxer.exceptions import (
    MuxedStreamClosed,
    MuxedStreamEOF,
    MuxedStreamReset,
)

from .yamux_wire import DATA, FIN, MAX_PAYLOAD, RST, WINDOW_UPDATE, frame

if TYPE_CHECKING:
    from .yamux import StrictYamux


class Consumer(Protocol):
    """Is called, by the task that reads the connection, where a reader or a writer would be woken.

    No call may raise or block.
    """

    def arrived(self, data: bytes | memoryview) -> None:
        """Bytes from the peer. They count against the window until ``give_credit``."""

    def credited(self) -> None:
        """More may be written."""

    def ended(self) -> None:
        """A direction, or both: ``read_closed``, ``write_closed``, ``was_reset``."""


class StrictStream(IMuxedStream):
    """A byte stream in each direction with credit-based flow control.

    ``write`` waits for credit as long as the connection lives (the caller sets the deadline), and
    ``read`` gives credit back once half of the window has been consumed, so that at most
    ``window`` unread bytes are ever held (faults 4 and 7 of the library).
    """

    def __init__(self, identifier: int, connection: StrictYamux, window: int) -> None:
        self.identifier = identifier
        self.muxed_conn = connection  # libp2p's name for it
        self._connection = connection
        self._window = window
        self._unread = bytearray()
        self._consumed = 0  # read by the application, credit not yet given back
        self.credit = connection.initial_credit  # what we may still send
        self.receivable = window  # what the peer may still send
        self.read_closed = False
        self.write_closed = False
        self.was_reset = False
        self.write_closed_at = math.inf  # trio's clock
        self._changed = trio.Event()
        self._consumer: Consumer | None = None

    # --- called by the connection -------------------------------------------------------------

    def receive(self, data: bytes | memoryview) -> None:
        """Bytes from the peer; the connection has checked the window."""
        self.receivable -= len(data)
        if self._consumer is not None:
            if not self.was_reset:
                self._consumer.arrived(data)
            return
        if not self.was_reset:
            self._unread += data
        self.notify()

    def receive_credit(self, increment: int) -> None:
        self.credit += increment
        if self._consumer is not None:
            self._consumer.credited()
        self.notify()

    def receive_fin(self) -> None:
        self.read_closed = True
        self._end()

    def receive_reset(self) -> None:
        """The peer gave up. What it had finished sending (FIN before RST) can still be read."""
        self.was_reset = True
        if not self.read_closed:
            self._unread.clear()
        self.read_closed = True
        self.write_closed = True
        self._end()

    def _end(self) -> None:
        if self._consumer is not None:
            self._consumer.ended()
        self.notify()

    def notify(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    @property
    def unread(self) -> int:
        return len(self._unread)

    @property
    def finished(self) -> bool:
        return self.read_closed and self.write_closed

    # --- libp2p's interface -------------------------------------------------------------------

    async def read(self, n: int | None = None) -> bytes:
        """Between 1 and ``n`` bytes (all there are, for None or −1).

        Raises MuxedStreamEOF after the peer's FIN and MuxedStreamReset after a reset.
        """
        await self._wait_until(lambda: bool(self._unread) or self.read_closed)
        if not self._unread:
            if self.was_reset:
                raise MuxedStreamReset("the stream was reset")
            raise MuxedStreamEOF("the peer closed the stream")
        size = len(self._unread) if n is None or n < 0 else min(n, len(self._unread))
        with memoryview(self._unread) as view:
            data = bytes(view[:size])
        del self._unread[:size]
        self.give_credit(size)
        return data

    def give_credit(self, size: int) -> None:
        """The peer may send so many bytes again; it is told when that is half of a window."""
        self._consumed += size
        if self._consumed * 2 >= self._window and not self.read_closed:
            self._connection.post(frame(WINDOW_UPDATE, 0, self.identifier, self._consumed))
            self.receivable += self._consumed
            self._consumed = 0

    async def write(self, data: bytes) -> None:
        """Returns when all of ``data`` is in the connection's bounded queue."""
        view = memoryview(data)
        position = 0
        while position < len(view):
            await self._wait_until(lambda: self.credit > 0 or self.write_closed)
            await self._connection.wait_for_room()
            if self.write_closed:
                error = MuxedStreamReset if self.was_reset else MuxedStreamClosed
                raise error("the stream is closed for writing")
            size = min(self.credit, MAX_PAYLOAD, len(view) - position)
            if size <= 0:  # another task took the credit while this one waited for room
                continue
            self.credit -= size
            piece = view[position : position + size]
            self._connection.queue(frame(DATA, 0, self.identifier, size, piece))
            position += size

    def write_some(self, data: memoryview) -> int:
        """How many bytes of ``data`` are queued without a wait: at most a frame, and perhaps none.

        None while the peer gives no credit or the connection has enough to write (``when_room``).
        """
        size = min(self.credit, MAX_PAYLOAD, len(data))
        if size <= 0 or self.write_closed or not self._connection.has_room:
            return 0
        self.credit -= size
        self._connection.queue(frame(DATA, 0, self.identifier, size, data[:size]))
        return size

    def when_room(self, callback: Callable[[], None]) -> None:
        """Calls it once, in its turn, when the connection has less to write."""
        self._connection.when_room(callback)

    def flushing(self) -> AbstractContextManager[None]:
        """What is written within leaves at its end."""
        return self._connection.flushing()

    def ride(self, callback: Callable[[], None] | None) -> None:
        """Calls it, until another or None takes its place, whenever other frames leave: what it
        writes goes with them."""
        if callback is None:
            self._connection.riders.pop(self, None)
        else:
            self._connection.riders[self] = callback

    def hand_over(self, consumer: Consumer) -> None:
        """From here on nobody reads: what has come, and comes, goes to the consumer."""
        self._consumer = consumer
        unread, self._unread = bytes(self._unread), bytearray()
        if unread:
            consumer.arrived(unread)
        if self.read_closed or self.write_closed:
            consumer.ended()

    async def _wait_until(self, ready: Callable[[], bool]) -> None:
        while not ready():
            await self._changed.wait()

    async def close(self) -> None:
        """Says that we write no more (FIN). Reading goes on until the peer says the same."""
        if not self.write_closed:
            self.write_closed = True
            self.write_closed_at = trio.current_time()
            self._connection.post(frame(WINDOW_UPDATE, FIN, self.identifier, 0))
            self.notify()
        self._connection.forget_if_finished(self)
        await trio.lowlevel.checkpoint()

    async def reset(self) -> None:
        """Ends both directions at once and forgets unread bytes."""
        self.abort()
        await trio.lowlevel.checkpoint()

    def abort(self) -> None:
        if self.was_reset:
            return
        announce = not self.finished
        self.was_reset = self.read_closed = self.write_closed = True
        self._unread.clear()
        if announce:
            self._connection.post(frame(WINDOW_UPDATE, RST, self.identifier, 0))
        self._end()
        self._connection.forget_if_finished(self)

    def set_deadline(self, ttl: int) -> None:
        raise NotImplementedError("use a trio cancel scope around the call")

    def get_remote_address(self) -> tuple[str, int] | None:
        return self._connection.get_remote_address()

    async def __aenter__(self) -> StrictStream:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.close()
