"""Groups whose sums hold noise: the coin ahead of the sum, who lies about it, and in the noise."""

from __future__ import annotations

from typing import Any

import pytest

from peerd.laboratory.adversaries import FLIPPERS, NOISY
from peerd.laboratory.simulation.world import World
from protocols.aggregation import aggregator
from protocols.aggregation.contract import private
from protocols.plan import CommitteePlan
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import EIGHT, FOUR, SEATED, TEN, swarm

END = 600_000
BLAMED = {"TwoCoins", "LateFlipper", "LongNoise"}


def noised(plan: CommitteePlan, liars: int, rounds: int = 2, **more: Any) -> World:
    rule = aggregator("dp-sgd", {})
    return swarm(plan, liars, rounds=rounds, seed=7, rule=rule, **more)


@pytest.mark.parametrize(
    ("plan", "liars", "peers"),
    [(FOUR, 1, None), (EIGHT, 2, None), (TEN, 1, None), (SEATED, 1, 24)],
    ids=["4", "8", "10", "24"],
)
def test_noise_is_opened_under_the_coin(plan: CommitteePlan, liars: int, peers: int | None) -> None:
    world = noised(plan, liars, peers=peers)
    Watch(world)
    world.run(until=END)
    check(world, guilty=())
    assert all(node.aborted == [] for node in world.nodes)


@pytest.mark.parametrize(
    ("name", "constants", "weights"),
    [
        ("centered-clipping-l2", {"noise": "2", "theta": 14}, ()),
        ("weighted-mean", {"noise": "1", "theta": 12, "cap": 9}, (1, 9, 3, 5)),
    ],
)
def test_members_are_protected_too(
    name: str, constants: dict[str, int | str], weights: tuple[int, ...]
) -> None:
    """Weights multiply updates, and no noise: the oracle adds up what was dealt."""
    rule = aggregator(name, constants)
    world = swarm(FOUR, 1, rounds=2, seed=7, rule=rule, weights=weights, parameters=30)
    world.run(until=END)
    check(world, guilty=())
    noisy = private(rule)
    assert noisy is not None and noisy.unit == "member"
    moved = 9 * 2047 if weights else 8191
    assert noisy.mechanism(30).squared_norm == moved**2
    assert aggregator(name, rule.constants()) == rule


@pytest.mark.parametrize("name", [*FLIPPERS, *NOISY])
@pytest.mark.parametrize(
    ("plan", "liars", "who"), [(FOUR, 1, (3,)), (EIGHT, 2, (2, 6))], ids=["4", "8"]
)
def test_liars_about_noise(
    plan: CommitteePlan, liars: int, who: tuple[int, ...], name: str
) -> None:
    lies = dict.fromkeys(who, {**FLIPPERS, **NOISY}[name])
    world = noised(plan, liars, 3, lies=lies)
    Watch(world)
    world.run(until=END)
    check(world, unknown_inputs=who if name in NOISY else ())
    for node in (node for node in world.nodes if node.honest):
        assert {blame.peer for blame in node.blamed} == (set(who) if name in BLAMED else set())
        deals = set(who) & set(node.completed[0].dealers)
        assert deals == (set() if name == "LongNoise" else set(who))
