"""Runs in which operators order something, for the oracle to judge: attack(seed) raises."""

from __future__ import annotations

from peerd.laboratory.adversaries import ALL
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.operations import Handover, Rest
from peerd.laboratory.simulation.operations.operators import draft
from peerd.laboratory.simulation.world import World
from protocols.session.events import Approval
from protocols.version import EARLIEST, LATEST
from protocols.wire.payloads import Act
from tests.mutation.attacks import Attack
from tests.simulation.oracle import Watch, check, check_records
from tests.simulation.swarm import FOUR, swarm
from tests.simulation.test_budget import budgeted

END = 400_000
"""Virtual milliseconds within which every run here ends, or rests for good."""


def _judged(world: World) -> None:
    """What is not ordered here is not demanded: that liars are named."""
    watch = Watch(world)
    world.run(until=END)
    check_records(world, watch)
    check(world, unknown_inputs=[node.index for node in world.nodes if node.lying])


def _group(seed: int, liar: str | None, rounds: int) -> World:
    lies = {} if liar is None else {seed % 4: ALL[liar]}
    sizes = {"rounds": rounds, "parameters": 3}
    # Where all sit, only the earliest version has a flip that silence voids.
    version = EARLIEST if liar == "SilentRevealer" else LATEST
    return swarm(FOUR, 1, seed=seed, lies=lies, traced=False, version=version, **sizes)


def approving(
    liar: str | None, act: Act, *, willing: int, first: int = 0, last: int = 99
) -> Attack:
    """So many honest operators approve this in these rounds: too few, or in none of those that are
    played; or a pause that nobody ends.
    """

    def attack(seed: int) -> None:
        world = _group(seed, liar, 5)
        world.wakes = False
        named = draft(0) if act is Act.HANDOVER else b""
        for node in [node for node in world.nodes if node.honest][:willing]:
            _orders(world, node, 1, Approval(act, named, first, last))
        _judged(world)

    return attack


def _orders(world: World, node: Node, at: int, approval: Approval) -> None:
    world.happen(at, lambda: world.act(node, lambda peer: peer.on_order(approval)))


def resting(liar: str | None, *, begin: int = 1) -> Attack:
    """All operators order a pause, and later that the group goes on."""

    def attack(seed: int) -> None:
        world = _group(seed, liar, 5)
        Rest(begin, 500).install(world)
        _judged(world)

    return attack


def spent(liar: str) -> Attack:
    """A group whose budget is two rounds, and that is handed over behind them."""

    def attack(seed: int) -> None:
        world = budgeted(2, seed=seed, lies={seed % 4: ALL[liar]}, traced=False)
        Handover(60_000, 0, 100, 0).install(world)
        _judged(world)

    return attack


def woken_by_one(seed: int) -> None:
    """A group rests for good, but for one operator."""
    world = _group(seed, None, 3)
    Rest(1, 0).install(world)
    _orders(world, world.nodes[seed % 4], 60_000, Approval(Act.RESUME))
    _judged(world)
