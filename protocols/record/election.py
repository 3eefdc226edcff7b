"""What the election's two agreements decide, in bytes that everybody computes alike (§2, §5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protocols.errors import WireError
from protocols.hashing import digest, numbers
from protocols.wire.canonical import pack, unpack
from protocols.wire.schema import (
    HASH,
    KEY,
    MAX_PEERS,
    PEER,
    PEERS,
    ListOf,
    Tuple,
    from_value,
    strictly_rising,
    to_value,
    wire,
)


@dataclass(frozen=True, slots=True)
class Commitments:
    """The certified set of commitments: (peer, commitment, one-round key), by peer.

    ``guilty`` are peers that evidence in this very set proves guilty, with the hash of that
    evidence; ``silent`` are the peers that voided earlier flips of this round.
    """

    commits: tuple[tuple[int, bytes, bytes], ...] = wire(
        ListOf(Tuple((PEER, HASH, KEY)), MAX_PEERS)
    )
    guilty: tuple[tuple[int, bytes], ...] = wire(ListOf(Tuple((PEER, HASH)), MAX_PEERS))
    silent: tuple[int, ...] = wire(PEERS)

    def outcome(self, *, draws: bool) -> bytes:
        """What is decided by them. Where nothing is drawn whoever committed is elected: nobody
        reveals, and nobody is missing.
        """
        if draws:
            return self.encode()
        seats = tuple((peer, key, commitment) for peer, commitment, key in self.commits)
        return Election(seats, (), self.guilty, self.silent).encode()

    def encode(self) -> bytes:
        return pack(to_value(self))

    @classmethod
    def decode(cls, data: bytes) -> Commitments:
        outcome = from_value(cls, unpack(data))
        strictly_rising((peer for peer, _, _ in outcome.commits), "commits")
        strictly_rising((peer for peer, _ in outcome.guilty), "guilty")
        strictly_rising(outcome.silent, "silent")
        return outcome


@dataclass(frozen=True, slots=True)
class Election:
    """The outcome of an election: (peer, one-round key, nonce) of whoever revealed, by peer, and
    who did not. Where nothing is drawn nobody reveals, and the commitment, which is to the head of
    the peer's trail, stands for the nonce.

    A flip with ``missing`` peers is void. Otherwise this is what an election certificate
    certifies; ``hash_in`` names it wherever it is bound.
    """

    seats: tuple[tuple[int, bytes, bytes], ...] = wire(ListOf(Tuple((PEER, KEY, HASH)), MAX_PEERS))
    missing: tuple[int, ...] = wire(PEERS)
    guilty: tuple[tuple[int, bytes], ...] = wire(ListOf(Tuple((PEER, HASH)), MAX_PEERS))
    silent: tuple[int, ...] = wire(PEERS)

    def encode(self) -> bytes:
        return pack(to_value(self))

    @classmethod
    def decode(cls, data: bytes) -> Election:
        outcome = from_value(cls, unpack(data))
        strictly_rising((peer for peer, _, _ in outcome.seats), "seats")
        strictly_rising(outcome.missing, "missing")
        strictly_rising((peer for peer, _ in outcome.guilty), "guilty")
        strictly_rising(outcome.silent, "silent")
        if {peer for peer, _, _ in outcome.seats} & set(outcome.missing):
            raise WireError("a peer both revealed and did not")
        return outcome

    @property
    def keys(self) -> dict[int, bytes]:
        """The one-round key of every peer that is elected."""
        return {peer: key for peer, key, _ in self.seats}

    @property
    def nonces(self) -> tuple[bytes, ...]:
        return tuple(nonce for _, _, nonce in self.seats)

    def hash_in(self, group: bytes, round_: int, attempt: int) -> bytes:
        """Names the election wherever it is bound: its statement, never its signatures."""
        return digest("peerd/election", group, *numbers(round_, attempt), self.encode())


def rising(peers: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(peers)))
