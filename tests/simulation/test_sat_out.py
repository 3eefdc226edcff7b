"""A peer that sits out the group's last round learns its result all the same (faults 42, 47)."""

from __future__ import annotations

import pytest

from peerd.laboratory.simulation.world import World
from protocols.plan import CommitteePlan
from protocols.session.standing import sat_out_key
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import FOUR, NINE, swarm

ROUNDS = 3


@pytest.mark.parametrize("cut_off", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("plan", "liars"), [(FOUR, 1), (NINE, 2)])
def test_the_last_round_reaches_who_sits_it_out(
    plan: CommitteePlan, liars: int, seed: int, cut_off: bool
) -> None:
    """``cut_off``: from everybody while it ended, so that no RESULT of it came here."""
    world = swarm(plan, liars, seed=seed, rounds=ROUNDS, traced=False)
    Watch(world)
    node = world.nodes[0]
    world.happen(1, lambda: world.crash(node))
    links = [link for other in range(1, plan.committee) for link in ((0, other), (other, 0))]
    after = world.after

    def back(other: object, record: object) -> None:
        after(other, record)  # type: ignore[arg-type]
        if node.session is None and rounds_done(world) == ROUNDS - 1:
            world.happen(world.now + 300, lambda: sit_out(world))
            if cut_off:
                world.happen(world.now + 900, lambda: world.cut(links))
                world.happen(world.now + 60_000, lambda: world.heal(links))

    world.after = back
    world.run(until=600_000)
    check(world, guilty=(), away=frozenset({0}))
    assert all(ROUNDS - 1 in peer.completed for peer in world.nodes)
    assert 0 not in node.completed[ROUNDS - 1].dealers


def rounds_done(world: World) -> int:
    return min(len(peer.completed) for peer in world.nodes[1:])


def sit_out(world: World) -> None:
    node = world.nodes[0]
    if node.session is None:
        node.journal.setdefault(0, {})[sat_out_key(ROUNDS - 1)] = b""  # where its disk stands
        world.boot(node)
