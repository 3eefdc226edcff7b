"""Certificates: what a peer takes from anyone, because it proves itself (docs/protocol.md §6).

An election certificate shows who sat, under which keys; a round certificate shows what t + e + 1 of
those who sat signed. Both are checked with nothing but the group's setting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from protocols.errors import WireError
from protocols.hashing import digest
from protocols.record.cohort import Cohort, Panel
from protocols.record.election import Election
from protocols.record.setting import Setting
from protocols.record.shuffle import coin, shuffled
from protocols.record.votes import Electorate, check_quorum, outcome_hash
from protocols.wire.canonical import pack, unpack
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
from protocols.wire.statement import (
    MAX_ATTEMPT,
    Kind,
    Result,
    Slot,
    Statement,
    Topic,
    decode_statement,
)

GENESIS = "peerd/genesis-certificate"


@dataclass(frozen=True)
class ElectionCertificate:
    """The outcome of a flip with a quorum of the roster's second votes for it."""

    round: int = wire(Integer(MAX_ROUND))
    attempt: int = wire(Integer(MAX_ATTEMPT))
    outcome: bytes = wire(Bytes(MAX_STATEMENT))
    votes: tuple[bytes, ...] = wire(ListOf(Bytes(1024), MAX_PEERS))

    @cached_property
    def election(self) -> Election:
        return Election.decode(self.outcome)

    @cached_property
    def hash_parts(self) -> tuple[int, int]:
        return self.round, self.attempt

    def hash(self, setting: Setting) -> bytes:
        return self.election.hash_in(setting.group, self.round, self.attempt)

    def verify(self, setting: Setting) -> Election:
        """WireError unless a quorum of the roster elected this."""
        election = self.election
        if max((*election.keys, *election.missing, 0)) >= setting.peers:
            raise WireError("an election of peers that are not in the roster")
        check_quorum(
            setting.crypto,
            setting.group,
            roster_electorate(setting),
            Kind.SECOND_VOTE,
            (self.round, self.attempt, Topic.REVEALS),
            self.votes,
            outcome_hash(Topic.REVEALS, self.outcome),
        )
        return election


def roster_electorate(setting: Setting) -> Electorate:
    """The whole roster votes on elections, locked-out peers too (§5)."""

    def key_of(slot: Slot) -> bytes | None:
        return setting.roster[slot.signer] if slot.signer < setting.peers else None

    return Electorate(tuple(range(setting.peers)), setting.roster_quorum, setting.liars, key_of)


def committee_electorate(setting: Setting, election: Election) -> Electorate:
    return Electorate(
        seats_of(setting, election),
        setting.plan.quorum,
        setting.plan.threshold,
        key_lookup(setting, election),
    )


def key_lookup(setting: Setting, election: Election) -> Callable[[Slot], bytes | None]:
    """Under which key a slot of this round is signed: identity, or certified one-round key."""

    def key_of(slot: Slot) -> bytes | None:
        if slot.signer >= setting.peers:
            return None
        return setting.roster[slot.signer] if slot.by_identity else election.keys.get(slot.signer)

    return key_of


def seats_of(setting: Setting, election: Election) -> tuple[int, ...]:
    """The committee in the order of its seats (§1, §2).

    Where the roster sits the coin only orders it, and whoever did not reveal keeps a silent seat;
    otherwise the first m of the shuffled peers that revealed sit.
    """
    seed = coin(election.nonces)
    pool = range(setting.peers) if setting.roster_sits else tuple(election.keys)
    return tuple(shuffled(tuple(pool), seed, "committee")[: setting.plan.committee])


def panel_of(setting: Setting, election: Election) -> Panel:
    """Who sits, and who deals: of the peers that revealed and are not guilty all, or those that
    the coin draws. Whoever was excluded before this round revealed nothing; so the certificate
    alone says who may lie, and an auditor finds what the members found.
    """
    able = tuple(sorted(set(election.keys) - {peer for peer, _ in election.guilty}))
    drawn = shuffled(able, coin(election.nonces), "clients")[: setting.clients]
    selected = tuple(sorted(drawn))
    liars = setting.liars_among(len(selected), len(able))
    return Panel(setting.plan, seats_of(setting, election), selected, liars)


@dataclass(frozen=True)
class Certificate:
    """A round's result, signed by t + e + 1 seated members with their one-round keys."""

    election: ElectionCertificate
    cohort: bytes
    results: tuple[bytes, ...]

    def encode(self) -> bytes:
        return pack([to_value(self.election), self.cohort, list(self.results)])

    @classmethod
    def decode(cls, data: bytes) -> Certificate:
        value = unpack(data)
        if not isinstance(value, list) or len(value) != 3:
            raise WireError("a certificate has three fields")
        election = from_value(ElectionCertificate, value[0])
        cohort = Bytes(MAX_STATEMENT).check(value[1], "certificate.cohort")
        results = ListOf(Bytes(1024), MAX_SEATS).check(value[2], "certificate.results")
        return cls(election, cohort, results)


@dataclass(frozen=True, slots=True)
class CertifiedRound:
    """What a verified certificate says."""

    round: int
    attempt: int
    election: Election
    election_hash: bytes
    cohort: Cohort
    result: Result
    hash: bytes
    certificate: Certificate


def result_hash(group: bytes, round_: int, attempt: int, result: Result) -> bytes:
    """Names a certificate wherever it is bound: its statement, never its signatures."""
    place = round_.to_bytes(8, "little"), attempt.to_bytes(8, "little")
    return digest("peerd/certificate", group, *place, pack(to_value(result)))


def genesis_hash(setting: Setting) -> bytes:
    """What the certificate of round 0 names as the previous one."""
    return digest(GENESIS, setting.group, setting.first_model)


def signatures_needed(setting: Setting) -> int:
    return setting.plan.threshold + setting.plan.absent + 1


def verify_certificate(setting: Setting, data: bytes) -> CertifiedRound:
    """WireError unless ``data`` certifies a round of this group. Says nothing of the chain."""
    certificate = Certificate.decode(data)
    election = certificate.election.verify(setting)
    if election.missing:
        raise WireError("a certificate of a void flip")
    statements = [decode_statement(item, setting.group) for item in certificate.results]
    result = _common_result(setting, certificate, election, statements)
    election_hash = certificate.election.hash(setting)
    if result.election != election_hash:
        raise WireError("a certificate of another election")
    if result.cohort != outcome_hash(Topic.COHORT, certificate.cohort):
        raise WireError("a certificate of another cohort")
    cohort = Cohort.decode(certificate.cohort)
    if result.dealers != len(cohort.dealers):
        raise WireError("a certificate that miscounts its dealers")
    round_, attempt = certificate.election.round, certificate.election.attempt
    return CertifiedRound(
        round_,
        attempt,
        election,
        election_hash,
        cohort,
        result,
        result_hash(setting.group, round_, attempt, result),
        certificate,
    )


def _common_result(
    setting: Setting, certificate: Certificate, election: Election, statements: list[Statement]
) -> Result:
    """The one result that t + e + 1 seated members signed."""
    seats = set(seats_of(setting, election))
    key_of = key_lookup(setting, election)
    signers = set()
    for statement in statements:
        slot = statement.slot
        place = (slot.round, slot.attempt, slot.kind)
        if place != (*certificate.election.hash_parts, Kind.RESULT):
            raise WireError("a certificate with a statement of something else")
        if slot.signer not in seats or slot.signer in signers:
            raise WireError(f"peer {slot.signer} has no seat, or signed twice")
        if statement.payload != statements[0].payload:
            raise WireError("a certificate with two results")
        key = key_of(slot)
        if key is None or not statement.signed_by(setting.crypto, key):
            raise WireError(f"a result that peer {slot.signer} did not sign")
        signers.add(slot.signer)
    if len(signers) < signatures_needed(setting):
        raise WireError(
            f"{len(signers)} signatures where {signatures_needed(setting)} make a certificate"
        )
    result: Result = statements[0].payload
    return result
