"""Pools that leave out what proven liars disclose: they accept each other's proposals, whatever
came in which order, and none that spares a dealer of whom an honest member has disclosed something.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from types import SimpleNamespace

import pytest

from protocols.committee import pool as pool_module
from protocols.committee.committee import Committee
from protocols.committee.comparison import Comparison
from protocols.committee.pool import Pool
from protocols.errors import WireError
from protocols.plan import CommitteePlan
from protocols.record.base import Base
from protocols.record.cohort import Panel, decide, gather
from protocols.record.effects import Send
from protocols.record.elected import Elected, ElectionCertificate
from protocols.record.election import Election
from protocols.record.evidence import Evidence, Fault, Finding
from protocols.record.journal import Journal
from protocols.record.party import Party
from protocols.secret import Secret
from protocols.wire.frames import HaveFrame, decode_frame
from protocols.wire.payloads import (
    Attestation,
    Check,
    Complaint,
    Delivery,
    Disclosure,
    Kind,
    Payload,
    Report,
    Seen,
    Topic,
)
from protocols.wire.statement import Slot, Statement, sign
from tests.unit.committee.test_pool import CRYPTO, SETTING

M, T = 8, 2
LIARS, HONEST = (0, 1), tuple(range(2, M))
PANEL = Panel(CommitteePlan(M, T, 1, 0), tuple(range(M)), tuple(range(M)), T)
BAD, GOOD = b"b" * 32, b"g" * 32
"""What a disclosure, or a complaint, shows of a dealing."""


def truly(setting: object, evidence: Evidence) -> Finding:
    (*_, said) = evidence.statements
    if evidence.fault is Fault.COMPLAINT:
        shown, dealer = said.payload.package, said.slot.subject
    else:
        assert evidence.fault is Fault.DISCLOSURE
        shown, dealer = said.payload.secret, evidence.statements[1].signer
    if shown not in (BAD, GOOD):
        raise WireError("it proves nothing")
    return Finding(dealer if shown == BAD else said.signer, "as it shows", 0)


@pytest.fixture(autouse=True)
def _judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "judge", truly)


def say(kind: Kind, signer: int, payload: Payload, subject: int = 0) -> Statement:
    slot = Slot(0, 0, kind, subject, 0, signer)
    return sign(CRYPTO, bytes([signer]) * 32, SETTING.group, slot, payload)


def report(member: int, key: bytes = b"k" * 32) -> Statement:
    return say(Kind.REPORT, member, Report(tuple((d, int(Check.ASK), key) for d in range(M))))


REPORTS = [report(member) for member in range(M)]
LISTS = [
    say(Kind.SEEN, m, Seen(tuple(sorted(r.hash for r in REPORTS)), ()), int(Topic.COHORT))
    for m in HONEST
]


def delivery(dealer: int, asker: int, box: bytes = b"box") -> Statement:
    payload = Delivery(REPORTS[asker].hash, box)
    return say(Kind.DELIVERY, dealer, payload, PANEL.errand(dealer, asker))


def disclosure(dealer: int, asker: int, shows: bytes, box: bytes = b"box") -> Statement:
    told = delivery(dealer, asker, box)
    payload = Disclosure(REPORTS[asker].hash, told.hash, shows)
    return say(Kind.DISCLOSURE, asker, payload, PANEL.errand(dealer, asker))


def complaint(dealer: int, member: int, shows: bytes) -> Statement:
    return say(Kind.COMPLAINT, member, Complaint(b"header", shows), dealer)


class Voter:
    """A pool, and what came first in each slot."""

    def __init__(self) -> None:
        flip = Elected(ElectionCertificate(0, 0, b"", ()), Election((), (), (), ()), b"", {}, ())
        party = Party(SETTING, 0, Secret(bytes(32)), 0, Journal(0))
        self.pool = Pool(party, Committee(flip, PANEL, Base(SETTING, bytes(32))))
        self._first: dict[Slot, Statement] = {}
        self._doubled: set[Slot] = set()

    def hear(self, *statements: Statement) -> None:
        for said in statements:
            self._hear(said)

    def _hear(self, said: Statement) -> None:
        known = self._first.setdefault(said.slot, said)
        if known.body == said.body:
            if said.kind is Kind.DELIVERY:
                self.pool.take_delivery(said)
            else:
                self.pool.take(said)
        elif said.slot not in self._doubled:
            self._doubled.add(said.slot)
            self.pool.take_conflict(known, said)
        elif self.pool.convicts_anew(said):
            self.pool.take(said)

    @property
    def held(self) -> list[Statement]:
        return list(self.pool.statements.values())

    def proposal(self) -> dict[bytes, Statement]:
        self.pool.judge_rest()
        shown = self.pool.shown.proposed()
        assert shown is not None
        return shown

    def lacks(self, offered: dict[bytes, Statement], wanted: Iterable[bytes]) -> set[bytes]:
        """What it would refuse this for, having heard it as a proposal is heard."""
        for said in sorted(offered.values(), key=lambda said: said.kind is Kind.DISCLOSURE):
            if said.kind is Kind.DELIVERY:
                self.pool.deliveries[said.hash] = said
            if said.kind is Kind.COMPLAINT:
                self.pool.convicts_by_itself(said)
            if said.kind is Kind.DISCLOSURE:
                self.pool.judge_shown(said)
            self._hear(said)
        return self.pool.shown.lacking(set(wanted), offered)

    def outcome(self, offered: dict[bytes, Statement]) -> object:
        return decide(PANEL, gather(PANEL, offered.values(), self.pool.shown.convicted(offered)))


def what_liars_say(rng: random.Random) -> list[Statement]:
    """They deal badly to each other and to honest members, and lie of all."""
    said: list[Statement] = []
    for liar in LIARS:
        for other in rng.sample(range(M), 5):
            if other == liar:
                continue
            shows = rng.choice([BAD, GOOD]) if other in LIARS else GOOD
            turn = rng.randrange(4)
            if turn < 2:
                said += [delivery(other, liar), disclosure(other, liar, shows)]
            elif turn < 3:
                said.append(complaint(other, liar, shows))
            if turn == 3 or rng.random() < 0.1:
                said += [delivery(liar, other, bytes([n])) for n in range(2)]
    if rng.random() < 0.4:
        said.append(report(rng.choice(LIARS), b"o" * 32))
    if rng.random() < 0.2:
        said += [say(Kind.ATTESTATION, LIARS[0], Attestation(bytes([n]))) for n in (1, 2)]
    return said


def what_honest_ones_say(rng: random.Random) -> list[Statement]:
    said: list[Statement] = []
    for liar in LIARS:
        for asker in rng.sample(HONEST, rng.randrange(len(HONEST))):
            if rng.random() < 0.3:
                said.append(complaint(liar, asker, BAD))
            else:
                said += [delivery(liar, asker), disclosure(liar, asker, BAD)]
    return said


def scene(seed: int) -> tuple[list[Voter], list[Statement]]:
    """Three honest members behind their comparison, and what honest ones had said."""
    rng = random.Random(seed)
    honest, lies = what_honest_ones_say(rng), what_liars_say(rng)
    voters = [Voter() for _ in range(3)]
    for voter in voters:
        voter.hear(*REPORTS, *LISTS)
        came = [*honest, *(said for said in lies if rng.random() < 0.7)]
        rng.shuffle(came)
        voter.hear(*came)
    for _ in range(2):
        kept = [said for voter in voters for said in voter.held]
        rng.shuffle(kept)
        for voter in voters:
            voter.hear(*kept)
    return voters, honest


@pytest.mark.parametrize("seed", range(150))
def test_whatever_came_first_each_accepts_what_another_proposes(seed: int) -> None:
    voters, _ = scene(seed)
    wanted = [set(voter.pool.statements) for voter in voters]
    proposals = [voter.proposal() for voter in voters]
    for leader, offered in zip(voters, proposals, strict=True):
        for voter, held in zip(voters, wanted, strict=True):
            assert voter.lacks(offered, held) == set()
            assert not voter.pool.shown.foreign(offered)
            assert voter.outcome(offered) == leader.outcome(offered)


@pytest.mark.parametrize("seed", range(150))
def test_none_accepts_that_a_dealer_is_spared_whom_an_honest_member_discloses(seed: int) -> None:
    """Whatever else a leader proves, two reports of a liar among it."""
    voters, honest = scene(seed)
    wanted = [set(voter.pool.statements) for voter in voters]
    everything = {said.hash: said for voter in voters for said in voter.held}
    bad = {said.signer for said in honest if said.kind is Kind.DELIVERY}
    bad |= {said.slot.subject for said in honest if said.kind is Kind.COMPLAINT}
    for spared in bad:
        (other,) = set(LIARS) - {spared}
        second = report(other, b"o" * 32)
        offered = {**everything, second.hash: second} if seed % 2 else dict(everything)
        judge = Voter()
        judge.hear(*offered.values())
        judge.pool.judge_rest()
        for said in list(offered.values()):
            proves = judge.pool.guilty.get(said.hash) == spared or said.signer == spared
            if proves and said.kind is not Kind.REPORT:
                del offered[said.hash]
        for voter, held in zip(voters, wanted, strict=True):
            refused = voter.lacks(offered, held) or voter.pool.shown.foreign(offered)
            assert refused or spared in voter.pool.shown.culprits(offered)


def test_of_one_asker_one_false_disclosure_is_kept() -> None:
    voter = Voter()
    voter.hear(*REPORTS)
    for dealer in HONEST:
        voter.hear(delivery(dealer, 0), disclosure(dealer, 0, GOOD))
    kept = [said for said in voter.held if said.kind is Kind.DISCLOSURE]
    assert len(kept) == 1 and len(voter.pool.guilty) == 1
    assert len(voter.pool.spare) == 2 * (len(HONEST) - 1)


def test_of_one_dealer_more_than_t_disclosures_are_kept_and_no_further_one() -> None:
    """Of t of them the askers may lie, and have a second report that makes them void."""
    voter = Voter()
    voter.hear(*REPORTS)
    for asker in range(1, M):
        voter.hear(disclosure(0, asker, BAD), delivery(0, asker))
    assert len([said for said in voter.held if said.kind is Kind.DISCLOSURE]) == T + 1


def test_what_waits_for_its_delivery_is_looked_at_when_that_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And not whenever another does: liars disclose what nobody has delivered."""
    voter, looked = Voter(), []
    voter.hear(*REPORTS, *(disclosure(dealer, 0, GOOD) for dealer in HONEST))
    sound: Callable[..., bool] = Pool._is_spare
    monkeypatch.setattr(Pool, "_is_spare", lambda *args: looked.append(args) or sound(*args))
    for asker in HONEST:
        voter.hear(delivery(1, asker))
    assert looked == []


def test_what_is_spare_is_said_to_be_here_and_sent_to_nobody() -> None:
    party = Party(SETTING, 0, Secret(bytes(32)), 0, Journal(0))
    pool, spare = (
        {bytes([1]) * 32: SimpleNamespace(wire=b"kept", kind=Kind.COMPLAINT)},
        {bytes([2]) * 32},
    )
    comparison = Comparison(party, pool, (0, 1), spare)  # type: ignore[arg-type]
    (told,) = comparison.announce()
    assert isinstance(told, Send)
    frame = decode_frame(told.frame)
    assert isinstance(frame, HaveFrame) and set(frame.hashes) == set(pool) | spare
    assert not list(comparison.hear(1, pool))
    assert not comparison.equal((1,)) and comparison.unequal((1,)) == {1}
    comparison.hear(1, frame.hashes)
    assert comparison.equal((1,))


def test_a_complaint_about_one_proven_otherwise_is_made_up_for() -> None:
    """Peer 0 dealt badly to 5, and has signed two complaints of 1, which they convict. Whoever held
    both did not judge 5's complaint, and took a proposal that convicts 1 alone.
    """
    twice = [complaint(1, 0, BAD), say(Kind.COMPLAINT, 0, Complaint(b"other", BAD), 1)]
    voter = Voter()
    voter.hear(*REPORTS, *LISTS, *twice, complaint(0, 5, BAD), complaint(1, 6, BAD))
    held = set(voter.pool.statements)
    offered = {said.hash: said for said in (*REPORTS, *LISTS, complaint(1, 6, BAD))}
    assert voter.lacks(offered, held)


def test_who_heard_a_liar_s_truth_accepts_a_proposal_of_who_did_not() -> None:
    """Peer 0 disclosed a bad delivery of peer 1's, and a good one of peer 5's."""
    true = delivery(1, 0), disclosure(1, 0, BAD)
    false = delivery(5, 0), disclosure(5, 0, GOOD)
    voters = [Voter(), Voter()]
    for voter, order in zip(voters, ((*true, *false), (*false, *true)), strict=True):
        voter.hear(*REPORTS, *LISTS, *order)
    wanted = [set(voter.pool.statements) for voter in voters]
    assert wanted[0] > wanted[1]
    for offered in [voter.proposal() for voter in voters]:
        assert not any(v.lacks(offered, held) for v, held in zip(voters, wanted, strict=True))


def test_a_liar_s_disclosures_are_no_reason_to_leave_out_an_honest_one() -> None:
    """What peer 1 disclosed of peer 0 is void with 1's second report, and what 0 disclosed of 1 is
    not asked for beside proof against 1: only 5's disclosure keeps 0 from the cohort.
    """
    second = report(1, b"o" * 32)
    for lie in (disclosure(0, 1, BAD), disclosure(1, 0, GOOD)):
        voter = Voter()
        dealer, asker = PANEL.errand_of(lie.slot.subject)
        voter.hear(*REPORTS, *LISTS, delivery(dealer, asker), lie)
        voter.hear(delivery(0, 5), disclosure(0, 5, BAD))
        held = set(voter.pool.statements)
        offered = {said.hash: said for said in (*REPORTS, *LISTS, second)}
        assert disclosure(0, 5, BAD).hash in voter.lacks(offered, held)


def test_in_version_2_nothing_is_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    """peerd 0.2.0 would refuse what lacks a disclosure that it has kept."""
    monkeypatch.setattr(pool_module, "V3", SETTING.version + 1)
    voter = Voter()
    voter.hear(*REPORTS)
    for dealer in HONEST:
        voter.hear(delivery(dealer, 0), disclosure(dealer, 0, GOOD))
    assert len(voter.pool.guilty) == len(HONEST) and not voter.pool.spare
