"""Proposals for views to come wait unjudged: of each leader one, however many views it leads."""

from __future__ import annotations

import pytest

from peerd.laboratory.adversaries.electors import Elector
from peerd.laboratory.adversaries.liar import Lie
from protocols.agreement.machine import MAX_VIEWS_AHEAD
from protocols.hashing import digest
from protocols.plan import CommitteePlan
from protocols.record.votes import outcome_hash
from protocols.wire.frames import ProposalFrame
from protocols.wire.statement import Ballot, Kind, Statement, Topic
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import FOUR, NINE, swarm

LIAR = 3


class EagerLeader(Elector):
    """Proposes at once in every view that it will ever lead, with much that nobody asked for."""

    def instead(self, said: Statement) -> Statement | None:
        if said.kind is Kind.COMMIT:
            turn = self._turn()
            for topic in (Topic.COMMITS, Topic.REVEALS):
                for view in range(1, MAX_VIEWS_AHEAD):
                    if view % self.at.setting.peers == turn:
                        self._propose(topic, view)
        return said

    def _turn(self) -> int:
        """The liar's place in the order of the leaders of a round before which nobody lied."""
        at = self.at
        place = at.round.to_bytes(8, "little"), at.attempt.to_bytes(8, "little")
        ranks = [digest("peerd/leader", *place, key) for key in at.setting.roster]
        return sorted(ranks).index(ranks[at.me])

    def _propose(self, topic: Topic, view: int) -> None:
        outcome = bytes((view,))
        said = Ballot(outcome_hash(topic, outcome))
        statement = self.at.forge(Kind.PROPOSAL, said, topic, view)
        frame = ProposalFrame(statement.wire, outcome, (bytes(1000),), ())
        self.at.send(self.at.everyone, frame, again=False)


@pytest.mark.parametrize(("plan", "liars"), [(FOUR, 1), (NINE, 2)])
def test_one_proposal_of_each_leader_is_kept(plan: CommitteePlan, liars: int) -> None:
    lies = {LIAR: Lie(EagerLeader)}
    world = swarm(plan, liars, seed=1, lies=lies, traced=False)
    world.delay = lambda sender, to, data: 20  # in order: each is newer than the one before
    Watch(world)
    world.run(until=300_000)
    check(world, guilty=())
    for node in world.nodes:
        if node.honest:
            assert node.session is not None and node.session.previous_attempt is not None
            for topic in (Topic.COMMITS, Topic.REVEALS):
                agreement = node.session.previous_attempt.election.agreement(topic)
                kept = [agreement._leader(view) for view in agreement._proposals]
                assert len(kept) == len(set(kept))
                assert len(agreement._outcomes) <= 2, "what was decided, and no heap of others"
