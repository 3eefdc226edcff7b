"""The session's timers, in one task: a task and a deadline for each cost the event loop more."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Awaitable, Callable

import trio

from protocols.record.effects import Timer

Ring = Callable[[Timer], Awaitable[None]]


class Alarms:
    """On trio's clock, which nobody sets."""

    def __init__(self) -> None:
        self._set: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()  # of two that are due at once, the first that was set
        self._earlier = trio.Event()

    def set(self, timer: Timer) -> None:
        due = trio.current_time() + timer.delay / 1000
        if not self._set or due < self._set[0][0]:
            self._earlier.set()
        heapq.heappush(self._set, (due, next(self._numbers), timer))

    async def run(self, ring: Ring) -> None:
        """Rings each when it is due, one after the other, until cancelled."""
        while True:
            self._earlier = trio.Event()
            due = self._set[0][0] if self._set else trio.current_time() + 3600
            with trio.move_on_at(due):
                await self._earlier.wait()
            while self._set and self._set[0][0] <= trio.current_time():
                await ring(heapq.heappop(self._set)[2])
