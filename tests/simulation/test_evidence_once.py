"""Evidence in an election's proposal: once, against each culprit once, and not to be left out."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from peerd.laboratory.adversaries import ALL
from peerd.laboratory.adversaries.liar import Lie
from peerd.laboratory.simulation.oracle import check_safety
from peerd.laboratory.simulation.world import Node, World
from protocols.record.certificate import verify_certificate
from protocols.record.effects import Effect, Send
from protocols.record.evidence import evidence_hash
from protocols.wire.frames import EvidenceFrame, ProposalFrame, StatementFrame, decode_frame
from protocols.wire.payloads import Kind, Topic
from protocols.wire.statement import Statement, decode_statement
from tests.mutation.expectations import election_leader
from tests.mutation.liars import Proposer, Sparer
from tests.simulation.swarm import EIGHT, swarm


class Repeater(Proposer):
    """As leader it shows all the evidence twice."""

    def other(self, outcome: bytes, inputs: tuple[bytes, ...]) -> tuple[bytes, tuple[bytes, ...]]:
        again = [item for item in inputs if isinstance(decode_frame(item), EvidenceFrame)]
        return outcome, (*inputs, *again)


@dataclass
class Proposals:
    """(signer, view, frame) of each proposal of commitments, by round, as it was sent."""

    world: World
    made: dict[int, list[tuple[int, int, ProposalFrame]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        before = self.world.before

        def listening(node: Node, effect: Effect) -> None:
            before(node, effect)
            frame = decode_frame(effect.frame) if isinstance(effect, Send) else None
            if isinstance(frame, ProposalFrame):
                slot = decode_statement(frame.statement, self.world.setting.group).slot
                if slot.subject == Topic.COMMITS:
                    self.made.setdefault(slot.round, []).append((node.index, slot.view, frame))

        self.world.before = listening


def play(**lies: Lie) -> tuple[World, Proposals]:
    """Two rounds: ``leader`` leads view 0 of the second, ``other`` is convicted in the first."""
    leader = election_leader(1, 1)
    other = (leader + 1) % 8
    world = swarm(
        EIGHT, 2, rounds=3, lies={leader: lies.get("leader", Lie()), other: lies["other"]}
    )
    proposals = Proposals(world)
    world.run(until=900_000)
    check_safety(world, unknown_inputs=(leader, other))
    for node in world.nodes:
        if node.honest:
            assert 2 in node.completed
            certified = verify_certificate(world.setting, node.completed[1].certificate)
            assert {peer for peer, _ in certified.election.guilty} == {other}
    return world, proposals


def evidence_in(frame: ProposalFrame) -> list[bytes]:
    frames = map(decode_frame, frame.inputs)
    return [item.evidence for item in frames if isinstance(item, EvidenceFrame)]


def seens_in(world: World, frame: ProposalFrame) -> list[Statement]:
    frames = map(decode_frame, frame.inputs)
    statements = [
        decode_statement(item.statement, world.setting.group)
        for item in frames
        if isinstance(item, StatementFrame)
    ]
    return [statement for statement in statements if statement.kind is Kind.SEEN]


def test_many_list_it_and_the_proposal_shows_it_once() -> None:
    world, proposals = play(other=ALL["HighDegree"])
    _, _, frame = proposals.made[1][0]
    listed = [name for said in seens_in(world, frame) for name in said.payload.evidence]
    assert len(set(listed)) > 1, "each peer holds the proof of another member"
    (piece,) = evidence_in(frame)
    assert evidence_hash(piece) in listed


@pytest.mark.parametrize("lie", [Sparer, Repeater])
def test_a_leader_that_shows_it_never_or_twice_is_refused(lie: type[Proposer]) -> None:
    _, proposals = play(other=ALL["HighDegree"], leader=Lie(lie))
    liar, view, frame = proposals.made[1][0]
    assert (liar, view) == (election_leader(1, 1), 0)
    assert len(evidence_in(frame)) == (0 if lie is Sparer else 2)
    honest, view, frame = proposals.made[1][-1]
    assert honest != liar, "the next leader's is decided"
    assert view > 0
    assert len(evidence_in(frame)) == 1
