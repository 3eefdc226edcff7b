"""Who missed rounds takes part again, whatever its latency up to Δ (fault 91)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from peerd.laboratory.simulation.oracle import check_safety
from peerd.laboratory.simulation.world import World
from tests.simulation.swarm import FOUR, swarm
from tests.tiers import later

AWAY, BEGIN, BACK = 3, 500, 9_500
ROUNDS = 60
WITHIN = 3
"""Rounds that end behind its return without it; the next one has its update."""


def cut(world: World) -> None:
    others = [node.index for node in world.nodes if node.index != AWAY]
    links = [*((AWAY, peer) for peer in others), *((peer, AWAY) for peer in others)]
    world.happen(BEGIN, lambda: world.cut(links))
    world.happen(BACK, lambda: world.heal(links))


def freeze(world: World) -> None:
    """Its connections stay: the others wait for it once, in vain."""
    world.happen(BEGIN, lambda: setattr(world.nodes[AWAY], "frozen", BACK))


def crash(world: World) -> None:
    world.happen(BEGIN, lambda: world.crash(world.nodes[AWAY]))
    world.happen(BACK, lambda: world.boot(world.nodes[AWAY]))


@pytest.mark.parametrize(
    ("others", "latency"), [(200, 300), *later([(10, 300), (10, 1000), (200, 1000)])]
)
@pytest.mark.parametrize("away", [cut, freeze, crash])
def test_a_peer_that_missed_rounds_is_back_within_three(
    away: Callable[[World], None], others: int, latency: int
) -> None:
    """With commit/8 for whoever was absent before, none of these ever came back."""
    dealt = dealt_since(away, others, latency)
    assert dealt.index(True) <= WITHIN
    assert all(dealt[dealt.index(True) :])


def dealt_since(away: Callable[[World], None], others: int, latency: int) -> list[bool]:
    """Of each round that ended since it returned, whether its update is in the model."""
    world = swarm(FOUR, 1, seed=1, rounds=ROUNDS, parameters=3, traced=False)
    ended: dict[int, int] = {}
    world.delay = lambda sender, to, data: latency if AWAY in (sender, to) else others
    world.after = lambda node, record: ended.setdefault(record.round, world.now) and None
    away(world)
    world.run(until=600_000)
    check_safety(world, away=(AWAY,))
    since = [round_ for round_, at in sorted(ended.items()) if at > BACK]
    return [AWAY in world.nodes[0].completed[round_].dealers for round_ in since]


def test_a_silent_peer_costs_a_deadline_in_eight_rounds() -> None:
    """One that is connected and never commits: the others don't wait for it each time."""
    assert deadlines_waited() <= 3


def deadlines_waited() -> int:
    """In how many of 18 rounds the deadline for commitments passed."""
    world = swarm(FOUR, 1, seed=2, rounds=18, parameters=3, traced=False)
    world.delay = lambda sender, to, data: 10
    world.drop = lambda sender, to, data: sender == AWAY
    world.nodes[AWAY].honest = False
    ended: dict[int, int] = {}
    world.after = lambda node, record: ended.setdefault(record.round, world.now) and None
    world.run(until=600_000)
    times = [ended[round_] for round_ in range(18)]
    commit = world.setting.deadlines.commit
    return sum(later - earlier >= commit for earlier, later in pairwise(times))
