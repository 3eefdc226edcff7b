"""A dealing whose projections don't fit by chance: its dealer is absent, and its daemon goes on."""

from unittest.mock import patch

import pytest

from peerd.laboratory.simulation.oracle import check_safety
from protocols.committee import dealer as dealing
from protocols.committee.dealer import Dealer
from protocols.proof import ProjectionOverflow
from protocols.record.base import Values

from .swarm import FOUR, swarm

UNLUCKY = 1


def test_a_dealer_without_luck_deals_nothing_and_is_not_blamed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deal = Dealer._deal

    def by_chance(dealer: Dealer, values: Values) -> None:
        if (dealer.party.me, dealer.party.round) != (UNLUCKY, 0):
            deal(dealer, values)
            return
        with patch.object(dealing, "deal", side_effect=ProjectionOverflow("once in 2^42 dealings")):
            deal(dealer, values)

    monkeypatch.setattr(Dealer, "_deal", by_chance)
    world = swarm(FOUR, 1, rounds=2)
    world.run()
    check_safety(world, away=(UNLUCKY,))
    for node in world.nodes:
        assert sorted(node.completed) == [0, 1] and not node.blamed
        assert node.completed[0].dealers == (0, 2, 3)
        assert node.completed[1].dealers == (0, 1, 2, 3)
