"""The formulas of docs/protocol.md §7 on real messages: what each should weigh."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from peerd.laboratory.bench.formulas import formulas
from protocols.errors import WireError
from protocols.ports import HYBRID_KEY_BYTES
from protocols.record.asks import box_bytes
from protocols.record.brief import Brief
from protocols.record.certificate import ResolutionCertificate, decode_certificate
from protocols.record.cohort import Cohort
from protocols.record.elected import ElectionCertificate
from protocols.record.election import Commitments, Election
from protocols.record.evidence import open_evidence
from protocols.record.resolution import Resolution, is_resolution
from protocols.record.setting import Setting
from protocols.wire.canonical import unpack
from protocols.wire.frames import (
    AskFrame,
    AwayFrame,
    CertificateFrame,
    DealingFrame,
    DecisionFrame,
    EvidenceFrame,
    Frame,
    HaveFrame,
    HelloFrame,
    NewViewFrame,
    ProposalFrame,
    ReadyFrame,
    RecalledFrame,
    RecallFrame,
    SeenFrame,
    StatementFrame,
    SumFrame,
    decode_frame,
)
from protocols.wire.payloads import Kind, Topic
from protocols.wire.schema import from_value
from protocols.wire.statement import Statement, decode_statement

Place = tuple[int, int]


class Sizes:
    """What the document says of a message's size, from what it says and not from its bytes.

    ``seats``: the committee of each (round, attempt), in order of seats.
    """

    def __init__(self, setting: Setting, seats: dict[Place, tuple[int, ...]]) -> None:
        plan, shape = setting.plan, setting.shape
        self.names = formulas()
        self.setting = setting
        self.group = setting.group
        self.seats = seats
        self.committee = plan.committee
        self.names.update(
            n=setting.peers,
            m=plan.committee,
            t=plan.threshold,
            k=plan.packing,
            e=plan.absent,
            d=setting.parameters,
            L=shape.polynomials,
            O=shape.opened_polynomials,
            K=shape.coin_polynomials,
            Y=1 if shape.sums else 0,
            H=2 if shape.first_part else 1,
            c=shape.challenges,
            w=shape.field.element_bytes,
            X=box_bytes(setting.version),
        )

    def __call__(self, name: str, *arguments: Any) -> int:
        size: int = self.names[name](*arguments)
        return size

    def at(self, round_: int, attempt: int) -> None:
        self.names.update(r=round_, a=attempt)

    def frame(self, data: bytes, to: int) -> int:
        frame = decode_frame(data)
        sizes = self._frame(frame, to)
        return self(type(frame).__name__, *sizes)

    def _frame(self, frame: Frame, to: int) -> tuple[Any, ...]:
        match frame:
            case AskFrame(statement, keys):
                return self.statement(statement), len(keys) // HYBRID_KEY_BYTES
            case StatementFrame(statement):
                return (self.statement(statement),)
            case SeenFrame(statement, statements, evidence):
                listed = self.statements(statements)
                return self.statement(statement), listed, [self.evidence(x) for x in evidence]
            case ProposalFrame(statement, outcome, inputs, lock):
                topic = decode_statement(statement, self.group).slot.subject
                if topic == Topic.COHORT:
                    given = [self.brief(item) for item in inputs[:1]] + self.statements(inputs[1:])
                else:
                    given = [self.input(item) for item in inputs]
                votes = self.statements(lock)
                return self.statement(statement), self.outcome(topic, outcome), given, votes
            case NewViewFrame(statement, outcome, lock):
                topic = decode_statement(statement, self.group).slot.subject
                held = self.outcome(topic, outcome) if outcome else 0
                votes = self.statements(lock)
                return self.statement(statement), held, votes
            case DecisionFrame(outcome, votes):
                topic = decode_statement(votes[0], self.group).slot.subject
                return self.outcome(topic, outcome), self.statements(votes)
            case DealingFrame(header, _):
                said = decode_statement(header, self.group)
                self.at(said.slot.round, said.slot.attempt)
                return said.signer, self.seat(said, to)
            case SumFrame(statement, _):
                said = decode_statement(statement, self.group)
                self.at(said.slot.round, said.slot.attempt)
                of_coin = said.kind is Kind.COIN
                return said.signer, self.names["K" if of_coin else "O"]
            case HaveFrame(round_, attempt, hashes):
                self.at(round_, attempt)
                return (len(hashes),)
            case EvidenceFrame(evidence):
                return (self.evidence(evidence),)
            case CertificateFrame(certificate):
                return (self.certificate(certificate),)
            case HelloFrame(round_, attempt):
                self.at(round_, attempt)
                return ()
            case RecallFrame(round_):
                self.at(round_, 0)
                return ()
            case RecalledFrame(statements, round_):
                self.at(round_, 0)
                return (self.statements(statements),)
            case ReadyFrame(round_) | AwayFrame(round_):
                self.at(round_, 0)
                return ()

    def statements(self, items: Iterable[bytes]) -> list[int]:
        return [self.statement(item) for item in items]

    def statement(self, data: bytes) -> int:
        said = decode_statement(data, self.group)
        slot, payload = said.slot, said.payload
        self.at(slot.round, slot.attempt)
        i, name = slot.signer, slot.kind.name
        dealer, seat = divmod(slot.subject, self.committee)
        match slot.kind:
            case Kind.SEEN:
                counts = len(payload.statements), len(payload.evidence)
                return self(name, i, slot.subject, *counts)
            case Kind.PROPOSAL | Kind.FIRST_VOTE | Kind.SECOND_VOTE:
                return self(name, i, slot.subject, slot.view)
            case Kind.NEW_VIEW:
                return self(name, i, slot.subject, slot.view, payload.lock_view)
            case Kind.REPORT:
                return self(name, i, [about for about, _, _ in payload.words])
            case Kind.COMPLAINT:
                return self(name, i, slot.subject, self.seat(said, i))
            case Kind.DELIVERY:
                return self(name, dealer, seat)
            case Kind.ATTESTATION:
                return self(name, i, len(payload.carried))
            case Kind.ANSWER | Kind.DISCLOSURE:
                return self(name, i, dealer, seat)
            case Kind.RESULT:
                return self(name, i, range(payload.dealers))
            case Kind.ABANDON:
                return self(name, i, len(payload.words))
            case Kind.APPROVE:
                return self(name, i, payload.last)
        return self(name, i)

    def brief(self, data: bytes) -> int:
        brief = from_value(Brief, unpack(data))
        said = [
            [self("SAID", signer, len(bits), len(rest)) for signer, _, bits, rest in items]
            for items in (brief.reports, brief.seen)
        ]
        dealers = [dealer for dealer, _ in brief.headers]
        return self("BRIEF", dealers, *said, len(brief.answers) // 68)

    def seat(self, said: Statement, peer: int) -> int:
        return self.seats[said.slot.round, said.slot.attempt].index(peer)

    def outcome(self, topic: int, data: bytes) -> int:
        if topic == Topic.COMMITS and is_resolution(data):
            ended = Resolution.decode(data)
            return self("RESOLUTION", dict(ended.named), ended.guilty, ended.lockouts)
        if topic == self.setting.elects_by:
            return self.election(Election.decode(data))
        if topic == Topic.COMMITS:
            agreed = Commitments.decode(data)
            peers = [peer for peer, _, _ in agreed.commits]
            return self("COMMITMENTS", peers, dict(agreed.guilty), agreed.silent)
        cohort = Cohort.decode(data)
        return self("COHORT", cohort.peers, dict(cohort.excluded))

    def election(self, election: Election) -> int:
        guilty = dict(election.guilty)
        return self("ELECTION", list(election.keys), election.missing, guilty, election.silent)

    def election_certificate(self, certificate: ElectionCertificate) -> int:
        votes = self.statements(certificate.votes)
        election = self.outcome(self.setting.elects_by, certificate.outcome)
        self.at(certificate.round, certificate.attempt)
        return self("ELECTION_CERTIFICATE", election, votes)

    def certificate(self, data: bytes) -> int:
        certificate = decode_certificate(data)
        if isinstance(certificate, ResolutionCertificate):
            resolution = self.outcome(Topic.COMMITS, certificate.outcome)
            votes = self.statements(certificate.votes)
            return self("RESOLUTION_CERTIFICATE", resolution, votes)
        election = self.election_certificate(certificate.election)
        cohort = self.outcome(Topic.COHORT, certificate.cohort)
        results = self.statements(certificate.results)
        return self("CERTIFICATE", election, cohort, results)

    def evidence(self, data: bytes) -> int:
        evidence = open_evidence(self.setting, data)
        election = self.election_certificate(evidence.election) if evidence.election else 1
        said = self.statements(statement.wire for statement in evidence.statements)
        return self("EVIDENCE", election, said + [self.item(item) for item in evidence.rest])

    def item(self, data: bytes) -> int:
        """Beside statements, evidence holds a certificate, or an opened coordinate."""
        try:
            return self.certificate(data)
        except WireError:
            return len(data)

    def input(self, data: bytes) -> int:
        """A proposal's inputs: statements, or frames of statements and of evidence."""
        try:
            return self.statement(data)
        except WireError:
            return self.frame(data, -1)
