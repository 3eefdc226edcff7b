"""An election, certified: who sits, under which keys, and who deals (docs/protocol.md §1, §2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from protocols.errors import WireError
from protocols.hashing import digest, numbers
from protocols.record.cohort import Panel
from protocols.record.election import Election
from protocols.record.setting import Setting
from protocols.record.shuffle import coin, shuffled
from protocols.record.votes import Electorate, check_quorum, outcome_hash
from protocols.wire.canonical import pack
from protocols.wire.payloads import Kind
from protocols.wire.schema import (
    MAX_PEERS,
    MAX_ROUND,
    MAX_STATEMENT,
    Bytes,
    Integer,
    ListOf,
    to_value,
    wire,
)
from protocols.wire.statement import MAX_ATTEMPT, Slot


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
    seats = () if election.missing else seats_of(setting, election, certificate.place)
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
        (*certificate.place, setting.elects_by),
        certificate.votes,
        outcome_hash(setting.elects_by, certificate.outcome),
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


def seats_of(setting: Setting, election: Election, place: tuple[int, int]) -> tuple[int, ...]:
    """The committee in the order of its seats (§1, §2). ``place``: (round, attempt).

    Where the roster sits it is only ordered, and whoever has no key keeps a silent seat; otherwise
    the first m of the shuffled peers that revealed sit.
    """
    seed = seed_of(setting, election, place)
    pool = range(setting.peers) if setting.roster_sits else tuple(election.keys)
    return tuple(shuffled(tuple(pool), seed, "committee")[: setting.plan.committee])


def seed_of(setting: Setting, election: Election, place: tuple[int, int]) -> bytes:
    """What is shuffled by: the coin. Where nothing is drawn, nothing that a peer says goes in."""
    if setting.draws:
        return coin(election.nonces)
    return digest("peerd/order", setting.group, *numbers(*place))


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
    return Panel(setting.plan, flip.seats, selected, liars, setting.noise_makers)
