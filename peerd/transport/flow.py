"""One lane of an outbox on its way into one stream, without a task that waits for each frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from peerd.transport.frame_wire import HEADER, PIECE, SEQUENCE
from peerd.transport.limits import Limits
from peerd.transport.outbox import LaneKind, Outbox
from peerd.transport.repairs.yamux_stream import StrictStream


class Flow:
    """A consumer of a stream: acknowledgements in, and frames out as the peer gives credit."""

    def __init__(self, outbox: Outbox, kind: LaneKind, stream: StrictStream) -> None:
        self.over = trio.Event()
        self._outbox = outbox
        self._kind = kind
        self._stream = stream
        self._acknowledgement = bytearray()
        self._pieces: deque[memoryview] = deque()
        self._in_line = False
        self._progress = trio.current_time()

    # --- called by the stream -----------------------------------------------------------------

    def arrived(self, data: bytes | memoryview) -> None:
        self._stream.give_credit(len(data))
        self._acknowledgement += data
        whole = len(self._acknowledgement) // SEQUENCE.size * SEQUENCE.size
        for (sequence,) in SEQUENCE.iter_unpack(self._acknowledgement[:whole]):
            self._outbox.acknowledge(self._kind, sequence)
        del self._acknowledgement[:whole]

    def credited(self) -> None:
        self.pump()

    def ended(self) -> None:
        self.over.set()

    # --- frames -------------------------------------------------------------------------------

    def flush(self) -> None:
        """Frames that wait leave as far as they can, together."""
        with self._stream.flushing():
            self.pump()

    def pump(self) -> None:
        """Writes until there is nothing more, no credit or no room."""
        while not self._in_line and self._write_one():
            pass

    def _write_one(self) -> bool:
        """One frame of the multiplexer. Whether there may be another."""
        if not self._pieces and not self._load():
            return False
        piece = self._pieces[0]
        written = self._stream.write_some(piece)
        if not written:
            if self._stream.credit and not self.over.is_set():
                self._in_line = True
                self._stream.when_room(self._in_turn)
            return False
        self._progress = trio.current_time()
        if written < len(piece):
            self._pieces[0] = piece[written:]
        else:
            self._pieces.popleft()
        return True

    def _in_turn(self) -> None:
        """There is room. After one frame it is another's turn."""
        self._in_line = False
        if not self.over.is_set() and self._write_one() and self._has_more():
            self._in_line = True
            self._stream.when_room(self._in_turn)

    def _load(self) -> bool:
        """The lane's next frames become bytes; small ones together. Whether there were any."""
        batch = self._outbox.lanes[self._kind].next_batch(PIECE)
        if not batch:
            return False
        first = batch[0]
        if len(batch) == 1 and len(first.frame) > PIECE:
            head = HEADER.pack(first.sequence, len(first.frame))
            self._pieces += memoryview(head), memoryview(first.frame)
            return True
        small: list[bytes] = []
        for entry in batch:
            small += HEADER.pack(entry.sequence, len(entry.frame)), entry.frame
        self._pieces.append(memoryview(b"".join(small)))
        return True

    def _has_more(self) -> bool:
        return bool(self._pieces) or self._outbox.lanes[self._kind].has_work

    # --- until it is over ---------------------------------------------------------------------

    async def run(self, limits: Limits) -> None:
        """Until the stream ends. Raises TooSlowError when the peer takes nothing for long."""
        pause = limits.stall / 4
        since = trio.current_time()  # nothing was to be written before
        while not self.over.is_set():
            if not self._has_more():
                since = trio.current_time()
            elif trio.current_time() - max(since, self._progress) > limits.stall:
                raise trio.TooSlowError
            with trio.move_on_after(pause):
                await self.over.wait()


class Flusher:
    """Flushes the flows that have something to write, once for all that a step has sent."""

    def __init__(self) -> None:
        self._due: dict[Flow, None] = {}
        self._work = trio.Event()
        self._held = False

    def add(self, flow: Flow) -> None:
        self._due[flow] = None
        if not self._held:
            self._work.set()

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is added within is flushed at the end, and wakes no task."""
        outer, self._held = self._held, True
        try:
            yield
        finally:
            self._held = outer
            self._flush()

    async def run(self) -> None:
        while True:
            await self._work.wait()
            self._work = trio.Event()
            self._flush()

    def _flush(self) -> None:
        due, self._due = self._due, {}
        for flow in due:
            flow.flush()
