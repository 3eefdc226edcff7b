"""What a statement can say: its kinds, and what each of them holds (docs/protocol.md §2 to §6).

Every field has its shape beside it, and no more than its bound is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

from protocols.wire.schema import (
    HASH,
    KEY,
    MAX_PEERS,
    MAX_ROUND,
    MAX_SEATS,
    MAX_STATEMENT,
    PEER,
    Bytes,
    Integer,
    ListOf,
    Tuple,
    wire,
)

MAX_VIEW = 65535
MAX_SUBJECT = MAX_PEERS * MAX_SEATS


class Kind(IntEnum):
    __hash__ = int.__hash__  # a slot is looked up for every statement
    COMMIT = 1
    REVEAL = 2
    SEEN = 3
    PROPOSAL = 4
    FIRST_VOTE = 5
    SECOND_VOTE = 6
    NEW_VIEW = 7
    HEADER = 8
    REPORT = 9
    COMPLAINT = 10
    DELIVERY = 11
    ATTESTATION = 12
    ANSWER = 13
    DISCLOSURE = 14
    SUM = 15
    RESULT = 16
    ABANDON = 17
    APPROVE = 18
    COIN = 19


class Topic(IntEnum):
    """What an agreement is about; the ``subject`` of its votes."""

    COMMITS = 1
    REVEALS = 2
    COHORT = 3


class Act(IntEnum):
    """What operators approve: that the group goes on under another genesis, that it rests, that it
    goes on from there.
    """

    HANDOVER = 1
    PAUSE = 2
    RESUME = 3


class Check(IntEnum):
    """A member's word on one dealing, in its report."""

    OK = 1
    COMPLAINT = 2
    ASK = 3


@dataclass(frozen=True, slots=True)
class Commit:
    """§2. H(domain ‖ group ‖ round ‖ attempt ‖ peer ‖ nonce), and the one-round signing key."""

    commitment: bytes = wire(HASH)
    round_key: bytes = wire(KEY)


@dataclass(frozen=True, slots=True)
class Reveal:
    nonce: bytes = wire(HASH)


@dataclass(frozen=True, slots=True)
class Seen:
    """§5. Hashes of the statements and of the evidence that the signer held at the deadline. On the
    cohort: of the reports, and no evidence.
    """

    statements: tuple[bytes, ...] = wire(ListOf(HASH, 2 * MAX_PEERS, rising=True))
    evidence: tuple[bytes, ...] = wire(ListOf(HASH, MAX_PEERS, rising=True))


@dataclass(frozen=True, slots=True)
class Ballot:
    """§5. A proposal, or a first or second vote: the hash of an outcome."""

    outcome: bytes = wire(HASH)


@dataclass(frozen=True, slots=True)
class NewView:
    """§5. The signer's lock: view + 1 and outcome of its last first-vote quorum; 0 for none."""

    lock_view: int = wire(Integer(MAX_VIEW + 1))
    lock_outcome: bytes = wire(HASH)


@dataclass(frozen=True, slots=True)
class Header:
    """§3. Merkle root of the packages, and the masked proof polynomials."""

    base_model: bytes = wire(HASH)
    root: bytes = wire(HASH)
    proof: bytes = wire(Bytes(MAX_STATEMENT))


@dataclass(frozen=True, slots=True)
class Report:
    """§3. For every selected dealer (peer, word, header hash, or one-time key of an ASK)."""

    words: tuple[tuple[int, int, bytes], ...] = wire(
        ListOf(Tuple((PEER, Integer(3, 1), HASH)), MAX_PEERS, rising=True)
    )


@dataclass(frozen=True, slots=True)
class Complaint:
    """§3. The signed header that it judges, and the package that does not fit it."""

    header: bytes = wire(Bytes(MAX_STATEMENT))
    package: bytes = wire(Bytes(MAX_STATEMENT))


@dataclass(frozen=True, slots=True)
class Delivery:
    """§3. A dealer's answer to an ASK: a box to the one-time key with header and package."""

    report: bytes = wire(HASH)
    box: bytes = wire(Bytes(MAX_STATEMENT))


@dataclass(frozen=True, slots=True)
class Attestation:
    """§3. What a relay forwarded: a bit for each errand that it may be sent, the lowest first."""

    carried: bytes = wire(Bytes(MAX_SUBJECT // 8))


@dataclass(frozen=True, slots=True)
class Answer:
    """§3. An asker holds a valid package after all."""

    header: bytes = wire(HASH)


@dataclass(frozen=True, slots=True)
class Disclosure:
    """§3. An asker opens a delivery whose content is invalid: the one-time secret key."""

    report: bytes = wire(HASH)
    delivery: bytes = wire(HASH)
    secret: bytes = wire(KEY)


@dataclass(frozen=True, slots=True)
class Sum:
    """§6. Merkle root over the coordinates of S_j, or of the coin, for the decided cohort."""

    cohort: bytes = wire(HASH)
    root: bytes = wire(HASH)


@dataclass(frozen=True, slots=True)
class Result:
    """§6. What a certificate certifies."""

    election: bytes = wire(HASH)
    previous: bytes = wire(HASH)
    cohort: bytes = wire(HASH)
    dealers: int = wire(Integer(MAX_PEERS, 1))
    polynomials: bytes = wire(HASH)
    model: bytes = wire(HASH)


@dataclass(frozen=True, slots=True)
class Abandon:
    """§6. An operator gives up the sum of a decided cohort, in ``words``; ``model`` stays."""

    previous: bytes = wire(HASH)
    cohort: bytes = wire(HASH)
    model: bytes = wire(HASH)
    words: bytes = wire(Bytes(512))


@dataclass(frozen=True, slots=True)
class Approve:
    """§6. An operator approves an ``Act`` in rounds ``first`` to ``last``. ``about``: of a handover
    the successor's draft, of a pause what the group's rounds go on from, of going on the pause.
    """

    act: int = wire(Integer(max(Act), 1))
    about: bytes = wire(HASH)
    first: int = wire(Integer(MAX_ROUND))
    last: int = wire(Integer(MAX_ROUND))


Payload: TypeAlias = (
    Commit
    | Reveal
    | Seen
    | Ballot
    | NewView
    | Header
    | Report
    | Complaint
    | Delivery
    | Attestation
    | Answer
    | Disclosure
    | Sum
    | Result
    | Abandon
    | Approve
)

PAYLOADS: dict[Kind, type[Any]] = {
    Kind.COMMIT: Commit,
    Kind.REVEAL: Reveal,
    Kind.SEEN: Seen,
    Kind.PROPOSAL: Ballot,
    Kind.FIRST_VOTE: Ballot,
    Kind.SECOND_VOTE: Ballot,
    Kind.NEW_VIEW: NewView,
    Kind.HEADER: Header,
    Kind.REPORT: Report,
    Kind.COMPLAINT: Complaint,
    Kind.DELIVERY: Delivery,
    Kind.ATTESTATION: Attestation,
    Kind.ANSWER: Answer,
    Kind.DISCLOSURE: Disclosure,
    Kind.SUM: Sum,
    Kind.RESULT: Result,
    Kind.ABANDON: Abandon,
    Kind.APPROVE: Approve,
    Kind.COIN: Sum,
}
