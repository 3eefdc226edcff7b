"""Proposals for views to come wait unjudged: of each leader one, however many views it leads."""

from __future__ import annotations

import pytest

from peerd.laboratory.adversaries import Lie
from peerd.laboratory.adversaries.electors import Elector
from protocols.agreement.machine import MAX_VIEWS_AHEAD
from protocols.plan import CommitteePlan
from protocols.record.votes import outcome_hash
from protocols.wire.frames import ProposalFrame
from protocols.wire.payloads import Ballot, Kind, Topic
from protocols.wire.statement import Statement
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import FOUR, NINE, swarm
from tests.simulation.test_about_nobody import last_phase

LIAR = 3


class EagerLeader(Elector):
    """Proposes at once in every view that there will be, with much that nobody asked for: in those
    that it will lead, somebody listens.
    """

    eager = False

    def instead(self, said: Statement) -> Statement | None:
        if said.kind is Kind.COMMIT and not self.eager:
            self.eager = True
            for topic in (Topic.COMMITS, Topic.REVEALS):
                for view in range(1, MAX_VIEWS_AHEAD):
                    self.lead(topic, view)
        return said

    def lead(self, topic: Topic, view: int) -> None:
        outcome = bytes((view,))
        said = Ballot(outcome_hash(topic, outcome))
        statement = self.at.forge(Kind.PROPOSAL, said, int(topic), view)
        frame = ProposalFrame(statement.wire, outcome, (bytes(1000),), ())
        self.at.send(self.at.everyone, frame)


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
            for topic in (Topic.COMMITS, Topic.REVEALS):
                agreement = last_phase(world, node.index).flip.agreement(topic)
                proposals = agreement._proposals
                kept = [agreement.terms.leader(view) for view in proposals._by_view]
                assert LIAR in kept, "it was heard"
                assert len(kept) == len(set(kept))
                assert len(proposals._outcomes) <= 2, "what was decided, and no heap of others"
