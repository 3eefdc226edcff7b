"""What a group's operators order: that it rests, that it goes on, that a successor takes over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.operations.operation import Operation
from peerd.laboratory.simulation.world import World
from protocols.hashing import digest
from protocols.record.effects import Step
from protocols.record.position import rests
from protocols.session.events import Approval, Peer, Refused
from protocols.wire.payloads import Act

AGAIN = 1_000
"""Milliseconds until an operator whose daemon was down, or refused, tries once more."""
MOST = 600
"""How often one tries."""


def draft(number: int) -> bytes:
    """The successor that a simulated group may have."""
    return digest("simulation/draft", bytes([number]))


class Operator:
    """Of one peer. Tries until its daemon has taken the order and lived to say so, as a person
    would; ``over`` says that there is nothing left to want.
    """

    def __init__(self, world: World, node: Node, over: Callable[[Node], bool]) -> None:
        self._world = world
        self._node = node
        self._over = over
        self._tries = 0

    def want(self, approval: Approval, when: Callable[[Node], bool], at: int) -> None:
        """To order it from ``at`` on, once ``when`` holds."""
        self._world.happen(at, partial(self._try, approval, when))

    def _try(self, approval: Approval, when: Callable[[Node], bool]) -> None:
        world, node = self._world, self._node
        self._tries += 1
        if self._over(node) or self._tries > MOST:
            return
        taken, lives = [False], node.lives
        if node.session is not None and node.frozen <= world.now and when(node):
            world.act(node, partial(_order, approval, taken))
        answered = taken[0] and node.up and node.lives == lives
        if not answered:
            world.happen(world.now + AGAIN, partial(self._try, approval, when))


def _order(approval: Approval, taken: list[bool], peer: Peer) -> list[Step]:
    try:
        steps = peer.on_order(approval)
    except Refused:
        return []
    taken[0] = True
    return steps


@dataclass(frozen=True)
class Rest(Operation):
    """All operators order a pause at ``begin``; each orders that the group goes on when it has seen
    it rest for ``back`` ms, 0: never.
    """

    name = "rest"
    begin: int
    back: int

    @property
    def end(self) -> int:
        return self.begin + self.back

    def install(self, world: World) -> None:
        world.faults[self.name] += 1
        world.wakes &= bool(self.back)
        rested: dict[int, int] = {}

        def ready(node: Node) -> bool:
            if not at_rest(node):
                return False
            since = rested.setdefault(node.index, world.now)
            return world.now >= since + self.back

        for node in _operated(world):
            late = node.index * 37
            Operator(world, node, has_rested).want(Approval(Act.PAUSE), _always, self.begin + late)
            if self.back:
                over = partial(_beyond_rest, world)
                Operator(world, node, over).want(Approval(Act.RESUME), ready, self.begin + late)


@dataclass(frozen=True)
class Handover(Operation):
    """All operators approve a draft at ``begin``, for the rounds ``first`` to ``last``; if they are
    ``split``, every other one approves another.
    """

    name = "handover"
    begin: int
    first: int
    last: int
    split: int

    @property
    def end(self) -> int:
        return self.begin

    def install(self, world: World) -> None:
        world.faults[self.name] += 1
        for node in _operated(world):
            number = node.index % 2 if self.split else 0
            wanted = Approval(Act.HANDOVER, draft(number), self.first, self.last)
            operator = Operator(world, node, self._is_over)
            operator.want(wanted, _always, self.begin + node.index * 37)

    def _is_over(self, node: Node) -> bool:
        position = node.position
        if position is None:
            return False
        return position.ledger.handed_over or position.round > self.last


def at_rest(node: Node) -> bool:
    """Whether its group rests, as this peer has it."""
    position = node.position
    return position is not None and rests(position) and not position.ledger.handed_over


def has_rested(node: Node) -> bool:
    """Whether its group has rested, or has been handed over."""
    return node.position is not None and bool(node.position.ledger.resolved)


def _beyond_rest(world: World, node: Node) -> bool:
    """Whether the group has gone on from its rest, as this peer's disk has it; or never will."""
    position = node.position
    if position is None or not position.ledger.resolved:
        return position is not None and position.round >= world.rounds
    return position.ledger.handed_over or not rests(position)


def _always(node: Node) -> bool:
    return True


def _operated(world: World) -> list[Node]:
    """A silent peer's operator is no better."""
    return [node for node in world.nodes if not node.silent]
