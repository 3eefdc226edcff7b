"""Rounds that have their time, clocks that differ, and operators who have a peer stay away."""

from __future__ import annotations

from dataclasses import dataclass, replace

from peerd.group.rhythm import Rhythm as GroupRhythm
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.operations.operation import Mishap, Operation
from peerd.laboratory.simulation.times import order
from peerd.laboratory.simulation.world import World
from protocols.record.effects import AwaitTime, Effect
from protocols.session.events import Return, Stay


@dataclass(frozen=True)
class Rhythm(Operation):
    """The group's rounds begin every so many seconds."""

    name = "rhythm"
    every: int

    def install(self, world: World) -> None:
        world.rhythm = GroupRhythm(self.every)
        world.setting = replace(world.setting, paced=True)
        before = world.before

        def counted(node: Node, effect: Effect) -> None:
            before(node, effect)
            world.faults[self.name] += isinstance(effect, AwaitTime)

        world.before = counted


@dataclass(frozen=True)
class Skew(Operation):
    """A peer's clock shows so many milliseconds too much, or too little. It keeps nobody from
    anything: it is no victim.
    """

    name = "skew"
    peer: int
    milliseconds: int

    def install(self, world: World) -> None:
        world.faults[self.name] += 1
        world.nodes[self.peer].skew = self.milliseconds


@dataclass(frozen=True)
class Pause(Mishap):
    """Its operator has it stay away from ``begin`` on, and take part again at ``until``; 0: never.

    Is it paused in the middle of a round it finishes that.
    """

    name = "pause"
    begin: int
    until: int

    @property
    def end(self) -> int:
        return max(self.begin, self.until)

    def install(self, world: World) -> None:
        node = world.nodes[self.peer]
        self.happens(world, self.begin, lambda: order(world, node, Stay()))
        if self.until:
            world.happen(self.until, lambda: order(world, node, Return()))
