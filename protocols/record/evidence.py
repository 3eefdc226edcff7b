"""Evidence: bytes that prove a peer guilty to anyone who knows the genesis (docs/protocol.md §0).

Evidence carries all that its verdict rests on, the certificate of the election included. ``judge``
gives the culprit, or raises WireError: worthless evidence proves nothing, of nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any

from protocols.errors import WireError
from protocols.hashing import digest
from protocols.opening import evaluate_polynomial, verify_polynomial, verify_word
from protocols.proof import DealingShape, Verdict, check, check_proof
from protocols.proof.shape import Opening
from protocols.record.asks import asked, boxes_of, word_of
from protocols.record.base import Base, named_base
from protocols.record.certificate import CertifiedRound, verify_certificate
from protocols.record.door import is_signed, read_statement
from protocols.record.elected import Elected, ElectionCertificate, key_lookup, verify_election
from protocols.record.setting import Setting
from protocols.wire.canonical import Value, pack, unpack
from protocols.wire.payloads import Kind, Result
from protocols.wire.schema import (
    MAX_EVIDENCE,
    MAX_STATEMENT,
    Bytes,
    Integer,
    ListOf,
    Tuple,
    from_value,
    to_value,
)
from protocols.wire.statement import Statement


class Fault(IntEnum):
    """What a piece of evidence shows."""

    EQUIVOCATION = 1
    WRONG_REVEAL = 2
    MALFORMED_PROOF = 3
    COMPLAINT = 4
    DISCLOSURE = 5
    WRONG_SUM = 6
    WRONG_RESULT = 7


@dataclass(frozen=True, slots=True)
class Finding:
    """A proven deviation. ``round`` is where it happened; ``reason`` is for people."""

    culprit: int
    reason: str
    round: int


STATEMENTS = {
    Fault.EQUIVOCATION: 2,
    Fault.WRONG_REVEAL: 2,
    Fault.MALFORMED_PROOF: 1,
    Fault.COMPLAINT: 1,
    Fault.DISCLOSURE: 3,
    Fault.WRONG_SUM: 1,
    Fault.WRONG_RESULT: 1,
}
"""How many of a piece's items are statements: they come first."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """``statements`` are what somebody signed; ``rest`` is what their verdict needs beside them: a
    certificate, a coordinate with its paths, a reference.
    """

    fault: Fault
    election: ElectionCertificate | None = field(repr=False)
    statements: tuple[Statement, ...]
    rest: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def suspects(self) -> set[int]:
        """One of whom it proves guilty, should it prove anything: of complaints and disclosures the
        dealer, or whoever said it of a valid share.
        """
        if self.fault is Fault.COMPLAINT:
            (said,) = self.statements
            return {said.slot.subject, said.signer}
        return {said.signer for said in self.statements}

    def encode(self) -> bytes:
        election = to_value(self.election) if self.election else None
        items: list[Value] = [*(said.wire for said in self.statements), *self.rest]
        return pack([int(self.fault), election, [*items]])


def open_evidence(setting: Setting, data: bytes) -> Evidence:
    """A piece that somebody shows, decoded. WireError for what is none; judges nothing."""
    value = unpack(data)
    if not isinstance(value, list) or len(value) != 3:
        raise WireError("evidence has three fields")
    fault = Fault(Integer(max(Fault), 1).check(value[0], "evidence.fault"))
    election = None if value[1] is None else from_value(ElectionCertificate, value[1])
    items = ListOf(Bytes(MAX_EVIDENCE), 8).check(value[2], "evidence.items")
    count = STATEMENTS[fault]
    if len(items) < count:
        raise WireError(f"{fault.name} takes {count} statements")
    statements = tuple(read_statement(setting, item) for item in items[:count])
    return Evidence(fault, election, statements, items[count:])


def evidence_hash(data: bytes) -> bytes:
    return digest("peerd/evidence", data)


def rank(data: bytes) -> tuple[int, bytes]:
    """Of several pieces against one peer that with the least is shown."""
    return len(data), evidence_hash(data)


def judge_bytes(setting: Setting, data: bytes) -> Finding:
    """The culprit and why. Raises WireError for evidence that proves nothing."""
    found = evidence_hash(data)
    recall = setting.memory.recall
    return recall("verdict", found, lambda: _judge(setting, open_evidence(setting, data)))


def judge(setting: Setting, evidence: Evidence) -> Finding:
    """The same for a piece that was made here."""
    key = evidence_hash(evidence.encode())
    return setting.memory.recall("verdict", key, lambda: _judge(setting, evidence))


def _judge(setting: Setting, evidence: Evidence) -> Finding:
    flip = verify_election(setting, evidence.election) if evidence.election else None
    return _JUDGES[evidence.fault](_Case(setting, evidence, flip))


@dataclass(frozen=True, slots=True)
class _Case:
    setting: Setting
    evidence: Evidence
    flip: Elected | None

    def rest(self, count: int) -> tuple[bytes, ...]:
        if len(self.evidence.rest) != count:
            raise WireError(f"{self.evidence.fault.name} takes {count} items beside statements")
        return self.evidence.rest

    def expect_base(self) -> None:
        """Beside its statements there may be what ``base`` needs, and nothing else."""
        if len(self.evidence.rest) > int(self.setting.aggregator.uses_reference):
            fault = self.evidence.fault
            raise WireError(f"{fault.name} takes {STATEMENTS[fault]} items")

    def base(self, header: Statement) -> Base:
        """What the header's dealer says that it started from."""
        return named_base(self.setting, header.payload.base_model, self.evidence.rest)

    def statement(self, index: int, kind: Kind | None = None) -> Statement:
        """A statement that its signer signed, of the election that the evidence carries."""
        return self.signed(self.evidence.statements[index], kind)

    def signed(self, statement: Statement, kind: Kind | None = None) -> Statement:
        slot = statement.slot
        if kind is not None and slot.kind is not kind:
            raise WireError(f"{kind.name} was expected, not {slot.kind.name}")
        if not slot.by_identity and slot.place != self.election().place:
            raise WireError("a statement of another election than the evidence's")
        key = key_lookup(self.setting, self.flip.keys if self.flip else {})(slot)
        if key is None or not is_signed(self.setting, statement, key):
            raise WireError(f"{slot.kind.name}: not signed by peer {slot.signer}")
        return statement

    def election(self) -> Elected:
        if self.flip is None:
            raise WireError("evidence about a committee without its election")
        return self.flip

    def seat(self, peer: int) -> int:
        seats = self.election().seats
        if peer not in seats:
            raise WireError(f"peer {peer} has no seat")
        return seats.index(peer)

    def header(self, data: bytes, dealer: int) -> Statement:
        statement = self.signed(read_statement(self.setting, data), Kind.HEADER)
        if statement.signer != dealer:
            raise WireError("a header of another dealer")
        return statement


def judge_dealing(
    setting: Setting,
    flip: Elected,
    header: Statement,
    seat: int,
    package: bytes,
    base: Base,
) -> Verdict:
    """A package under the signed header that came with it, and under no other (fault 70).

    ``base`` is the one that the header names. Raises WireError if it is another.
    """
    if header.payload.base_model != base.hash:
        raise WireError("a dealing judged under another base than its header names")
    context = setting.dealing_context(
        *flip.place,
        flip.hash,
        header.payload.base_model,
        header.signer,
    )
    said = header.payload
    public = setting.public_inputs(header.signer)

    def judged() -> Verdict:
        return check(base.shape, seat, context, said.root, said.proof, package, public)

    # A complaint comes alone, and in evidence under as many certificates as there are quorums.
    key = digest("peerd/judged", context, header.hash, seat.to_bytes(8, "little"), package)
    return setting.memory.recall("dealing", key, judged)


def _equivocation(case: _Case) -> Finding:
    case.rest(0)
    first, second = case.statement(0), case.statement(1)
    if first.slot != second.slot or first.body == second.body or first.kind is Kind.APPROVE:
        raise WireError("two statements that don't contradict each other")
    reason = f"signed two different {first.kind.name} statements"
    return Finding(first.signer, reason, first.slot.round)


def _wrong_reveal(case: _Case) -> Finding:
    case.rest(0)
    said = case.statement(0, Kind.COMMIT)
    shown = case.statement(1, Kind.REVEAL)
    slot = said.slot
    place = (slot.round, slot.attempt, slot.signer)
    if place != (shown.slot.round, shown.slot.attempt, shown.signer):
        raise WireError("a reveal of another commitment")
    expected = case.setting.commitment(*place, shown.payload.nonce)
    if expected == said.payload.commitment:
        raise WireError("the reveal fits its commitment")
    return Finding(slot.signer, "revealed another nonce than it committed to", slot.round)


def _malformed_proof(case: _Case) -> Finding:
    case.rest(0)
    header = case.statement(0, Kind.HEADER)
    if check_proof(case.setting.shape, header.payload.proof):
        raise WireError("the header's proof is well formed")
    return Finding(header.signer, "published a malformed proof", header.slot.round)


def _complaint(case: _Case) -> Finding:
    """Judged as a function of its own bytes alone (§3): dealer or complainer, or nobody."""
    case.expect_base()
    complaint = case.statement(0, Kind.COMPLAINT)
    dealer, round_ = complaint.slot.subject, complaint.slot.round
    header = case.header(complaint.payload.header, dealer)
    seat = case.seat(complaint.signer)
    package, base = complaint.payload.package, case.base(header)
    verdict = judge_dealing(case.setting, case.election(), header, seat, package, base)
    if verdict is Verdict.UNBOUND:
        raise WireError("a complaint whose package does not open the header's root")
    if verdict is Verdict.INVALID:
        return Finding(dealer, "dealt shares that fail its own proof", round_)
    return Finding(complaint.signer, "complained about a valid share", round_)


def _disclosure(case: _Case) -> Finding:
    """An opened delivery: invalid content convicts the dealer, valid content the asker (§3)."""
    case.expect_base()
    report = case.statement(0, Kind.REPORT)
    delivery = case.statement(1, Kind.DELIVERY)
    disclosure = case.statement(2, Kind.DISCLOSURE)
    asker, dealer, said = disclosure.signer, delivery.signer, disclosure.payload
    if report.signer != asker or said.report != report.hash:
        raise WireError("a disclosure of another ask")
    if delivery.payload.report != report.hash or said.delivery != delivery.hash:
        raise WireError("a disclosure of another delivery")
    key = boxes_of(case.setting).public(said.secret)
    if asked(report).get(dealer) != word_of(case.setting.version, key):
        raise WireError("a disclosure under another key than the one asked with")
    if _delivery_is_valid(case, delivery, said.secret, case.seat(asker)):
        return Finding(asker, "disclosed a valid delivery as an invalid one", report.slot.round)
    return Finding(dealer, "answered an ask with an invalid delivery", report.slot.round)


_DELIVERED = Tuple((Bytes(MAX_STATEMENT), Bytes(MAX_STATEMENT)))


def open_delivery(
    setting: Setting, flip: Elected, delivery: Statement, secret: bytes
) -> tuple[Statement, bytes] | None:
    """Header and package of a delivery that holds a header of its dealer's, else None."""
    plain = boxes_of(setting).unseal(secret, delivery.payload.box)
    if plain is None:
        return None
    try:
        header_bytes, package = _DELIVERED.check(unpack(plain), "delivery")
        header = read_statement(setting, header_bytes)
    except WireError:
        return None
    slot, key = header.slot, flip.keys.get(delivery.signer)
    named = (*slot.place, slot.kind, slot.signer)
    if named != (*flip.place, Kind.HEADER, delivery.signer) or key is None:
        return None
    if not is_signed(setting, header, key):
        return None
    return header, package


def _delivery_is_valid(case: _Case, delivery: Statement, secret: bytes, seat: int) -> bool:
    """Raises WireError if that rests on a reference which the evidence lacks."""
    opened = open_delivery(case.setting, case.election(), delivery, secret)
    if opened is None:
        return False
    header, package = opened
    base = case.base(header)
    verdict = judge_dealing(case.setting, case.election(), header, seat, package, base)
    return verdict is Verdict.VALID


_COORDINATE = Tuple(
    (Integer((1 << 32) - 1), Integer((1 << 63) - 1), Bytes(4096), Bytes(1 << 16), Bytes(1 << 22))
)


def wrong_sum(
    flip: Elected,
    statement: Statement,
    certificate: bytes,
    coordinate: tuple[int, int, bytes, bytes, bytes],
) -> Evidence:
    """``coordinate`` is (index, word, its path, polynomial's coefficients, their path)."""
    rest = certificate, pack(list(coordinate))
    return Evidence(Fault.WRONG_SUM, flip.certificate, (statement,), rest)


def opened_by(shape: DealingShape, kind: Kind) -> tuple[Opening, int]:
    """What words under a SUM or a COIN are of, and the first certified polynomial of it."""
    return (shape.coin, shape.opened_polynomials) if kind is Kind.COIN else (shape, 0)


def _wrong_sum(case: _Case) -> Finding:
    """One signed coordinate against the certified polynomials (§6)."""
    certificate, coordinate = case.rest(2)
    said = case.statement(0)
    if said.kind not in (Kind.SUM, Kind.COIN):
        raise WireError(f"SUM or COIN was expected, not {said.kind.name}")
    certified = _certified(case, certificate)
    index, word, path, coefficients, polynomial_path = _COORDINATE.check(
        unpack(coordinate), "evidence.coordinate"
    )
    shape = case.setting.shape
    if said.payload.cohort != certified.result.cohort:
        raise WireError("a sum over another cohort than the certified one")
    code, first = opened_by(shape, said.kind)
    if not verify_word(code, said.payload.root, index - first, word, path):
        raise WireError("the word is not the one that was signed")
    certified_root = certified.result.polynomials
    if not verify_polynomial(shape, certified_root, index, coefficients, polynomial_path):
        raise WireError("the polynomial is not the certified one")
    if evaluate_polynomial(shape, coefficients, case.seat(said.signer)) == word:
        raise WireError("the word lies on the certified polynomial")
    return Finding(said.signer, "sent a wrong word in the opening", said.slot.round)


def _wrong_result(case: _Case) -> Finding:
    (certificate,) = case.rest(1)
    said = case.statement(0, Kind.RESULT)
    certified = _certified(case, certificate)
    case.seat(said.signer)
    if not contradicts(said.payload, certified.result):
        raise WireError("the result is the certified one, or differs in the model's hash alone")
    return Finding(said.signer, "signed another result than the certified one", said.slot.round)


def contradicts(result: Result, certified: Result) -> bool:
    """Whether a member that signed ``result`` lied. A model's hash alone convicts nobody: a machine
    that computes the same opened integers to another model is broken, not dishonest (fault 67).
    """
    return replace(result, model=certified.model) != certified


def _certified(case: _Case, data: bytes) -> CertifiedRound:
    certified = verify_certificate(case.setting, data)
    mine = case.election()
    if (certified.round, certified.attempt) != mine.place:
        raise WireError("a certificate of another round")
    return certified


_JUDGES: dict[Fault, Callable[[Any], Finding]] = {
    Fault.EQUIVOCATION: _equivocation,
    Fault.WRONG_REVEAL: _wrong_reveal,
    Fault.MALFORMED_PROOF: _malformed_proof,
    Fault.COMPLAINT: _complaint,
    Fault.DISCLOSURE: _disclosure,
    Fault.WRONG_SUM: _wrong_sum,
    Fault.WRONG_RESULT: _wrong_result,
}
