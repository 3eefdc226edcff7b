"""What a round that is over leaves in memory: nothing as long as the model, but for late words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.adversaries.openers import LyingOpener, moved
from peerd.laboratory.adversaries.place import Words
from peerd.laboratory.simulation.node import Node
from protocols.committee.sums import Sums
from protocols.record.evidence import Fault, open_evidence
from protocols.session.phases import Summing
from protocols.wire.frames import StatementFrame, SumFrame
from protocols.wire.payloads import Kind
from protocols.wire.statement import Statement
from tests.simulation.oracle import check_safety
from tests.simulation.swarm import FOUR, swarm

ROUNDS = 2
LIAR = 2
LATE = 1000
"""Virtual milliseconds: the others are in the next round by then."""


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
        assert all(held.share is None for held in phase.member.dealings.values())
        assert phase.opening._opened is not None and phase.opening._opened[0] == b""


class LateSummer(LyingOpener):
    """A wrong sum, once the others have opened without it."""

    def sum_for(self, peer: int, frame: SumFrame) -> SumFrame | None:
        self.kept = self.altered(frame)
        self.at.wake(LATE)
        return None

    def words(self, right: Words) -> Words:
        return moved(right, 0, 1, self.at.setting.field.p)

    def woken(self) -> None:
        self.at.send(self.at.panel.seats, self.kept)


def test_a_wrong_sum_that_comes_late_is_proven_all_the_same() -> None:
    world = swarm(FOUR, 1, rounds=ROUNDS + 1, lies={LIAR: Lie(LateSummer)})
    world.run()
    check_safety(world)
    for node in world.nodes:
        if node.honest:
            assert {each.peer for each in node.blamed} == {LIAR}
            shown = [open_evidence(world.setting, each.evidence) for each in node.blamed]
            assert {each.fault for each in shown} == {Fault.WRONG_SUM}


class LateResult(LyingOpener):
    """A right sum, and another result once the others have certified theirs."""

    def sum_for(self, peer: int, frame: SumFrame) -> SumFrame | None:
        return frame

    def instead(self, said: Statement) -> Statement | None:
        if said.kind is not Kind.RESULT:
            return said
        self.kept = self.at.forge(Kind.RESULT, replace(said.payload, polynomials=bytes(32)))
        self.at.wake(LATE)
        return None

    def woken(self) -> None:
        self.at.send(self.at.everyone, StatementFrame(self.kept.wire))


def test_a_wrong_result_that_comes_late_is_proven_though_all_sums_are_let_go() -> None:
    world = swarm(FOUR, 1, rounds=ROUNDS + 1, lies={LIAR: Lie(LateResult)})
    world.run()
    check_safety(world)
    for node in world.nodes:
        if node.honest:
            assert {each.peer for each in node.blamed} == {LIAR}
            shown = [open_evidence(world.setting, each.evidence) for each in node.blamed]
            assert {each.fault for each in shown} == {Fault.WRONG_RESULT}


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
