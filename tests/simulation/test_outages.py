"""All lose power at once, between two effects of a step: the round goes on (fault 98).

A decided cohort is the only one that is opened: what its members said of it must be on their disks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count

import pytest

from peerd.laboratory.simulation.groups import GROUPS, Group
from peerd.laboratory.simulation.node import DiskFailed, Node
from peerd.laboratory.simulation.operations import Outage
from peerd.laboratory.simulation.operations.operation import Mishaps
from peerd.laboratory.simulation.scenario import Scenario, Verdict, run
from peerd.laboratory.simulation.world import World
from protocols.record.effects import Effect, Send
from tests.tiers import later

GROUP = GROUPS[0][1]
DRAWN = GROUPS[4][1]
"""Six peers, of which the coin seats four."""
ROUNDS = 2
SEEDS = (0, *later([1]))
LEAST = 100
"""Effects of one peer in two rounds: fewer, and the test cut nowhere."""
POINTS = 300
"""Persists and sends of all peers in one round: fewer, and the test cut nowhere."""


@dataclass(frozen=True)
class Everywhere(Mishaps):
    """These peers go down at once ahead of the persist, or of the recipient of a message, with this
    number, whoever's it is; secrets that are drawn are persists.
    """

    name = "everywhere"
    point: int
    back: int

    def install(self, world: World) -> None:
        before, handing, write, points = world.before, world.handing, world.write, count(1)

        def at_point() -> bool:
            if next(points) != self.point:
                return False
            for turn, peer in enumerate(self.side):
                self.kills(world, world.nodes[peer], self.back + turn)
            return True

        def at_effect(node: Node, effect: Effect) -> None:
            before(node, effect)
            if isinstance(effect, Send):
                at_point()

        def at_recipient(node: Node, turn: int) -> None:
            handing(node, turn)
            if turn:
                at_point()

        def at_write(node: Node, key: str) -> None:
            write(node, key)
            if at_point():
                raise DiskFailed(key)

        world.before, world.handing, world.write = at_effect, at_recipient, at_write


def goes_on(group: Group, seed: int, rounds: int, outages: Iterable[Mishaps]) -> Verdict:
    """One model a round, nobody blamed, nothing signed twice, and all rounds complete."""
    outages = tuple(outages)
    verdict = run(Scenario(seed, group, rounds, outages))
    assert not verdict.rule, (outages, verdict.what)
    assert verdict.outcomes["completed"] == rounds, (outages, verdict.outcomes)
    assert not verdict.outcomes["blamed"], (outages, verdict.outcomes)
    assert not [name for name in verdict.outcomes if name.startswith("stopped")], outages
    return verdict


def cut(seed: int, numbers: Iterable[int]) -> Verdict:
    """Ahead of these effects of a peer, everybody goes down."""
    peer, everybody = seed % GROUP.peers, tuple(range(GROUP.peers))
    return goes_on(GROUP, seed, ROUNDS, (Outage(everybody, peer, n, 100) for n in numbers))


@pytest.mark.parametrize("seed", SEEDS)
def test_everybody_loses_power_ahead_of_any_effect(seed: int) -> None:
    """Every third: two seeds, and so two peers, meet other places in a step."""
    for number in count(1 + seed, 3):
        if not cut(seed, [number]).faults["outage"]:
            break
    assert number > LEAST


@pytest.mark.parametrize("seed", SEEDS)
def test_and_again_and_again(seed: int) -> None:
    """Four times, each so many effects behind the one before."""
    for number in range(3 + seed, LEAST // 4 + 20, 4):
        cut(seed, [number * turn for turn in range(1, 5)])


def points(group: Group, step: int) -> int:
    """Cuts at every ``step``-th persist and send of a round; how many there are."""
    everybody, point = tuple(range(group.peers)), 1
    while goes_on(group, 0, 1, [Everywhere(everybody, point, 100)]).faults["everywhere"]:
        point += step
    return point


@pytest.mark.parametrize("group", [GROUP, DRAWN], ids=["all sit", "drawn"])
def test_everybody_loses_power_at_some_persists_and_sends(group: Group) -> None:
    assert points(group, 89) > POINTS


@pytest.mark.acceptance
@pytest.mark.parametrize("group", [GROUP, DRAWN], ids=["all sit", "drawn"])
def test_everybody_loses_power_at_every_persist_and_send_of_a_round(group: Group) -> None:
    assert points(group, 1) > POINTS
