"""Certificates: what a peer takes from anyone, because it proves itself (docs/protocol.md §6).

An election certificate shows who sat, under which keys (elected.py); a round certificate shows
what a quorum of those who sat signed, or that the roster ended the round by a resolution. All are
checked with nothing but the group's setting.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from protocols.errors import WireError
from protocols.hashing import digest, numbers
from protocols.record.abandonment import abandons, enough
from protocols.record.cohort import Cohort, Exclusion
from protocols.record.door import is_signed, read_statement
from protocols.record.elected import (
    Elected,
    ElectionCertificate,
    key_lookup,
    roster_electorate,
    verify_election,
)
from protocols.record.election import Election
from protocols.record.ledger import Ledger
from protocols.record.origin import Origin
from protocols.record.resolution import Resolution
from protocols.record.setting import Setting
from protocols.record.votes import check_quorum, outcome_hash
from protocols.wire.canonical import Value, pack, unpack
from protocols.wire.payloads import Abandon, Kind, Result, Topic
from protocols.wire.schema import (
    MAX_PEERS,
    MAX_ROUND,
    MAX_SEATS,
    MAX_STATEMENT,
    Bytes,
    Integer,
    ListOf,
    from_value,
    to_value,
    wire,
)
from protocols.wire.statement import MAX_ATTEMPT, Statement

GENESIS = "peerd/genesis-certificate"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A round's result, signed by a quorum of its members with their one-round keys; or the word of
    its operators, with their identities, that its cohort is given up (§6).
    """

    election: ElectionCertificate
    cohort: bytes
    results: tuple[bytes, ...]

    def encode(self) -> bytes:
        return pack([to_value(self.election), self.cohort, list(self.results)])

    @classmethod
    def decode(cls, data: bytes) -> Certificate:
        return cls.of(unpack(data))

    @classmethod
    def of(cls, value: Value) -> Certificate:
        """From its plain value. WireError."""
        if not isinstance(value, list) or len(value) != 3:
            raise WireError("a certificate has three fields, or four where nobody was elected")
        election = from_value(ElectionCertificate, value[0])
        cohort = Bytes(MAX_STATEMENT).check(value[1], "certificate.cohort")
        results = ListOf(Bytes(1024), MAX_SEATS).check(value[2], "certificate.results")
        return cls(election, cohort, results)


@dataclass(frozen=True, slots=True)
class ResolutionCertificate:
    """A resolution, with a quorum of the roster's second votes for it."""

    round: int = wire(Integer(MAX_ROUND))
    attempt: int = wire(Integer(MAX_ATTEMPT))
    outcome: bytes = wire(Bytes(MAX_STATEMENT))
    votes: tuple[bytes, ...] = wire(ListOf(Bytes(1024), MAX_PEERS))

    def encode(self) -> bytes:
        return pack(to_value(self))


def decode_certificate(data: bytes) -> Certificate | ResolutionCertificate:
    """The certificate of a round, however it ended. WireError for anything else."""
    value = unpack(data)
    if isinstance(value, list) and len(value) == 4:
        return from_value(ResolutionCertificate, value)
    return Certificate.of(value)


End: TypeAlias = Result | Abandon | Resolution


class Close(StrEnum):
    """How a round came to its end, in the words in which it is shown."""

    OPENED = "completed"
    ABANDONED = "abandoned"
    PAUSED = "paused"
    HANDED_OVER = "handed over"


@dataclass(frozen=True, slots=True)
class CertifiedRound:
    """What a verified certificate says. ``end``: the result, or that ``cohort`` was given up, or a
    resolution: then nobody was elected, and nothing dealt.
    """

    round: int
    attempt: int
    flip: Elected | None
    cohort: Cohort
    end: End
    signers: tuple[int, ...]
    hash: bytes
    certificate: Certificate | ResolutionCertificate

    @property
    def elected(self) -> Elected:
        """WireError where the round ended before anybody was."""
        if self.flip is None:
            raise WireError("a round that a resolution ended has no election")
        return self.flip

    @property
    def election(self) -> Election:
        return self.elected.election

    @property
    def keys(self) -> Mapping[int, bytes]:
        """Who took part to the end, and under which one-round keys."""
        return {} if self.flip is None else self.flip.keys

    @property
    def guilty(self) -> tuple[tuple[int, bytes], ...]:
        """Whom it names as proven guilty, with the hash of the evidence."""
        return self.end.named if isinstance(self.end, Resolution) else self.election.guilty

    @property
    def close(self) -> Close:
        match self.end:
            case Result():
                return Close.OPENED
            case Abandon():
                return Close.ABANDONED
            case Resolution():
                return Close.HANDED_OVER if self.end.hands_over else Close.PAUSED

    @property
    def abandoned(self) -> bool:
        return isinstance(self.end, Abandon)

    @property
    def result(self) -> Result:
        """WireError where nothing was opened, and nobody was wrong."""
        if not isinstance(self.end, Result):
            raise WireError("a round that opened nothing has no result")
        return self.end

    @property
    def dealers(self) -> tuple[int, ...]:
        """Whose updates are in the model."""
        return self.cohort.peers if isinstance(self.end, Result) else ()

    def undealt(
        self, selected: Collection[int], peers: int, guilty: Collection[int]
    ) -> tuple[int, ...]:
        """Of ``peers`` members who was to deal, and did not, nor is proven guilty: here, or else
        (``guilty``). ``selected``: who was drawn to, of those that took part in the election.
        """
        if self.flip is None:
            return ()
        left_out = {peer for peer, why in self.cohort.excluded if why == Exclusion.GUILTY}
        left_out |= {peer for peer, _ in self.election.guilty} | set(guilty)
        undrawn = set(self.keys) - set(selected)
        return tuple(sorted(set(range(peers)) - set(self.cohort.peers) - left_out - undrawn))

    def ledger_after(self, ledger: Ledger) -> Ledger:
        """Who is excluded from here on; ``ledger`` is the one before."""
        if isinstance(self.end, Resolution):
            return self.end.ledger_after(ledger, self.hash)
        return ledger.after(self.round, self.election)


def result_hash(group: bytes, round_: int, attempt: int, result: Result | Abandon) -> bytes:
    """Names a certificate wherever it is bound: its statement, never its signatures."""
    return digest("peerd/certificate", group, *numbers(round_, attempt), pack(to_value(result)))


def origin_of(setting: Setting) -> Origin:
    """Where the group's first round goes on from."""
    if setting.origin is not None:
        return setting.origin
    return Origin(0, digest(GENESIS, setting.group, setting.first_model), Ledger())


def signatures_needed(setting: Setting) -> int:
    """A quorum of the committee: what its members abandon needs one too, and both share an honest
    member (§6).
    """
    return setting.plan.quorum


def verify_certificate(setting: Setting, data: bytes) -> CertifiedRound:
    """WireError unless ``data`` certifies a round of this group. Says nothing of the chain."""
    certificate = decode_certificate(data)
    if isinstance(certificate, ResolutionCertificate):
        return _verify_resolution(setting, certificate)
    flip = verify_election(setting, certificate.election)
    if flip.election.missing:
        raise WireError("a certificate of a void flip")
    statements = [read_statement(setting, item) for item in certificate.results]
    cohort = Cohort.decode(certificate.cohort)
    end: Result | Abandon
    if statements and statements[0].kind is Kind.ABANDON:
        end = _common_end(setting, flip, statements)
    else:
        end = _common_result(setting, flip, statements)
        if end.election != flip.hash:
            raise WireError("a certificate of another election")
        if end.dealers != len(cohort.dealers):
            raise WireError("a certificate that miscounts its dealers")
    if end.cohort != outcome_hash(Topic.COHORT, certificate.cohort):
        raise WireError("a certificate of another cohort")
    named = result_hash(setting.group, *flip.place, end)
    signers = tuple(statement.signer for statement in statements)
    return CertifiedRound(*flip.place, flip, cohort, end, signers, named, certificate)


def _verify_resolution(setting: Setting, certificate: ResolutionCertificate) -> CertifiedRound:
    found, place = Resolution.decode(certificate.outcome), (certificate.round, certificate.attempt)
    excluded = (peer for peer, _, _ in found.lockouts)
    if max((*found.guilty, *(peer for peer, _ in found.named), *excluded, 0)) >= setting.peers:
        raise WireError("a resolution about peers that are not in the roster")
    check_quorum(
        setting,
        roster_electorate(setting),
        Kind.SECOND_VOTE,
        (*place, Topic.COMMITS),
        certificate.votes,
        outcome_hash(Topic.COMMITS, certificate.outcome),
    )
    voters = tuple(read_statement(setting, vote).signer for vote in certificate.votes)
    named = found.hash_in(setting.group, *place)
    return CertifiedRound(*place, None, Cohort((), ()), found, voters, named, certificate)


def _common_end(setting: Setting, flip: Elected, statements: list[Statement]) -> Abandon:
    """What enough operators signed of one cohort (§6)."""
    end: Abandon = statements[0].payload
    signers = {said.signer for said in statements}
    for said in statements:
        slot = said.slot
        if (slot.round, slot.attempt, slot.kind) != (*flip.place, Kind.ABANDON):
            raise WireError("an abandonment with a statement of something else")
        if not abandons(said.payload, end.cohort, end.previous, end.model):
            raise WireError("an abandonment in other words, or of something else")
        key = key_lookup(setting, flip.keys)(slot)
        if key is None or not is_signed(setting, said, key):
            raise WireError(f"an abandonment that peer {said.signer} did not sign")
    if len(signers) < len(statements) or not enough(setting, flip.seats, signers):
        raise WireError("an abandonment without its quorums")
    return end


def _common_result(setting: Setting, flip: Elected, statements: list[Statement]) -> Result:
    """The one result that a quorum of the committee signed."""
    seats, key_of = set(flip.seats), key_lookup(setting, flip.keys)
    signers = set()
    for statement in statements:
        slot = statement.slot
        place = (slot.round, slot.attempt, slot.kind)
        if place != (*flip.place, Kind.RESULT):
            raise WireError("a certificate with a statement of something else")
        if slot.signer not in seats or slot.signer in signers:
            raise WireError(f"peer {slot.signer} has no seat, or signed twice")
        if statement.payload != statements[0].payload:
            raise WireError("a certificate with two results")
        key = key_of(slot)
        if key is None or not is_signed(setting, statement, key):
            raise WireError(f"a result that peer {slot.signer} did not sign")
        signers.add(slot.signer)
    if len(signers) < signatures_needed(setting):
        raise WireError(
            f"{len(signers)} signatures where {signatures_needed(setting)} make a certificate"
        )
    result: Result = statements[0].payload
    return result
