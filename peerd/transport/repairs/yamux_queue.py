"""What a StrictYamux connection has yet to write."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio
from libp2p.abc import ISecureConn
from libp2p.io.exceptions import ConnectionClosedError

from peerd.errors import with_kind
from peerd.transport.limits import MuxLimits

from .noise import NoiseSession
from .yamux_wire import NOISE_PLAINTEXT


class Outgoing:
    """Frames that wait for the socket. Those that are queued together leave together.

    Whoever queues within ``flushing`` writes to the socket himself, as far as that takes it without
    a wait; the rest, and what is queued otherwise, a task writes (``run``).

    Who never waits (``has_room``, ``when_room``) gets half of the queue, in turns, so that who does
    finds room in the other half.
    """

    def __init__(self, conn: ISecureConn, limits: MuxLimits, end: Callable[[str], None]) -> None:
        """``end``: ends the connection, and says why."""
        self._conn = conn
        self._direct = conn if isinstance(conn, NoiseSession) else None
        self._limits = limits
        self._end = end
        self._frames: deque[bytes] = deque()
        self._bytes = 0
        self._control_bytes = 0
        self._work = trio.Event()
        self._flushed_later = False
        self._room = trio.lowlevel.ParkingLot()
        self._turns: deque[Callable[[], None]] = deque()
        self._closed = False
        self.riders: dict[object, Callable[[], None]] = {}
        """Who adds what can wait to what leaves anyway."""
        self.bytes_out = 0

    # --- queueing -----------------------------------------------------------------------------

    def append(self, data: bytes) -> None:
        """A frame of data. The caller has waited for room."""
        if self._closed:
            return
        self._frames.append(data)
        self._bytes += len(data)
        if not self._flushed_later:
            self._work.set()

    def post(self, data: bytes) -> None:
        """A frame without payload, which must not wait (fault 3)."""
        self._control_bytes += len(data)
        if self._control_bytes > self._limits.control:
            self._end("it doesn't read its replies")
        self.append(data)

    @property
    def has_room(self) -> bool:
        return 2 * self._bytes < self._limits.queue

    def when_room(self, callback: Callable[[], None]) -> None:
        """Calls it once, when there is room and its turn has come."""
        self._turns.append(callback)

    async def wait_for_room(self) -> None:
        while self._bytes >= self._limits.queue and not self._closed:
            await self._room.park()
        await trio.lowlevel.checkpoint_if_cancelled()

    def close(self) -> None:
        """What is queued is dropped, and nobody waits for room any more."""
        self._closed = True
        self._frames.clear()
        self._bytes = 0
        self._turns.clear()
        self.riders.clear()
        self._room.unpark_all()

    # --- writing ------------------------------------------------------------------------------

    @contextmanager
    def flushing(self) -> Iterator[None]:
        """What is queued within leaves at its end, in as few messages as hold it."""
        outer, self._flushed_later = self._flushed_later, True
        try:
            yield
            if self._frames and not outer:
                for ride in list(self.riders.values()):
                    ride()
        finally:
            self._flushed_later = outer
            if not outer:
                self._flush()

    def _flush(self) -> None:
        """Gives the socket what it takes at once; the task is woken for the rest."""
        direct = self._direct
        try:
            while self._frames and direct is not None and direct.is_ready:
                batch = self._next_batch()
                direct.write_now(batch)
                self.bytes_out += len(batch)
        except ConnectionClosedError as error:
            self._end(with_kind(error))
        if self._frames or self._room or self._turns or self._is_behind():
            self._work.set()

    async def run(self) -> None:
        """The task. Raises what the connection does, and trio.TooSlowError."""
        while True:
            await self._work.wait()
            self._work = trio.Event()
            self._flush()
            self._offer_room()
            while self._frames or self._is_behind():
                with trio.fail_after(self._limits.write_stall):
                    await self._write_next()
                self._offer_room()

    def _offer_room(self) -> None:
        self._room.unpark_all()
        while self._turns and self.has_room and not self._closed:
            self._turns.popleft()()

    async def _write_next(self) -> None:
        """Waits until the socket has taken what it was given, or one batch more."""
        if self._is_behind():
            assert self._direct is not None
            await self._direct.catch_up()
        else:
            batch = self._next_batch()
            await self._conn.write(batch)
            self.bytes_out += len(batch)

    def _is_behind(self) -> bool:
        return self._direct is not None and self._direct.is_behind

    def _next_batch(self) -> bytes:
        """As many whole frames as fit into one Noise message, at least one."""
        pieces = [self._frames.popleft()]
        size = len(pieces[0])
        while self._frames and size + len(self._frames[0]) <= NOISE_PLAINTEXT:
            pieces.append(self._frames.popleft())
            size += len(pieces[-1])
        self._bytes -= size
        if not self._frames:
            self._control_bytes = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
