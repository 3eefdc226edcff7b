"""A proposal on the cohort shows one proof against each culprit (docs/protocol.md §5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import ClassVar

import pytest

from peerd.laboratory.adversaries import Lie
from peerd.laboratory.adversaries.dealers import HighDegree, TwoHeaders
from peerd.laboratory.adversaries.members import LyingMember, TwoReports, Word
from peerd.laboratory.adversaries.trick import Shown
from peerd.laboratory.simulation.oracle import check_safety
from peerd.laboratory.simulation.world import Node, World
from protocols.committee.member import Member
from protocols.committee.pool import Pool
from protocols.record.certificate import verify_certificate
from protocols.record.cohort import Cohort, Exclusion, Findings, decide, gather
from protocols.record.effects import Effect, Send
from protocols.session.phases import Aggregating
from protocols.wire.frames import ProposalFrame, decode_frame
from protocols.wire.payloads import Check, Complaint, Kind, Topic
from protocols.wire.statement import decode_statement
from tests.simulation.swarm import EIGHT, swarm
from tests.simulation.test_about_nobody import last_phase


class ComplainsOfAll(LyingMember):
    """7: complains of every valid share."""

    def word(self, honest: Word) -> Word:
        dealer, word, header = honest
        return (dealer, int(Check.COMPLAINT), header) if word == Check.OK else honest

    def reported(self) -> None:
        assert self.at.report is not None
        for dealer, word, _ in self.at.report.payload.words:
            held = self.at.dealings.get(dealer)
            if word == Check.COMPLAINT and held is not None:
                self.tell(Kind.COMPLAINT, Complaint(held.header, held.package), dealer)


def test_liars_that_complain_of_all_dealers_fill_no_proposal() -> None:
    lie = Lie(ComplainsOfAll)
    world = swarm(EIGHT, 2, lies={2: lie, 6: lie})
    world.run(until=600_000)
    check_safety(world, unknown_inputs=(2, 6))
    for node in world.nodes:
        if not node.honest:
            continue
        assert 0 in node.completed
        member = last_phase(world, node.index).member
        pool = member._intake.pool
        complaints = (s for s in pool.statements.values() if s.kind is Kind.COMPLAINT)
        held = Counter(s.signer for s in complaints)
        assert min(held.values()) > 1, "they complain of more than one dealer"
        shown = pool.shown.proposed()
        proofs = Counter(s.signer for s in shown.values() if s.kind is Kind.COMPLAINT)
        assert set(proofs) == set(held) == {2, 6}
        assert set(proofs.values()) == {1}
        outcome, _ = member._inputs.propose()
        assert Cohort.decode(outcome) == decide(member._panel, found(member))


def found(member: Member) -> Findings:
    """What all that a member holds shows, of which it proposes less."""
    pool = member._intake.pool
    said = (*pool.statements.values(), *pool.index.seen.values())
    return gather(member._panel, said, pool.shown.convicted(pool.statements))


LARGE = frozenset({Kind.HEADER, Kind.COMPLAINT, Kind.DISCLOSURE, Kind.DELIVERY})


class TwoBadHeaders(TwoHeaders, HighDegree):
    """8 and 1: two headers, and under the first every share fails."""


class OtherProof(LyingMember):
    """As leader it shows the other proof: the two headers where an honest one shows a complaint.
    ``pool`` is what its honest session holds.
    """

    pool: ClassVar[Callable[[], Pool]]

    def propose(self, shown: Shown) -> Shown | None:
        pool, panel = type(self).pool(), self.at.panel
        held = pool.statements.values()
        complaints = {s.hash for s in held if s.kind is Kind.COMPLAINT}
        headers = {s.hash for s in held if s.kind is Kind.HEADER}
        proposed = pool.shown.proposed().keys()
        left_out = headers if headers & proposed else complaints
        said = (*held, *pool.index.seen.values())
        kept = {s.hash: s for s in said if s.hash not in left_out}
        outcome = decide(panel, gather(panel, kept.values(), pool.shown.convicted(kept)))
        return outcome.encode(), tuple(kept[key] for key in sorted(kept))


ONE_PROOF = (
    Counter({Kind.COMPLAINT: 1}),
    Counter({Kind.HEADER: 2}),
    Counter({Kind.DISCLOSURE: 1, Kind.DELIVERY: 1}),
)


@pytest.mark.parametrize("member", [LyingMember, TwoReports])
@pytest.mark.parametrize("seed", range(3))
def test_the_headers_of_a_conflict_are_not_shown_beside_other_proof(
    seed: int, member: type[LyingMember]
) -> None:
    """Each header is as large as a dealing's proof. Two reports convict their signer as well, and
    stay, since what it disclosed depends on them: then nothing else need be shown.
    """
    lie = Lie(TwoBadHeaders, member)
    world = swarm(EIGHT, 2, seed=seed, lies={2: lie})
    world.run(until=600_000)
    check_safety(world, unknown_inputs=(2,))
    for node in world.nodes:
        if not node.honest:
            continue
        assert 0 in node.completed
        seat = last_phase(world, node.index).member
        pool = seat._intake.pool
        held = Counter(s.kind for s in pool.statements.values() if s.signer == 2)
        assert held[Kind.HEADER] == 2
        assert sum(s.kind is Kind.COMPLAINT for s in pool.statements.values()) > 1
        proofs = Counter(s.kind for s in pool.shown.proposed().values() if s.kind in LARGE)
        assert proofs in (ONE_PROOF if held[Kind.REPORT] == 1 else (Counter(),))
        outcome, _ = seat._inputs.propose()
        assert Cohort.decode(outcome) == decide(seat._panel, found(seat))
        assert (2, int(Exclusion.GUILTY)) in Cohort.decode(outcome).excluded


@cache
def first_seat(seed: int) -> int:
    """Who leads the first view of the cohort: a function of the seed, whoever lies later."""
    world = swarm(EIGHT, 2, seed=seed)
    world.run()
    certified = verify_certificate(world.setting, world.nodes[0].completed[0].certificate)
    return certified.flip.seats[0]


def test_either_proof_will_do() -> None:
    """A leader that shows the headers and no complaint, or the other way round, is accepted as an
    honest one is. (By some seeds that one waits for a delivery until view 1, and proposes nothing.)
    """
    proposed = 0
    for seed in range(6):
        leader = first_seat(seed)
        honest, other = led(seed, leader, LyingMember), led(seed, leader, OtherProof)
        assert honest == other, "nobody refused the first proposal"
        proposed += other[0] == (leader, 0)
    assert proposed > 1


def led(seed: int, leader: int, member: type[LyingMember]) -> list[tuple[int, int]]:
    dealer = (leader + 1) % 8
    lies = {dealer: Lie(TwoBadHeaders), leader: Lie(member)}
    world = swarm(EIGHT, 2, seed=seed, lies=lies)
    OtherProof.pool = lambda: pool_now(world, leader)
    views = listen(world)
    world.run(until=600_000)
    check_safety(world, unknown_inputs=(leader, dealer))
    return views


def pool_now(world: World, peer: int) -> Pool:
    session = world.nodes[peer].session
    assert session is not None and session.rounds.current.attempt is not None
    phase = session.rounds.current.attempt.phase
    assert isinstance(phase, Aggregating)
    return phase.member._intake.pool


def listen(world: World) -> list[tuple[int, int]]:
    """By whom and in which views a cohort was proposed, once each, in order."""
    before, views = world.before, list[tuple[int, int]]()

    def listening(node: Node, effect: Effect) -> None:
        before(node, effect)
        frame = decode_frame(effect.frame) if isinstance(effect, Send) else None
        if isinstance(frame, ProposalFrame):
            slot = decode_statement(frame.statement, world.setting.group).slot
            place = slot.signer, slot.view
            if slot.subject == Topic.COHORT and place not in views:
                views.append(place)

    world.before = listening
    return views
