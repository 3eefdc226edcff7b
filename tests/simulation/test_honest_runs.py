"""Runs without liars: every plan, many seeds, real signatures beside pretended ones."""

from __future__ import annotations

import pytest

from protocols.plan import CommitteePlan
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import EIGHT, FOUR, NINE, SEATED, TEN, swarm
from tests.tiers import later


@pytest.mark.parametrize("seed", [0, 1, *later(range(2, 6))])
@pytest.mark.parametrize(
    ("plan", "liars"), [(FOUR, 1), (EIGHT, 2), (NINE, 2), (TEN, 1)], ids=["4", "8", "9", "10"]
)
def test_rounds_complete_with_everyones_input(plan: CommitteePlan, liars: int, seed: int) -> None:
    world = swarm(plan, liars, seed=seed, rounds=2)
    Watch(world)
    world.run()
    check(world, guilty=())
    for node in world.nodes:
        assert all(len(record.dealers) == plan.committee for record in node.completed.values())
        assert not node.aborted


@pytest.mark.parametrize("seed", range(2))
def test_a_committee_smaller_than_its_roster(seed: int) -> None:
    world = swarm(SEATED, 1, peers=24, seed=seed)
    Watch(world)
    world.run()
    check(world, guilty=())
    assert all(len(node.completed[0].dealers) == 24 for node in world.nodes)


@pytest.mark.parametrize(("plan", "liars"), [(FOUR, 1), (EIGHT, 2)], ids=["4", "8"])
def test_one_seed_gives_one_history(plan: CommitteePlan, liars: int) -> None:
    worlds = [swarm(plan, liars, seed=9, rounds=2) for _ in range(2)]
    for world in worlds:
        world.run()
    assert worlds[0].history.lines == worlds[1].history.lines
    other = swarm(plan, liars, seed=10, rounds=2)
    other.run()
    assert other.history.lines != worlds[0].history.lines


def test_real_signatures_move_the_machines_as_pretended_ones_do() -> None:
    """Hashes and seats differ with the keys; what happens, to whom and how often does not."""
    real, pretended = (swarm(FOUR, 1, seed=3, rounds=2, real=kind) for kind in (True, False))
    for world in (real, pretended):
        Watch(world)
        world.run()
        check(world, guilty=())
    for one, other in zip(real.nodes, pretended.nodes, strict=True):
        assert sorted(one.completed) == sorted(other.completed)
        for round_, record in one.completed.items():
            assert record.dealers == other.completed[round_].dealers


def test_with_every_seed_the_seats_are_drawn_anew() -> None:
    from protocols.record.certificate import verify_certificate

    orders = set()
    for seed in range(8):
        world = swarm(FOUR, 1, seed=seed)
        world.run()
        certified = verify_certificate(world.setting, world.nodes[0].completed[0].certificate)
        orders.add(certified.flip.seats)
    assert len(orders) > 3
