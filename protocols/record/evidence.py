"""Evidence: bytes that prove a peer guilty to anyone who knows the genesis (docs/protocol.md §0).

Evidence carries all that its verdict rests on, the certificate of the election included. ``judge``
gives the culprit, or raises WireError: worthless evidence proves nothing, of nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from protocols.errors import WireError
from protocols.hashing import digest
from protocols.opening import evaluate_polynomial, verify_polynomial, verify_word
from protocols.proof import Verdict, check, check_proof
from protocols.record.base import Base, named_base
from protocols.record.certificate import (
    CertifiedRound,
    ElectionCertificate,
    key_lookup,
    seats_of,
    verify_certificate,
)
from protocols.record.desk import check_size
from protocols.record.setting import Setting
from protocols.wire.canonical import pack, unpack
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
from protocols.wire.statement import Check, Kind, Result, Slot, Statement, decode_statement


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


@dataclass(frozen=True, slots=True)
class Evidence:
    fault: Fault
    election: ElectionCertificate | None
    items: tuple[bytes, ...]

    def encode(self) -> bytes:
        election = to_value(self.election) if self.election else None
        return pack([int(self.fault), election, list(self.items)])

    @classmethod
    def decode(cls, data: bytes) -> Evidence:
        value = unpack(data)
        if not isinstance(value, list) or len(value) != 3:
            raise WireError("evidence has three fields")
        fault = Integer(max(Fault), 1).check(value[0], "evidence.fault")
        election = None if value[1] is None else from_value(ElectionCertificate, value[1])
        items = ListOf(Bytes(MAX_EVIDENCE), 8).check(value[2], "evidence.items")
        return cls(Fault(fault), election, items)


def evidence_hash(data: bytes) -> bytes:
    return digest("peerd/evidence", data)


class Judge:
    """Judges evidence within a group; remembers which elections it has verified."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._elections: dict[bytes, ElectionCertificate] = {}
        self._verdicts: dict[bytes, Finding] = {}

    def judge(self, data: bytes) -> Finding:
        """The culprit and why. Raises WireError for evidence that proves nothing."""
        key = evidence_hash(data)
        if key not in self._verdicts:
            finding = self._judge(Evidence.decode(data))
            if len(self._verdicts) >= 4 * self._setting.peers:
                self._verdicts.clear()
            self._verdicts[key] = finding
        return self._verdicts[key]

    def _judge(self, evidence: Evidence) -> Finding:
        key_of: Callable[[Slot], bytes | None]
        if evidence.election is None:
            key_of = self._identity_key
        else:
            self._verify_election(evidence.election)
            key_of = key_lookup(self._setting, evidence.election.election)
        case = _Case(self._setting, evidence, key_of)
        return _JUDGES[evidence.fault](case)

    def _identity_key(self, slot: Slot) -> bytes | None:
        if not slot.by_identity or slot.signer >= self._setting.peers:
            return None
        return self._setting.roster[slot.signer]

    def _verify_election(self, certificate: ElectionCertificate) -> None:
        key = digest("peerd/seen-election", pack(to_value(certificate)))
        if key not in self._elections:
            certificate.verify(self._setting)
            if len(self._elections) >= 64:
                self._elections.clear()
            self._elections[key] = certificate


@dataclass(frozen=True, slots=True)
class _Case:
    setting: Setting
    evidence: Evidence
    key_of: Callable[[Slot], bytes | None]

    def items(self, count: int) -> tuple[bytes, ...]:
        if len(self.evidence.items) != count:
            raise WireError(f"{self.evidence.fault.name} takes {count} items")
        return self.evidence.items

    def items_and_base(self, count: int) -> tuple[bytes, ...]:
        """The first ``count`` items; behind them there may be what ``base`` needs."""
        most = count + (1 if self.setting.aggregator.uses_reference else 0)
        if not count <= len(self.evidence.items) <= most:
            raise WireError(f"{self.evidence.fault.name} takes {count} items")
        return self.evidence.items[:count]

    def base(self, header: Statement, count: int) -> Base:
        """What the header's dealer says that it started from."""
        return named_base(self.setting, header.payload.base_model, self.evidence.items[count:])

    def statement(self, data: bytes, kind: Kind | None = None) -> Statement:
        """A statement that its signer signed, of the election that the evidence carries."""
        check_size(self.setting, data)
        statement = decode_statement(data, self.setting.group)
        slot = statement.slot
        if kind is not None and slot.kind is not kind:
            raise WireError(f"{kind.name} was expected, not {slot.kind.name}")
        if not slot.by_identity:
            certificate = self.election()
            if (slot.round, slot.attempt) != (certificate.round, certificate.attempt):
                raise WireError("a statement of another election than the evidence's")
        key = self.key_of(slot)
        if key is None or not statement.signed_by(self.setting.crypto, key):
            raise WireError(f"{slot.kind.name}: not signed by peer {slot.signer}")
        return statement

    def election(self) -> ElectionCertificate:
        if self.evidence.election is None:
            raise WireError("evidence about a committee without its election")
        return self.evidence.election

    def seat(self, peer: int) -> int:
        seats = seats_of(self.setting, self.election().election)
        if peer not in seats:
            raise WireError(f"peer {peer} has no seat")
        return seats.index(peer)

    def header(self, data: bytes, dealer: int) -> Statement:
        statement = self.statement(data, Kind.HEADER)
        if statement.signer != dealer:
            raise WireError("a header of another dealer")
        return statement


def judge_dealing(
    setting: Setting,
    election: ElectionCertificate,
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
        election.round,
        election.attempt,
        election.hash(setting),
        header.payload.base_model,
        header.signer,
    )
    said = header.payload
    return check(base.shape, seat, context, said.root, said.proof, package)


def _equivocation(case: _Case) -> Finding:
    first, second = (case.statement(item) for item in case.items(2))
    if first.slot != second.slot or first.body == second.body:
        raise WireError("two statements that don't contradict each other")
    reason = f"signed two different {first.kind.name} statements"
    return Finding(first.signer, reason, first.slot.round)


def _wrong_reveal(case: _Case) -> Finding:
    commit, reveal = case.items(2)
    said = case.statement(commit, Kind.COMMIT)
    shown = case.statement(reveal, Kind.REVEAL)
    slot = said.slot
    place = (slot.round, slot.attempt, slot.signer)
    if place != (shown.slot.round, shown.slot.attempt, shown.signer):
        raise WireError("a reveal of another commitment")
    expected = case.setting.commitment(*place, shown.payload.nonce)
    if expected == said.payload.commitment:
        raise WireError("the reveal fits its commitment")
    return Finding(slot.signer, "revealed another nonce than it committed to", slot.round)


def _malformed_proof(case: _Case) -> Finding:
    (data,) = case.items(1)
    header = case.statement(data, Kind.HEADER)
    if check_proof(case.setting.shape, header.payload.proof):
        raise WireError("the header's proof is well formed")
    return Finding(header.signer, "published a malformed proof", header.slot.round)


def _complaint(case: _Case) -> Finding:
    """Judged as a function of its own bytes alone (§3): dealer or complainer, or nobody."""
    (data,) = case.items_and_base(1)
    complaint = case.statement(data, Kind.COMPLAINT)
    dealer, round_ = complaint.slot.subject, complaint.slot.round
    header = case.header(complaint.payload.header, dealer)
    seat = case.seat(complaint.signer)
    package, base = complaint.payload.package, case.base(header, 1)
    verdict = judge_dealing(case.setting, case.election(), header, seat, package, base)
    if verdict is Verdict.UNBOUND:
        raise WireError("a complaint whose package does not open the header's root")
    if verdict is Verdict.INVALID:
        return Finding(dealer, "dealt shares that fail its own proof", round_)
    return Finding(complaint.signer, "complained about a valid share", round_)


def _disclosure(case: _Case) -> Finding:
    """An opened delivery: invalid content convicts the dealer, valid content the asker (§3)."""
    asked, delivered, disclosed = case.items_and_base(3)
    report = case.statement(asked, Kind.REPORT)
    delivery = case.statement(delivered, Kind.DELIVERY)
    disclosure = case.statement(disclosed, Kind.DISCLOSURE)
    asker, dealer, said = disclosure.signer, delivery.signer, disclosure.payload
    if report.signer != asker or said.report != report.hash:
        raise WireError("a disclosure of another ask")
    if delivery.payload.report != report.hash or said.delivery != delivery.hash:
        raise WireError("a disclosure of another delivery")
    keys = [
        data for about, word, data in report.payload.words if (about, word) == (dealer, ASK_WORD)
    ]
    if keys != [case.setting.crypto.box_public(said.secret)]:
        raise WireError("a disclosure under another key than the one asked with")
    if _delivery_is_valid(case, delivery, said.secret, case.seat(asker)):
        return Finding(asker, "disclosed a valid delivery as an invalid one", report.slot.round)
    return Finding(dealer, "answered an ask with an invalid delivery", report.slot.round)


ASK_WORD = int(Check.ASK)
_DELIVERED = Tuple((Bytes(MAX_STATEMENT), Bytes(MAX_STATEMENT)))


def open_delivery(
    setting: Setting, election: ElectionCertificate, delivery: Statement, secret: bytes
) -> tuple[Statement, bytes] | None:
    """Header and package of a delivery that holds a header of its dealer's, else None."""
    plain = setting.crypto.unseal(secret, delivery.payload.box)
    if plain is None:
        return None
    try:
        header_bytes, package = _DELIVERED.check(unpack(plain), "delivery")
        header = decode_statement(header_bytes, setting.group)
    except WireError:
        return None
    slot = header.slot
    place = (election.round, election.attempt, Kind.HEADER, delivery.signer)
    key = election.election.keys.get(delivery.signer)
    if (slot.round, slot.attempt, slot.kind, slot.signer) != place or key is None:
        return None
    if not header.signed_by(setting.crypto, key):
        return None
    return header, package


def _delivery_is_valid(case: _Case, delivery: Statement, secret: bytes, seat: int) -> bool:
    """Raises WireError if that rests on a reference which the evidence lacks."""
    opened = open_delivery(case.setting, case.election(), delivery, secret)
    if opened is None:
        return False
    header, package = opened
    base = case.base(header, 3)
    verdict = judge_dealing(case.setting, case.election(), header, seat, package, base)
    return verdict is Verdict.VALID


_COORDINATE = Tuple(
    (Integer((1 << 32) - 1), Integer((1 << 63) - 1), Bytes(4096), Bytes(1 << 16), Bytes(4096))
)


def wrong_sum_items(
    sum_statement: Statement,
    certificate: bytes,
    coordinate: tuple[int, int, bytes, bytes, bytes],
) -> tuple[bytes, ...]:
    """``coordinate`` is (index, word, its path, polynomial's coefficients, their path)."""
    return sum_statement.wire, certificate, pack(list(coordinate))


def _wrong_sum(case: _Case) -> Finding:
    """One signed coordinate against the certified polynomials (§6)."""
    data, certificate, coordinate = case.items(3)
    said = case.statement(data, Kind.SUM)
    certified = _certified(case, certificate)
    index, word, path, coefficients, polynomial_path = _COORDINATE.check(
        unpack(coordinate), "evidence.coordinate"
    )
    shape = case.setting.shape
    if said.payload.cohort != certified.result.cohort:
        raise WireError("a sum over another cohort than the certified one")
    if not verify_word(shape, said.payload.root, index, word, path):
        raise WireError("the word is not the one that was signed")
    certified_root = certified.result.polynomials
    if not verify_polynomial(shape, certified_root, index, coefficients, polynomial_path):
        raise WireError("the polynomial is not the certified one")
    if evaluate_polynomial(shape, coefficients, case.seat(said.signer)) == word:
        raise WireError("the word lies on the certified polynomial")
    return Finding(said.signer, "sent a wrong word in the opening", said.slot.round)


def _wrong_result(case: _Case) -> Finding:
    data, certificate = case.items(2)
    said = case.statement(data, Kind.RESULT)
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
    if (certified.round, certified.attempt) != (mine.round, mine.attempt):
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
