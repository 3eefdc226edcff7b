"""A leader leaves out an OK, a complaint, an ask, an opening or a header (faults 71, 83).

Its outcome follows from what it shows, so only a member that held what is missing can refuse it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import pytest

from peerd.laboratory.adversaries import LEADERS
from peerd.laboratory.simulation.node import Node
from peerd.laboratory.simulation.world import World
from protocols.record.certificate import verify_certificate
from protocols.record.cohort import Cohort
from protocols.record.effects import Effect, Send
from protocols.record.votes import outcome_hash
from protocols.wire.frames import ProposalFrame, decode_frame
from protocols.wire.payloads import Kind, Topic
from protocols.wire.statement import Slot, decode_statement
from tests.mutation.planting import planted
from tests.simulation.oracle import Watch, check
from tests.simulation.swarm import FOUR, swarm

HELD_BACK = {"AttestationOmitter", "OkOmitter", "HeaderOmitter"}
"""These keep an honest dealer out; the others want their own dealing in."""
GUILTY = {"ComplaintOmitter", "OpeningOmitter"}
PARAMETERS = 3


@cache
def first_seat(seed: int) -> int:
    """Who leads the first view of the cohort: a function of the seed, whoever lies later."""
    world = swarm(FOUR, 1, seed=seed, parameters=PARAMETERS, traced=False)
    world.run()
    certified = verify_certificate(world.setting, world.nodes[0].completed[0].certificate)
    return certified.flip.seats[0]


@dataclass
class Proposals:
    """What the leader of view 0 proposed, and what it left out of what it held."""

    world: World
    leader: int
    offered: dict[Slot, bytes] = field(default_factory=dict)
    shown: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        before = self.world.before

        def listening(node: Node, effect: Effect) -> None:
            before(node, effect)
            if node.index == self.leader and isinstance(effect, Send):
                frame = decode_frame(effect.frame)
                if isinstance(frame, ProposalFrame):
                    slot = decode_statement(frame.statement, self.world.setting.group).slot
                    if (slot.subject, slot.view) == (Topic.COHORT, 0):
                        self.offered[slot] = frame.outcome
                        self.shown = set(frame.inputs)

        self.world.before = listening


def play(name: str, seed: int) -> tuple[World, Watch, Proposals, int]:
    leader = first_seat(seed)
    lies = {leader: LEADERS[name]}
    world = swarm(FOUR, 1, seed=seed, lies=lies, parameters=PARAMETERS, traced=False)
    watch, proposals = Watch(world), Proposals(world, leader)
    world.run(until=600_000)
    return world, watch, proposals, leader


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", LEADERS)
def test_the_proposal_is_refused_and_the_next_leaders_is_right(name: str, seed: int) -> None:
    world, watch, proposals, leader = play(name, seed)
    assert proposals.offered, "the liar led view 0, and proposed"
    for slot, outcome in proposals.offered.items():
        wrong = outcome_hash(Topic.COHORT, outcome)
        for place, body in watch.said.items():
            if (place.kind, place.subject, place.view) == (Kind.FIRST_VOTE, Topic.COHORT, 0):
                assert wrong not in body, f"peer {place.signer} voted for {slot}"
        record = next(node.completed[0] for node in world.nodes if node.honest)
        certified = verify_certificate(world.setting, record.certificate)
        assert certified.attempt == slot.attempt, "the same attempt came to the right cohort"
        assert certified.cohort.encode() != outcome
    check(world, guilty=(leader,) if name in GUILTY else (), unknown_inputs=(leader,))
    dealers = set(record.dealers)
    honest = {node.index for node in world.nodes if node.honest}
    assert honest <= dealers, "whom the leader left out is in"
    assert (leader in dealers) is (name in HELD_BACK)


@pytest.mark.parametrize("name", LEADERS)
def test_the_omission_would_change_the_cohort(name: str) -> None:
    """The control: were it voted for, an honest dealer would be out, or the liar's dealing in."""
    _, _, proposals, leader = play(name, 0)
    (outcome,) = proposals.offered.values()
    dealers = set(Cohort.decode(outcome).peers)
    if name in HELD_BACK:
        assert len({0, 1, 2, 3} - {leader} - dealers) == 1
    else:
        assert dealers == {0, 1, 2, 3}


def test_members_that_do_not_compare_would_leave_an_honest_dealer_out() -> None:
    """The control of the rule itself: the planted bug is what the omission is made for."""
    place = "protocols.committee.shown:Shown.lacking"
    with planted(place, lambda sound: lambda self, wanted, offered: set()):
        world, _, proposals, leader = play("AttestationOmitter", 0)
    record = next(node.completed[0] for node in world.nodes if node.honest)
    assert len({0, 1, 2, 3} - {leader} - set(record.dealers)) == 1
    assert proposals.offered
