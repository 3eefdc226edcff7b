"""A round's transcript: all that was signed, no shares; a third party can verify it (docs §7)."""

from __future__ import annotations

from dataclasses import dataclass

from protocols.record.elected import ElectionCertificate
from protocols.wire.canonical import Value, pack, unpack
from protocols.wire.frames import MAX_POOL
from protocols.wire.schema import (
    MAX_EVIDENCE,
    MAX_PEERS,
    MAX_STATEMENT,
    Bytes,
    ListOf,
    Shape,
    from_value,
    to_value,
    wire,
)


class _Elections:
    """A list of election certificates."""

    def check(self, value: Value, name: str) -> tuple[ElectionCertificate, ...]:
        items: Shape = ListOf(_Anything(), MAX_PEERS)
        return tuple(from_value(ElectionCertificate, item) for item in items.check(value, name))


class _Anything:
    def check(self, value: Value, name: str) -> Value:
        return value


@dataclass(frozen=True, slots=True)
class Transcript:
    """``void`` flips, votes on the cohort, evidence pool, proofs against liars, certificate.

    ``base``: for a rule with a reference, the base model's hash and the round's reference, as
    evidence carries it (one item); else empty.
    """

    void: tuple[ElectionCertificate, ...] = wire(_Elections())
    cohort_votes: tuple[bytes, ...] = wire(ListOf(Bytes(1024), MAX_PEERS))
    pool: tuple[bytes, ...] = wire(ListOf(Bytes(MAX_STATEMENT), MAX_POOL))
    evidence: tuple[bytes, ...] = wire(ListOf(Bytes(MAX_EVIDENCE), MAX_PEERS))
    certificate: bytes = wire(Bytes(MAX_STATEMENT))
    base: tuple[bytes, ...] = wire(ListOf(Bytes(MAX_STATEMENT), 1))

    def encode(self) -> bytes:
        void: list[Value] = [to_value(item) for item in self.void]
        votes, pool, evidence = list(self.cohort_votes), list(self.pool), list(self.evidence)
        return pack([void, [*votes], [*pool], [*evidence], self.certificate, [*self.base]])

    @classmethod
    def decode(cls, data: bytes) -> Transcript:
        return from_value(cls, unpack(data))
