"""Peers that are not honest: liars around honest sessions, and peers that are heard oddly."""

from __future__ import annotations

from dataclasses import dataclass

from peerd.laboratory.adversaries import ALL
from peerd.laboratory.adversaries.liar import Lie as Told
from peerd.laboratory.adversaries.lies import LIES
from peerd.laboratory.adversaries.openers import ring_of
from peerd.laboratory.simulation.operations.operation import Betrayal, Operation
from peerd.laboratory.simulation.world import World

LIARS: dict[str, Told] = {**ALL, **LIES}
"""Every lie by its name."""


@dataclass(frozen=True)
class Lie(Betrayal):
    """The peer lies in one role; several lies may add up."""

    name = "lie"
    kind: str

    def install(self, world: World) -> None:
        super().install(world)
        node = world.nodes[self.peer]
        node.lie = (node.lie or Told()) | LIARS[self.kind]
        node.lying = True
        world.faults[f"lie {self.kind}"] += 1


@dataclass(frozen=True)
class Ring(Operation):
    """These know each other: their sums lie on one wrong polynomial, and are heard first."""

    name = "ring"
    peers: tuple[int, ...]

    @property
    def traitors(self) -> frozenset[int]:
        return frozenset(self.peers)

    def install(self, world: World) -> None:
        ring = Told(ring_of(self.peers))
        for peer in self.peers:
            node = world.nodes[peer]
            node.honest, node.lying = False, True
            node.lie = (node.lie or Told()) | ring
        world.faults[self.name] += 1
        self.delays(world, lambda sender, to: 1 if sender in self.peers else None)


@dataclass(frozen=True)
class Silent(Betrayal):
    """Connected, and says nothing at all."""

    name = "silent"

    def install(self, world: World) -> None:
        super().install(world)
        world.nodes[self.peer].silent = True
        world.faults[self.name] += 1


@dataclass(frozen=True)
class Rush(Betrayal):
    """Hears everything at once, and is heard last."""

    name = "rush"
    delay: int

    def install(self, world: World) -> None:
        super().install(world)
        world.faults[self.name] += 1

        def delayed(sender: int, to: int) -> int | None:
            return self.delay if sender == self.peer else 1 if to == self.peer else None

        self.delays(world, delayed)


@dataclass(frozen=True)
class Choosy(Betrayal):
    """Never says anything to some peers."""

    name = "choosy"
    shunned: tuple[int, ...]

    def install(self, world: World) -> None:
        super().install(world)
        self.loses(world, lambda sender, to, data: sender == self.peer and to in self.shunned)


@dataclass(frozen=True)
class Fickle(Betrayal):
    """Says only part of what it has to say: every message is lost with this probability."""

    name = "fickle"
    percent: int

    def install(self, world: World) -> None:
        super().install(world)
        luck = self.luck(world)

        def lost(sender: int, to: int, data: bytes) -> bool:
            return sender == self.peer and luck.randrange(100) < self.percent

        self.loses(world, lost)
