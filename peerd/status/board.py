"""What the daemon tells its operator: one set of fields, and a stream of events.

The runner writes; the HTTP server and nobody else reads. Values are JSON: anything else (bytes,
a ``Secret``) is refused with TypeError at the place that tried to publish it, so that a secret
can't reach the status socket by accident.
"""

from __future__ import annotations

import json
import math
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import trio

JsonObject = dict[str, object]

RING_EVENTS = 4096  # events that a late subscriber can still read
SUBSCRIBER_QUEUE = 256  # events that a subscriber may lag behind before it is dropped
MAX_SUBSCRIBERS = 64
MAX_EVENT_BYTES = 256 * 1024  # one event as JSON


class TooManySubscribers(Exception):
    """The board serves MAX_SUBSCRIBERS subscribers already."""


def _copy(fields: JsonObject) -> tuple[JsonObject, int]:
    """A deep copy that is JSON for certain, and its size in bytes. TypeError, ValueError."""
    text = json.dumps(fields, allow_nan=False)
    copied: JsonObject = json.loads(text)
    return copied, len(text)


class StatusBoard:
    """The daemon's public state. Not thread-safe: it belongs to the event loop's thread.

    ``boot`` names this life of the daemon: sequence numbers of events start again with each.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time, boot: str | None = None) -> None:
        self._clock = clock
        self.boot = secrets.token_hex(8) if boot is None else boot
        self._fields: JsonObject = {}
        self._derived: dict[str, Callable[[], object]] = {}
        self._warnings: dict[str, list[str]] = {}
        self._events: deque[JsonObject] = deque(maxlen=RING_EVENTS)
        self._sequence = 0
        self._started = clock()
        self._subscribers: set[trio.MemorySendChannel[JsonObject]] = set()
        self.dropped_subscribers = 0

    def update(self, **fields: object) -> None:
        """Set top-level fields of the status: state, round, attempt, phase, group, peer, …"""
        self._fields.update(_copy(fields)[0])

    def announced(self) -> frozenset[str]:
        """The peer ids of members that have announced that they are away."""
        away = self._fields.get("away")
        return frozenset(away if isinstance(away, dict) else ())

    def derive(self, name: str, read: Callable[[], object]) -> None:
        """A field that is worked out whenever somebody asks, such as seconds that pass."""
        self._derived[name] = read

    def warn(self, about: str, lines: Sequence[str]) -> None:
        """Set what the status warns of ``about``: nothing, or one line for each trouble."""
        self._warnings[about] = list(lines)
        self.update(warnings=[line for each in self._warnings.values() for line in each])

    def publish(self, kind: str, **fields: object) -> None:
        """Append an event; every subscriber gets it, and one whose queue is full is dropped.

        The names ``seq``, ``boot``, ``time`` and ``kind`` are the board's own. ValueError for
        those, for NaN or infinity, and for more than MAX_EVENT_BYTES.
        """
        reserved = {"seq", "boot", "time"} & fields.keys()
        if reserved:
            raise ValueError(f"an event can't set {', '.join(sorted(reserved))}")
        copied, size = _copy(fields)
        if size > MAX_EVENT_BYTES:
            raise ValueError(f"an event of {size} bytes; at most {MAX_EVENT_BYTES}")
        self._sequence += 1
        event = self._stamped(self._sequence, kind) | copied
        self._events.append(event)
        for channel in tuple(self._subscribers):
            try:
                channel.send_nowait(event)
            except (trio.WouldBlock, trio.BrokenResourceError):
                self._drop(channel)

    def recent(self, kind: str) -> list[JsonObject]:
        """The events of one kind that are still kept, in their order."""
        return [event for event in self._events if event["kind"] == kind]

    def _stamped(self, sequence: int, kind: str) -> JsonObject:
        now = self._clock()
        stamp = round(now, 3) if math.isfinite(now) else 0.0
        return {"seq": sequence, "boot": self.boot, "time": stamp, "kind": kind}

    def _drop(self, channel: trio.MemorySendChannel[JsonObject]) -> None:
        self._subscribers.discard(channel)
        channel.close()
        self.dropped_subscribers += 1

    def snapshot(self) -> JsonObject:
        """All fields, with ``boot``, ``uptime_seconds`` and the number of the last event."""
        derived = {name: read() for name, read in self._derived.items()}
        copied, _ = _copy(self._fields | derived)
        uptime = max(0.0, round(self._clock() - self._started, 3))
        return copied | {"boot": self.boot, "uptime_seconds": uptime, "seq": self._sequence}

    @contextmanager
    def subscribe(
        self, since: int | None = None
    ) -> Iterator[trio.MemoryReceiveChannel[JsonObject]]:
        """A channel of events: those after number ``since`` that are still kept, then new ones.

        ``since`` None means only new ones. Where events after ``since`` are no longer kept, the
        first one is ``{"kind": "gap", "missed": count}``. The channel ends when the subscriber
        is dropped for lagging. TooManySubscribers beyond MAX_SUBSCRIBERS.
        """
        if len(self._subscribers) >= MAX_SUBSCRIBERS:
            raise TooManySubscribers
        backlog = [] if since is None else self._after(since)
        send, receive = trio.open_memory_channel[JsonObject](SUBSCRIBER_QUEUE + len(backlog))
        for event in backlog:
            send.send_nowait(event)
        self._subscribers.add(send)
        try:
            with receive:
                yield receive
        finally:
            self._subscribers.discard(send)
            send.close()

    def _after(self, since: int) -> list[JsonObject]:
        first_kept = self._sequence - len(self._events) + 1
        missed = first_kept - 1 - since
        kept = list(self._events)[max(0, since + 1 - first_kept) :]
        if missed <= 0:
            return kept
        return [self._stamped(first_kept - 1, "gap") | {"missed": missed}, *kept]
