"""What a round that is over leaves in memory: nothing as long as the model, but for late words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from peerd.laboratory.simulation.node import Node
from protocols.committee.sums import Sums
from protocols.record.evidence import Fault, open_evidence
from protocols.session.phases import Summing
from tests.simulation.adversaries import LATE
from tests.simulation.oracle import check_safety
from tests.simulation.swarm import FOUR, swarm

ROUNDS = 2
LIAR = 2


def last_left(node: Node) -> Summing:
    """The phase in which the node left its last round."""
    session: Any = node.session
    phase: Summing = session.rounds.previous.attempt.phase
    return phase


def test_a_round_that_is_over_holds_nothing_of_the_models_length() -> None:
    world = swarm(FOUR, 1, rounds=ROUNDS, slowest=1)
    world.run()
    for node in world.nodes:
        phase = last_left(node)
        assert phase.party.round == ROUNDS - 1 and phase.party.sent == []
        assert len(phase.sums.sums) == len(world.nodes)
        assert all(said.words.size == 0 for said in phase.sums.sums.values())
        assert all(held.share is None for held in phase.member.receiver.dealings.values())
        assert phase.opening._opened is not None and phase.opening._opened[0] == b""


@pytest.mark.parametrize(
    ("name", "fault"),
    [("LateSummer", Fault.WRONG_SUM), ("LateResult", Fault.WRONG_RESULT)],
)
def test_what_comes_late_is_proven_all_the_same(name: str, fault: Fault) -> None:
    """The liar is in the sum and opens nothing: who hears it later judges it by what is left."""
    world = swarm(FOUR, 1, rounds=ROUNDS + 1, lies={LIAR: LATE[name]})
    world.run()
    check_safety(world)
    for node in world.nodes:
        if node.honest:
            assert LIAR in node.completed[0].dealers
            assert {each.peer for each in node.blamed} == {LIAR}
            shown = [open_evidence(world.setting, each.evidence) for each in node.blamed]
            assert {each.fault for each in shown} == {fault}


def test_what_was_let_go_still_fills_its_slot() -> None:
    """A second sum of somebody whose first was compared is no first one."""
    world = swarm(FOUR, 1)
    world.run()
    sums: Sums = last_left(world.nodes[0]).sums
    before = dict(sums.sums)
    sums.let_go([1, 9])  # nobody's is no matter
    assert {peer: said.statement for peer, said in sums.sums.items()} == {
        peer: said.statement for peer, said in before.items()
    }
    (cohort,) = {said.statement.payload.cohort for said in before.values()}
    assert np.size(sums.over(cohort)[1]) == 0
