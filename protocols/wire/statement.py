"""Signed statements: what a peer says, bound to its group, round, attempt and slot.

A statement's slot is (group, round, attempt, kind, subject, view, signer). An honest peer signs at
most one body for a slot, ever; two bodies with valid signatures prove equivocation
(docs/protocol.md §0). ``subject`` tells statements of one kind apart: the topic of an agreement, or
the dealer (and asker) that is spoken of.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from protocols.errors import WireError
from protocols.hashing import digest
from protocols.ports import Crypto
from protocols.wire.canonical import pack, unpack
from protocols.wire.payloads import MAX_SUBJECT, MAX_VIEW, PAYLOADS, Kind, Payload, Topic
from protocols.wire.schema import (
    MAX_BULK,
    MAX_ROUND,
    PEER,
    SIGNATURE,
    Bytes,
    Integer,
    from_value,
    to_value,
)

VERSION = 1
MAX_ATTEMPT = 8191
_DOMAIN = b"peerd/statement/1\0"

IDENTITY_KINDS = frozenset({Kind.COMMIT, Kind.REVEAL, Kind.SEEN, Kind.ABANDON, Kind.APPROVE})
_AGREEMENT_KINDS = frozenset({Kind.PROPOSAL, Kind.FIRST_VOTE, Kind.SECOND_VOTE, Kind.NEW_VIEW})
_BY_IDENTITY = IDENTITY_KINDS | _AGREEMENT_KINDS
"""But for what is said of the cohort."""
_SIGNED = (Bytes(MAX_BULK), SIGNATURE)


class Slot(NamedTuple):
    """What an honest peer fills once, ever. A tuple: it is looked up several times by each whom a
    statement reaches."""

    round: int
    attempt: int
    kind: Kind
    subject: int
    view: int
    signer: int

    @property
    def place(self) -> tuple[int, int]:
        """(round, attempt)."""
        return self.round, self.attempt

    def key(self) -> str:
        """The journal's key for what was signed in this slot."""
        return f"slot/{self.attempt}/{int(self.kind)}/{self.subject}/{self.view}/{self.signer}"

    @property
    def by_identity(self) -> bool:
        """Elections and what operators say are under the identity; all else is under a one-round
        key.
        """
        return self.kind in _BY_IDENTITY and self.subject != Topic.COHORT


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """A decoded statement. Nothing is known of its signature until ``signed_by`` says so.

    ``wire`` are its bytes, ``body`` and ``signature`` the two parts of them; ``hash`` identifies
    what was said, whatever the signature's bytes.
    """

    slot: Slot
    payload: Any
    body: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    wire: bytes = field(repr=False)
    hash: bytes = field(repr=False)

    @property
    def signer(self) -> int:
        return self.slot.signer

    @property
    def kind(self) -> Kind:
        return self.slot.kind

    def signed_by(self, crypto: Crypto, public: bytes) -> bool:
        return crypto.verify(public, _DOMAIN + self.body, self.signature)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Statement) and self.wire == other.wire

    def __hash__(self) -> int:
        return hash(self.wire)


def statement_hash(body: bytes) -> bytes:
    return digest("peerd/statement", body)


def sign(crypto: Crypto, secret: bytes, group: bytes, slot: Slot, payload: Payload) -> Statement:
    """A statement by the owner of ``secret``. Callers journal it before they send it."""
    body = encode_body(group, slot, payload)
    return _with(slot, payload, body, crypto.sign(secret, _DOMAIN + body))


def assemble(group: bytes, slot: Slot, payload: Payload, signature: bytes) -> Statement:
    """A statement of which everything is known but its bytes; the signature is not looked at."""
    return _with(slot, payload, encode_body(group, slot, payload), signature)


def _with(slot: Slot, payload: Payload, body: bytes, signature: bytes) -> Statement:
    return Statement(slot, payload, body, signature, pack([body, signature]), statement_hash(body))


def encode_body(group: bytes, slot: Slot, payload: Payload) -> bytes:
    assert isinstance(payload, PAYLOADS[slot.kind])
    return pack(
        [
            VERSION,
            group,
            slot.round,
            slot.attempt,
            int(slot.kind),
            slot.subject,
            slot.view,
            slot.signer,
            to_value(payload),
        ]
    )


def decode_statement(data: bytes, group: bytes) -> Statement:
    """Statement of this group, every field in bounds. Raises WireError; checks no signature."""
    value = unpack(data)
    if not isinstance(value, list) or len(value) != 2:
        raise WireError("a statement is a body and a signature")
    body, signature = (s.check(v, "statement") for s, v in zip(_SIGNED, value, strict=True))
    slot, payload = _decode_body(body, group)
    return Statement(slot, payload, body, signature, data, statement_hash(body))


_HEAD = (
    Integer(MAX_ROUND),
    Integer(MAX_ATTEMPT),
    Integer(max(Kind), 1),
    Integer(MAX_SUBJECT),
    Integer(MAX_VIEW),
    PEER,
)
_HEAD_NAMES = ("round", "attempt", "kind", "subject", "view", "signer")


def _decode_body(body: bytes, group: bytes) -> tuple[Slot, Any]:
    value = unpack(body)
    if not isinstance(value, list) or len(value) != 9:
        raise WireError("a statement's body has nine fields")
    version, in_group, *head, payload = value
    if type(version) is not int or version != VERSION:
        raise WireError(f"statement of version {version!r}; this daemon speaks version {VERSION}")
    if in_group != group:
        raise WireError("statement of another group")
    numbers = [s.check(v, n) for s, v, n in zip(_HEAD, head, _HEAD_NAMES, strict=True)]
    round_, attempt, kind, subject, view, signer = numbers
    if kind not in Kind.__members__.values():
        raise WireError(f"kind: {kind} is none")
    slot = Slot(round_, attempt, Kind(kind), subject, view, signer)
    _check_slot(slot)
    return slot, from_value(PAYLOADS[slot.kind], payload)


def _check_slot(slot: Slot) -> None:
    """Fields that a kind does not use are zero: one statement, one encoding."""
    if slot.kind in _AGREEMENT_KINDS:
        if slot.subject not in Topic.__members__.values():
            raise WireError(f"subject: {slot.subject} is no topic of an agreement")
        return
    if slot.view:
        raise WireError(f"view: {slot.kind.name} has none")
    takes_subject = (Kind.COMPLAINT, Kind.DELIVERY, Kind.ANSWER, Kind.DISCLOSURE)
    if slot.kind is Kind.SEEN:
        if slot.subject not in Topic.__members__.values():
            raise WireError(f"subject: nobody signs what it saw of {slot.subject}")
    elif slot.kind not in takes_subject and slot.subject:
        raise WireError(f"subject: {slot.kind.name} has none")
