"""What all faults have in common: whom they take, whom they keep from others, and until when."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import ClassVar

from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.world import World


class OperationError(ValueError):
    """An operation that can't be read, or that this group can't have."""


@dataclass(frozen=True)
class Operation:
    """``victims`` are honest peers that it may keep from others for a time; ``traitors`` peers
    that it takes from the honest; after ``end`` it does nothing more.
    """

    name: ClassVar[str]

    @property
    def victims(self) -> frozenset[int]:
        return frozenset()

    @property
    def traitors(self) -> frozenset[int]:
        return frozenset()

    @property
    def end(self) -> int:
        return 0

    def install(self, world: World) -> None:
        raise NotImplementedError

    def __str__(self) -> str:
        values = [getattr(self, item.name) for item in fields(self)]
        return " ".join([self.name, *map(_shown, values)])

    def luck(self, world: World) -> random.Random:
        return random.Random(f"{world.seed}/{self}")

    # -- what operations change in a world -----------------------------------------------------

    def loses(self, world: World, mine: Callable[[int, int, bytes], bool]) -> None:
        """Messages are lost where ``mine`` says so, too."""
        inner = world.drop

        def both(sender: int, to: int, data: bytes) -> bool:
            lost, here = inner(sender, to, data), mine(sender, to, data)
            world.faults[self.name] += here
            return lost or here

        world.drop = both

    def hears(self, world: World, mine: Callable[[int, int, bytes], None]) -> None:
        """``mine`` is told of every message, and none is lost."""
        inner = world.drop

        def heard(sender: int, to: int, data: bytes) -> bool:
            lost = inner(sender, to, data)
            mine(sender, to, data)
            return lost

        world.drop = heard

    def delays(self, world: World, mine: Callable[[int, int], int | None]) -> None:
        """The slowest of all delays that operations ask for a message holds."""
        inner = world.delay

        def slowest(sender: int, to: int, data: bytes) -> int | None:
            known = [d for d in (inner(sender, to, data), mine(sender, to)) if d is not None]
            return max(known, default=None)

        world.delay = slowest

    def repeats(self, world: World, sender: int, to: int, data: bytes, later: int) -> None:
        """One message more: the same bytes, so much later."""
        world.faults[self.name] += 1
        world.at(world.nodes[to], later, lambda session: session.on_message(sender, data))

    def happens(self, world: World, at: int, act: Callable[[], None]) -> None:
        """``act`` at a virtual time, and counted."""

        def counted() -> None:
            world.faults[self.name] += 1
            act()

        world.happen(at, counted)

    def kills(self, world: World, node: Node, back: int) -> None:
        """The process ends, and starts again ``back`` ms later; 0: never."""
        if node.session is None:
            return
        world.faults[self.name] += 1
        world.crash(node)
        if back:
            world.happen(world.now + back, lambda: world.boot(node))


def _shown(value: int | str | tuple[int, ...]) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


@dataclass(frozen=True)
class Betrayal(Operation):
    """One peer is not honest."""

    peer: int

    @property
    def traitors(self) -> frozenset[int]:
        return frozenset({self.peer})

    def install(self, world: World) -> None:
        world.nodes[self.peer].honest = False


@dataclass(frozen=True)
class Mishap(Operation):
    """Something befalls one honest peer."""

    peer: int

    @property
    def victims(self) -> frozenset[int]:
        return frozenset({self.peer})


@dataclass(frozen=True)
class Mishaps(Operation):
    """Something befalls several honest peers at once."""

    side: tuple[int, ...]

    @property
    def victims(self) -> frozenset[int]:
        return frozenset(self.side)
