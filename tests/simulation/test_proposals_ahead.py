"""Proposals for views to come wait unjudged: of each leader one, however many views it leads."""

from __future__ import annotations

import pytest

from peerd.laboratory.adversaries import parts
from peerd.laboratory.adversaries.forging import forge
from protocols.agreement.machine import MAX_VIEWS_AHEAD
from protocols.election.machine import ElectionMachine
from protocols.plan import CommitteePlan
from protocols.record.votes import outcome_hash
from protocols.wire.frames import ProposalFrame
from protocols.wire.statement import Ballot, Kind, Topic
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import FOUR, NINE, swarm

LIAR = 3


class EagerLeader(ElectionMachine):
    """Proposes at once in every view that it will ever lead, with much that nobody asked for."""

    def _commit(self) -> None:
        super()._commit()
        desk = self._desk
        for topic in (Topic.COMMITS, Topic.REVEALS):
            for view in range(1, MAX_VIEWS_AHEAD):
                if self.agreement(topic)._leader(view) == desk.me:
                    outcome = bytes((view,))
                    said = Ballot(outcome_hash(topic, outcome))
                    statement = forge(desk, Kind.PROPOSAL, said, int(topic), view)
                    frame = ProposalFrame(statement.wire, outcome, (bytes(1000),), ())
                    desk.send(desk.everyone(), frame, again=False)


@pytest.mark.parametrize(("plan", "liars"), [(FOUR, 1), (NINE, 2)])
def test_one_proposal_of_each_leader_is_kept(plan: CommitteePlan, liars: int) -> None:
    lies = {LIAR: parts("Eager", election=EagerLeader)}
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
