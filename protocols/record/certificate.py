"""Certificates: what a peer takes from anyone, because it proves itself (docs/protocol.md §6).

An election certificate shows who sat, under which keys; a round certificate shows what t + e + 1 of
those who sat signed. Both are checked with nothing but the group's setting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from protocols.errors import WireError
from protocols.hashing import digest
from protocols.record.cohort import Cohort, Panel
from protocols.record.door import is_signed, read_statement
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
)

GENESIS = "peerd/genesis-certificate"


@dataclass(frozen=True, slots=True)
class ElectionCertificate:
    """The outcome of a flip with a quorum of the roster's second votes for it."""

    round: int = wire(Integer(MAX_ROUND))
    attempt: int = wire(Integer(MAX_ATTEMPT))
    outcome: bytes = wire(Bytes(MAX_STATEMENT))
    votes: tuple[bytes, ...] = wire(ListOf(Bytes(1024), MAX_PEERS))

    @property
    def place(self) -> tuple[int, int]:
        return self.round, self.attempt


@dataclass(frozen=True, slots=True)
class Elected:
    """What a flip came to: its certificate, read. ``hash`` names it wherever it is bound,
    ``keys`` are the one-round keys of those that revealed; ``seats`` the committee, in order.
    """

    certificate: ElectionCertificate = field(repr=False)
    election: Election
    hash: bytes
    keys: Mapping[int, bytes] = field(repr=False)
    seats: tuple[int, ...]

    @property
    def place(self) -> tuple[int, int]:
        return self.certificate.place


def elected(setting: Setting, certificate: ElectionCertificate) -> Elected:
    """Read, and not verified: WireError for an outcome that is none."""
    election = Election.decode(certificate.outcome)
    named = election.hash_in(setting.group, *certificate.place)
    seats = () if election.missing else seats_of(setting, election)
    return Elected(certificate, election, named, election.keys, seats)


def verify_election(setting: Setting, certificate: ElectionCertificate) -> Elected:
    """WireError unless a quorum of the roster elected this."""
    key = digest("peerd/seen-election", pack(to_value(certificate)))
    return setting.memory.recall("election", key, lambda: _verified(setting, certificate))


def _verified(setting: Setting, certificate: ElectionCertificate) -> Elected:
    found = elected(setting, certificate)
    if max((*found.keys, *found.election.missing, 0)) >= setting.peers:
        raise WireError("an election of peers that are not in the roster")
    check_quorum(
        setting,
        roster_electorate(setting),
        Kind.SECOND_VOTE,
        (*certificate.place, Topic.REVEALS),
        certificate.votes,
        outcome_hash(Topic.REVEALS, certificate.outcome),
    )
    return found


def roster_electorate(setting: Setting) -> Electorate:
    """The whole roster votes on elections, locked-out peers too (§5)."""

    def key_of(slot: Slot) -> bytes | None:
        return setting.roster[slot.signer] if slot.signer < setting.peers else None

    return Electorate(tuple(range(setting.peers)), setting.roster_quorum, setting.liars, key_of)


def committee_electorate(setting: Setting, flip: Elected) -> Electorate:
    key_of = key_lookup(setting, flip.keys)
    return Electorate(flip.seats, setting.plan.quorum, setting.plan.threshold, key_of)


def key_lookup(setting: Setting, keys: Mapping[int, bytes]) -> Callable[[Slot], bytes | None]:
    """Under which key a slot of this round is signed: identity, or certified one-round key."""

    def key_of(slot: Slot) -> bytes | None:
        if slot.signer >= setting.peers:
            return None
        return setting.roster[slot.signer] if slot.by_identity else keys.get(slot.signer)

    return key_of


def seats_of(setting: Setting, election: Election) -> tuple[int, ...]:
    """The committee in the order of its seats (§1, §2).

    Where the roster sits the coin only orders it, and whoever did not reveal keeps a silent seat;
    otherwise the first m of the shuffled peers that revealed sit.
    """
    seed = coin(election.nonces)
    pool = range(setting.peers) if setting.roster_sits else tuple(election.keys)
    return tuple(shuffled(tuple(pool), seed, "committee")[: setting.plan.committee])


def panel_of(setting: Setting, flip: Elected) -> Panel:
    """Who sits, and who deals: of the peers that revealed and are not guilty all, or those that
    the coin draws. Whoever was excluded before this round revealed nothing; so the certificate
    alone says who may lie, and an auditor finds what the members found.
    """
    guilty = {peer for peer, _ in flip.election.guilty}
    able = tuple(sorted(set(flip.keys) - guilty))
    drawn = shuffled(able, coin(flip.election.nonces), "clients")[: setting.clients]
    selected = tuple(sorted(drawn))
    liars = setting.liars_among(len(selected), len(able))
    return Panel(setting.plan, flip.seats, selected, liars)


@dataclass(frozen=True, slots=True)
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
    elected: Elected
    cohort: Cohort
    result: Result
    hash: bytes
    certificate: Certificate

    @property
    def election(self) -> Election:
        return self.elected.election


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
    flip = verify_election(setting, certificate.election)
    if flip.election.missing:
        raise WireError("a certificate of a void flip")
    statements = [read_statement(setting, item) for item in certificate.results]
    result = _common_result(setting, flip, statements)
    if result.election != flip.hash:
        raise WireError("a certificate of another election")
    if result.cohort != outcome_hash(Topic.COHORT, certificate.cohort):
        raise WireError("a certificate of another cohort")
    cohort = Cohort.decode(certificate.cohort)
    if result.dealers != len(cohort.dealers):
        raise WireError("a certificate that miscounts its dealers")
    named = result_hash(setting.group, *flip.place, result)
    return CertifiedRound(*flip.place, flip, cohort, result, named, certificate)


def _common_result(setting: Setting, flip: Elected, statements: list[Statement]) -> Result:
    """The one result that t + e + 1 seated members signed."""
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
