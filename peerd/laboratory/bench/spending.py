"""What each peer of a simulated group spends in each round, measured around its events.

Peers that share a process would share a memory, too, and all but one get for nothing what one has
verified: here each has its own, as a daemon has.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from statistics import fmean
from typing import TypeVar

from peerd.crypto import Sodium
from peerd.laboratory.simulation.node import Node
from peerd.memory import Remembering
from protocols.aggregation.contract import Reference
from protocols.record.base import Values
from protocols.record.effects import Ask, Step, Timer
from protocols.record.position import Position
from protocols.record.waits import Wait
from protocols.session.events import Approval, Order, Peer, Return, Stay

T = TypeVar("T")


@dataclass
class Spent:
    """``cpu_seconds`` inside a peer's events; ``frames`` that came in, and their ``bytes``;
    ``statements`` decoded and ``signatures`` verified: what a peer remembers is in neither.
    """

    cpu_seconds: float = 0.0
    frames: int = 0
    bytes: int = 0
    signatures: int = 0
    statements: int = 0


def mean(spent: Collection[Spent]) -> dict[str, float]:
    """By name, of at least one."""
    return {each.name: fmean(getattr(one, each.name) for one in spent) for each in fields(Spent)}


class Books:
    """Of a group: by peer and round. They are the group's ``crypto`` and ``memory``, too, which a
    peer calls while it has the turn.
    """

    def __init__(self) -> None:
        self.spent: defaultdict[tuple[int, int], Spent] = defaultdict(Spent)
        self.crypto = Counting(self)
        self._memories: defaultdict[int | None, Remembering] = defaultdict(Remembering)
        self._turn: int | None = None
        self.now = Spent()

    def recall(self, kind: str, key: bytes, compute: Callable[[], T]) -> T:
        """``protocols.ports.Memory``, of the peer that has the turn."""
        if kind != "statement":
            return self._memories[self._turn].recall(kind, key, compute)

        def counted() -> T:
            self.now.statements += 1
            return compute()

        return self._memories[self._turn].recall(kind, key, counted)

    def around(self, node: Node, peer: Peer) -> Peer:
        """``World.around``."""
        return Metered(self, node, peer)

    @contextmanager
    def turn(self, peer: int, round_: int) -> Iterator[Spent]:
        """What is spent in it is this peer's, in this round."""
        self._turn, self.now = peer, self.spent[peer, round_]
        began = time.process_time()
        try:
            yield self.now
        finally:
            self.now.cpu_seconds += time.process_time() - began
            self._turn, self.now = None, Spent()


class Counting(Sodium):
    """libsodium, and who verified how many signatures."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def verify(self, public: bytes, message: bytes, signature: bytes) -> bool:
        self._books.now.signatures += 1
        return super().verify(public, message, signature)


class Metered:
    """A peer (``protocols.session.events.Peer``), whose events are on the books."""

    def __init__(self, books: Books, node: Node, peer: Peer) -> None:
        self._books = books
        self._node = node
        self._peer = peer

    @property
    def me(self) -> int:
        return self._peer.me

    @property
    def position(self) -> Position:
        return self._peer.position

    @property
    def finished(self) -> bool:
        return self._peer.finished

    def waits(self) -> tuple[Wait, ...]:
        return self._peer.waits()

    def start(self, present: Iterable[int]) -> list[Step]:
        return self._metered(lambda: self._peer.start(present))

    def on_present(self, present: Iterable[int]) -> list[Step]:
        return self._metered(lambda: self._peer.on_present(present))

    def on_connected(self, peer: int) -> list[Step]:
        return self._metered(lambda: self._peer.on_connected(peer))

    def on_update(
        self, round_: int, values: Values, reference: Reference | None = None
    ) -> list[Step]:
        return self._metered(lambda: self._peer.on_update(round_, values, reference))

    def on_timer(self, timer: Timer) -> list[Step]:
        return self._metered(lambda: self._peer.on_timer(timer))

    def on_message(self, sender: int, data: bytes) -> list[Step]:
        return self._metered(lambda: self._peer.on_message(sender, data), data)

    def on_answer(self, ask: Ask, data: bytes) -> list[Step]:
        return self._metered(lambda: self._peer.on_answer(ask, data))

    def on_order(self, order: Order | Approval | Stay | Return) -> list[Step]:
        return self._metered(lambda: self._peer.on_order(order))

    def _metered(self, act: Callable[[], list[Step]], frame: bytes | None = None) -> list[Step]:
        with self._books.turn(self._node.index, self._peer.position.round) as spent:
            if frame is not None:
                spent.frames += 1
                spent.bytes += len(frame)
            return act()
