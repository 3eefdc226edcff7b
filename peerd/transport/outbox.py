"""Frames on their way to one peer: kept until the peer says that it has them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

import trio


class LaneKind(IntEnum):
    """Two streams per peer and direction, so that a vote never waits behind a model."""

    CONTROL = 0
    BULK = 1


@dataclass(slots=True)
class Entry:
    sequence: int
    frame: bytes = field(repr=False)


class Lane:
    """One queue of an outbox. Sequence numbers rise; they need not be consecutive."""

    def __init__(self) -> None:
        self._unacknowledged: deque[Entry] = deque()
        self._unsent: deque[Entry] = deque()
        self._something = trio.Event()
        self.on_work: Callable[[], None] | None = None
        """Called when there is a frame to send, by whoever has put it there."""

    def __len__(self) -> int:
        return len(self._unacknowledged) + len(self._unsent)

    def append(self, entry: Entry) -> None:
        self._unsent.append(entry)
        if self.on_work is not None:
            self.on_work()
        else:
            self._something.set()

    def next_batch(self, size: int) -> list[Entry]:
        """The next frames to send: at least one if there is any, and more while they have ``size``
        bytes or less together. They stay in the outbox until acknowledged."""
        if not self._unsent:
            return []
        batch = [self._unsent.popleft()]
        total = len(batch[0].frame)
        while self._unsent and total + len(self._unsent[0].frame) < size:
            batch.append(self._unsent.popleft())
            total += len(batch[-1].frame)
        self._unacknowledged += batch
        return batch

    @property
    def has_work(self) -> bool:
        """Whether there is a frame to send."""
        return bool(self._unsent)

    async def wait_for_work(self) -> None:
        while not self._unsent:
            self._something = trio.Event()
            await self._something.wait()

    def rewind(self) -> None:
        """Everything that is not acknowledged will be sent again, in order."""
        self._unsent.extendleft(reversed(self._unacknowledged))
        self._unacknowledged.clear()
        if self._unsent:
            self._something.set()

    def acknowledge(self, sequence: int) -> int:
        """Forgets the frames up to ``sequence``. The bytes that this frees."""
        freed = 0
        for queue in (self._unacknowledged, self._unsent):
            while queue and queue[0].sequence <= sequence:
                freed += len(queue.popleft().frame)
        return freed

    def oldest(self) -> int | None:
        for queue in (self._unacknowledged, self._unsent):
            if queue:
                return queue[0].sequence
        return None


class Outbox:
    """What one peer has yet to get, bounded in bytes and in frames.

    Beyond a bound the oldest frame is dropped and counted: an absent peer costs no more than
    that, and what it missed long ago is the last thing that it still needs.
    """

    def __init__(self, control_frame: int, max_bytes: int, max_frames: int) -> None:
        self.lanes = {kind: Lane() for kind in LaneKind}
        self.bytes = 0
        self.dropped = 0
        self._control_frame = control_frame
        self._max_bytes = max_bytes
        self._max_frames = max_frames
        self._sequence = 0

    def __len__(self) -> int:
        return sum(len(lane) for lane in self.lanes.values())

    def put(self, frame: bytes) -> int:
        """Queues a frame, in its lane. How many frames had to be dropped for it."""
        self._sequence += 1
        kind = LaneKind.CONTROL if len(frame) <= self._control_frame else LaneKind.BULK
        self.lanes[kind].append(Entry(self._sequence, frame))
        self.bytes += len(frame)
        dropped = 0
        while (self.bytes > self._max_bytes or len(self) > self._max_frames) and len(self) > 1:
            self._drop_oldest()
            dropped += 1
        return dropped

    def acknowledge(self, kind: LaneKind, sequence: int) -> None:
        self.bytes -= self.lanes[kind].acknowledge(sequence)

    def clear(self) -> None:
        for kind in LaneKind:
            self.acknowledge(kind, self._sequence)

    def _drop_oldest(self) -> None:
        heads = {kind: lane.oldest() for kind, lane in self.lanes.items()}
        kind, sequence = min(
            ((kind, head) for kind, head in heads.items() if head is not None),
            key=lambda pair: pair[1],
        )
        self.acknowledge(kind, sequence)
        self.dropped += 1
