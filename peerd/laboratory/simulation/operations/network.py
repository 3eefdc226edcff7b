"""Messages that are slow, late, lost, repeated, or cut off."""

from __future__ import annotations

from dataclasses import dataclass

from peerd.laboratory.simulation.operations.operation import Mishap, Mishaps, Operation
from peerd.laboratory.simulation.world import World


@dataclass(frozen=True)
class Slow(Operation):
    """Every message takes up to so long: within what the deadlines allow for."""

    name = "slow"
    begin: int
    until: int
    delay: int

    @property
    def end(self) -> int:
        return self.until + self.delay

    def install(self, world: World) -> None:
        luck = self.luck(world)

        def delayed(sender: int, to: int) -> int | None:
            within = self.begin <= world.now < self.until
            world.faults[self.name] += within
            return luck.randint(1, self.delay) if within else None

        self.delays(world, delayed)


@dataclass(frozen=True)
class Late(Mishap):
    """Messages from and to one peer take longer than the deadlines allow for."""

    name = "late"
    begin: int
    until: int
    delay: int

    @property
    def end(self) -> int:
        return self.until + self.delay

    def install(self, world: World) -> None:
        def delayed(sender: int, to: int) -> int | None:
            within = self.begin <= world.now < self.until and self.peer in (sender, to)
            world.faults[self.name] += within
            return self.delay if within else None

        self.delays(world, delayed)


@dataclass(frozen=True)
class Repeat(Operation):
    """Messages come once more, up to so much later."""

    name = "repeat"
    begin: int
    until: int
    percent: int
    later: int

    @property
    def end(self) -> int:
        return self.until + self.later

    def install(self, world: World) -> None:
        luck = self.luck(world)

        def echo(sender: int, to: int, data: bytes) -> None:
            if self.begin <= world.now < self.until and luck.randrange(100) < self.percent:
                self.repeats(world, sender, to, data, luck.randint(1, self.later))

        self.hears(world, echo)


@dataclass(frozen=True)
class Twice(Operation):
    """The message with this number comes once more."""

    name = "twice"
    number: int
    later: int

    def install(self, world: World) -> None:
        count = [0]

        def echo(sender: int, to: int, data: bytes) -> None:
            count[0] += 1
            if count[0] == self.number:
                self.repeats(world, sender, to, data, self.later)

        self.hears(world, echo)


@dataclass(frozen=True)
class Lose(Mishap):
    """The message with this number is lost, and nobody notices: its sender is the victim."""

    name = "lose"
    number: int

    def install(self, world: World) -> None:
        count = [0]

        def lost(sender: int, to: int, data: bytes) -> bool:
            count[0] += sender == self.peer
            return sender == self.peer and count[0] == self.number

        self.loses(world, lost)


@dataclass(frozen=True)
class Drop(Mishap):
    """Messages from and to one peer are lost; then its connections break and are made anew."""

    name = "drop"
    begin: int
    until: int
    percent: int

    @property
    def end(self) -> int:
        return self.until

    def install(self, world: World) -> None:
        luck = self.luck(world)

        def lost(sender: int, to: int, data: bytes) -> bool:
            within = self.begin <= world.now < self.until and self.peer in (sender, to)
            return within and luck.randrange(100) < self.percent

        def reconnect() -> None:
            for node in world.nodes:
                if node.index != self.peer:
                    world.reset(world.nodes[self.peer], node)

        self.loses(world, lost)
        world.happen(self.until, reconnect)


@dataclass(frozen=True)
class Cut(Mishaps):
    """These peers on one side, the others on the other; ``ways`` 1: only what they say is lost."""

    name = "cut"
    begin: int
    until: int
    ways: int

    @property
    def end(self) -> int:
        return self.until

    def install(self, world: World) -> None:
        others = [node.index for node in world.nodes if node.index not in self.side]
        links = [(one, other) for one in self.side for other in others]
        if self.ways == 2:
            links += [(other, one) for one, other in links]
        self.happens(world, self.begin, lambda: world.cut(links))
        world.happen(self.until, lambda: world.heal(links))
