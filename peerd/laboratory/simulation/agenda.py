"""What is still to come in a simulated world: messages and timers of peers, and happenings."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from peerd.laboratory.simulation.node import Node
from protocols.record.effects import Step
from protocols.session.events import Peer

Act = Callable[[Peer], list[Step]]


class Agenda:
    """Virtual milliseconds; what is due at the same time happens in the order of its entry."""

    def __init__(self) -> None:
        self.now = 0
        self._queue: list[tuple[int, int, int, int, Act]] = []
        self._happenings: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def __len__(self) -> int:
        """Messages under way, and timers."""
        return len(self._queue)

    def happen(self, at: int, act: Callable[[], None]) -> None:
        """Something outside all peers, at a virtual time: a crash, a restart, a cut cable."""
        self._count += 1
        heapq.heappush(self._happenings, (at, self._count, act))

    def at(self, node: Node, delay: int, act: Act) -> None:
        """An event of this life of a peer; ``pop`` gives it back, with the life that it is of."""
        self._count += 1
        heapq.heappush(self._queue, (self.now + delay, self._count, node.index, node.lives, act))

    def pop(self) -> tuple[int, int, int, Act]:
        """The next event: when, whose, of which life, and what."""
        at, _, index, life, act = heapq.heappop(self._queue)
        return at, index, life, act

    def catch_up(self) -> bool:
        """Let happen what is due before the next event; whether something is still to come."""
        while self._happenings:
            at, _, act = self._happenings[0]
            if self._queue and self._queue[0][0] < at:
                return True
            heapq.heappop(self._happenings)
            self.now = max(self.now, at)
            act()
        return False
