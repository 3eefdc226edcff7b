"""One lane of one peer, as one stream brings it: bytes in, whole frames out."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import trio

from peerd.transport.errors import TransportError
from peerd.transport.frame_wire import HEADER, SEQUENCE
from peerd.transport.inbox import Delivery, Inbox
from peerd.transport.limits import Limits
from peerd.transport.outbox import LaneKind
from peerd.transport.repairs.yamux_stream import StrictStream

SAVED_SECONDS = 1.0
"""For which an acknowledgement waits for something to go with: a number stands for all frames up to
it, and the sender only waits for it to forget them."""
ACKNOWLEDGEMENT_BYTES = 1 << 20
"""Of frames, after which an acknowledgement is not saved up any longer: the sender holds them."""


class FrameTooLarge(TransportError):
    """A length prefix beyond the bound of its lane, refused before anything is allocated."""


class Incoming:
    """A consumer of a stream. It holds one whole frame at most, what it has of the next one when
    that is the first, and what came behind it: at most a window, since credit is given back as
    bytes become frames.
    """

    def __init__(
        self, peer: bytes, kind: LaneKind, stream: StrictStream, limits: Limits, inbox: Inbox
    ) -> None:
        self.session = b""
        self.delivered = 0
        self.over = trio.Event()
        self.error: Exception | None = None
        """Why it is over, unless the peer has ended it."""
        self.on_duplicate: Callable[[], None] = lambda: None
        self._peer = peer
        self._bound = limits.control_frame if kind is LaneKind.CONTROL else limits.max_frame
        self._stream = stream
        self._limits = limits
        self._inbox = inbox
        self._buffer = bytearray()  # bytes without credit
        self._part = _Part()
        self._front: tuple[int, bytes] | None = None
        self._news = _News()

    def begin(self) -> None:
        """From here on what comes is for this lane."""
        self._stream.ride(self._acknowledge)
        self._stream.hand_over(self)

    # --- called by the stream -----------------------------------------------------------------

    def arrived(self, data: bytes | memoryview) -> None:
        if self.over.is_set():
            return
        self._part.touch()
        if self._part.missing:
            piece, data = data[: self._part.missing], data[self._part.missing :]
            self._stream.give_credit(len(piece))
            if self._part.add(piece):
                self._complete(*self._part.whole())
        self._buffer += data
        self._advance()

    def credited(self) -> None:
        """An acknowledgement that had to wait goes with the next tick."""

    def ended(self) -> None:
        """Whole frames that have come are delivered all the same."""
        if self._front is None:
            self.over.set()

    # --- frames -------------------------------------------------------------------------------

    def take(self) -> Delivery:
        assert self._front is not None
        self.delivered, frame = self._front
        self._front = None
        with self._stream.flushing():
            self._note(len(frame))
            self._advance()
        if self._front is None:
            self._part.restart()
            if self._stream.read_closed:
                self.over.set()
        return self._peer, frame

    def _advance(self) -> None:
        """Makes the next frame of the bytes that are there, unless one still waits."""
        buffer = self._buffer
        while self._front is None and not self._part.missing and len(buffer) >= HEADER.size:
            sequence, length = HEADER.unpack_from(buffer)
            if length > self._bound:
                said = f"{length} bytes announced, the lane takes {self._bound}"
                self.stop(FrameTooLarge(said))
                return
            size = min(len(buffer), HEADER.size + length)
            with memoryview(buffer) as view:
                piece = bytes(view[HEADER.size : size])
            del buffer[:size]
            self._stream.give_credit(size)
            if len(piece) == length:
                self._complete(sequence, piece)
            else:
                self._part.begin(sequence, length, piece)
        self._part.expect(self._front is None and bool(self._part.missing or buffer))

    def _complete(self, sequence: int, frame: bytes) -> None:
        if sequence > self.delivered:
            self._front = sequence, frame
            self._inbox.put(self)
        else:
            self.on_duplicate()
            self._note(len(frame))

    # --- the clock, acknowledgements, the end -------------------------------------------------

    def tick(self) -> None:
        """From time to time: deadlines, and the acknowledgement that was saved up."""
        limits = self._limits
        if self.over.is_set():
            return
        if self._news.is_due():
            with self._stream.flushing():
                self._acknowledge()
        if self._part.is_late(limits) or self._news.is_late(limits):
            self.stop(trio.TooSlowError())

    def _note(self, size: int) -> None:
        self._news.add(size)
        if self._news.size >= ACKNOWLEDGEMENT_BYTES:
            self._acknowledge()

    def _acknowledge(self) -> None:
        """Says what has been delivered, if that is news and the peer lets us say it."""
        if self._news.since is None or self._stream.credit < SEQUENCE.size:
            return
        if self._stream.write_some(memoryview(SEQUENCE.pack(self.delivered))):
            self._news = _News()

    def stop(self, error: Exception | None = None) -> None:
        """Nothing is delivered any more."""
        self.error = self.error or error
        self._inbox.withdraw(self)
        self._stream.ride(None)
        self._front = None
        self._buffer.clear()
        self._part = _Part()
        self.over.set()


class _Part:
    """A frame of which not all has come, and since when.

    It lies in memory once: a buffer that grows as the bytes come becomes the frame.
    """

    def __init__(self) -> None:
        self.missing = 0
        self._sequence = self._length = 0
        self._buffer = BytesIO()
        self._since: float | None = None  # when its first byte came; trio's clock
        self._progress = 0.0

    def begin(self, sequence: int, length: int, piece: bytes) -> None:
        self._sequence, self._length = sequence, length
        self._buffer.write(piece)
        self.missing = length - len(piece)

    def add(self, piece: bytes | memoryview) -> bool:
        """Whether that was the last one."""
        self._buffer.write(piece)
        self.missing -= len(piece)
        return not self.missing

    def whole(self) -> tuple[int, bytes]:
        buffer, self._buffer = self._buffer, BytesIO()
        self._since, self._length = None, 0
        return self._sequence, buffer.getvalue()  # its own bytes: nothing is copied

    def touch(self) -> None:
        self._progress = trio.current_time()

    def restart(self) -> None:
        """The consumer has let us wait, not the peer."""
        self.touch()
        self._since = None if self._since is None else self._progress

    def expect(self, more: bool) -> None:
        """Whether the clock runs: a frame has begun, and its end is the peer's to send."""
        if not more:
            self._since = None
        elif self._since is None:
            self._since = self._progress

    def is_late(self, limits: Limits) -> bool:
        """No byte for ``limits.stall`` seconds, or the whole slower than ``limits.slowest``."""
        if self._since is None:
            return False
        now = trio.current_time()
        longest = limits.stall + self._length / limits.slowest
        return now - self._progress > limits.stall or now - self._since > longest


class _News:
    """What is to be acknowledged: how many bytes of frames, and since when."""

    def __init__(self) -> None:
        self.size = 0
        self.since: float | None = None

    def add(self, size: int) -> None:
        self.size += size
        if self.since is None:
            self.since = trio.current_time()

    def is_due(self) -> bool:
        """Nothing has left for that peer since, with which an acknowledgement would have gone."""
        return self.since is not None and trio.current_time() - self.since >= SAVED_SECONDS

    def is_late(self, limits: Limits) -> bool:
        """The peer has let nothing be said for so long."""
        return self.since is not None and trio.current_time() - self.since > limits.stall
