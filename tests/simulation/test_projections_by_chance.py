"""A dealing whose projections don't fit by chance: its dealer is absent, and its daemon goes on."""

from peerd.laboratory.adversaries import parts
from peerd.laboratory.adversaries.forging import Words
from peerd.laboratory.simulation.oracle import check_safety
from protocols.committee.dealer import Dealer
from protocols.proof import Dealing, ProjectionOverflow

from .swarm import FOUR, swarm

UNLUCKY = 1


class Unlucky(Dealer):
    def split(self, values: Words) -> Dealing:
        if self.desk.round == 0:
            raise ProjectionOverflow("once in 2^42 dealings")
        return super().split(values)


def test_a_dealer_without_luck_deals_nothing_and_is_not_blamed() -> None:
    world = swarm(FOUR, 1, lies={UNLUCKY: parts("Unlucky", dealer=Unlucky)}, rounds=2)
    world.run()
    check_safety(world)
    for node in world.nodes:
        assert sorted(node.completed) == [0, 1] and not node.blamed
        assert node.completed[0].dealers == (0, 2, 3)
        assert node.completed[1].dealers == (0, 1, 2, 3)
