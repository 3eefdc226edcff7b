"""A dealing whose projections don't fit by chance: its dealer is absent, and its daemon goes on."""

import pytest

from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.simulation.oracle import check_safety
from protocols.proof import ProjectionOverflow, Split, dealing

from .swarm import FOUR, swarm

UNLUCKY = 1


def test_a_dealer_without_luck_deals_nothing_and_is_not_blamed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = swarm(FOUR, 1, lies={UNLUCKY: Lie()}, rounds=2)
    sound = dealing.split

    def unlucky(shape: object, values: object, secret: bytes, context: bytes) -> Split:
        if secret in world.nodes[UNLUCKY].journal.get(0, {}).values():
            raise ProjectionOverflow("once in 2^42 dealings")
        return sound(shape, values, secret, context)  # type: ignore[arg-type]

    monkeypatch.setattr(dealing, "split", unlucky)
    world.run()
    check_safety(world)
    for node in world.nodes:
        assert sorted(node.completed) == [0, 1] and not node.blamed
        assert node.completed[0].dealers == (0, 2, 3)
        assert node.completed[1].dealers == (0, 1, 2, 3)
