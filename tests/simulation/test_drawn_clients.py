"""Rounds in which the coin draws who deals (docs/protocol.md §2)."""

from __future__ import annotations

import pytest

from peerd.laboratory.adversaries import ALL
from peerd.laboratory.simulation.oracle import check, check_round, check_safety
from protocols.errors import ProtocolError
from protocols.record.audit import audit_round
from tests.simulation.swarm import EIGHT, SEATED, setting_of, swarm


def test_only_drawn_peers_train_and_deal_and_all_get_the_model() -> None:
    world = swarm(EIGHT, 2, rounds=4, clients=7)
    world.run()
    check(world)
    left_out = set()
    for round_ in range(4):
        records = [node.completed[round_] for node in world.nodes]
        dealers = set(records[0].dealers)
        assert len(dealers) == 7
        assert all(record.absent == () for record in records), "who is not drawn is not absent"
        assert {peer for r, peer in world.inputs if r == round_} == dealers
        left_out |= set(range(8)) - dealers
        assert audit_round(world.setting, records[0].transcript).certified.cohort.peers
    assert len(left_out) > 1, "another coin every round"


def test_a_drawn_committee_and_drawn_dealers_are_different_draws() -> None:
    world = swarm(SEATED, 2, peers=24, rounds=2, clients=12)
    world.run(until=600_000)
    check_round(world, 0)
    record = world.nodes[0].completed[0]
    assert len(record.dealers) == 12
    assert not world.nodes[0].blamed


@pytest.mark.parametrize("name", ["HighDegree", "SilentRevealer", "ComplaintOmitter", "TwoHeaders"])
def test_liars_among_the_drawn(name: str) -> None:
    world = swarm(EIGHT, 2, rounds=3, clients=7, lies={2: ALL[name], 6: ALL[name]})
    world.run(until=900_000)
    check_safety(world, unknown_inputs=(2, 6))
    for node in world.nodes:
        if node.honest:
            assert 2 in node.completed
            assert {blame.peer for blame in node.blamed} <= {2, 6}


def test_more_dealers_than_peers_are_refused() -> None:
    with pytest.raises(ProtocolError, match="9 dealers out of 8 peers"):
        setting_of(EIGHT, 2, clients=9)
