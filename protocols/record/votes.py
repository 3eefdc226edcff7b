"""Quorums of votes: the one thing in an agreement that a third party can check (docs §5)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from protocols.errors import WireError
from protocols.hashing import digest
from protocols.record.door import is_signed, read_statement
from protocols.record.setting import Setting
from protocols.wire.payloads import Kind, Topic
from protocols.wire.statement import Slot, Statement


def outcome_hash(topic: Topic, outcome: bytes) -> bytes:
    """What a ballot names. The slot binds group, round and attempt."""
    return digest("peerd/outcome", bytes((topic,)), outcome)


@dataclass(frozen=True, slots=True)
class Electorate:
    """Who votes, how many votes decide, and under which keys."""

    members: tuple[int, ...]
    quorum: int
    liars: int
    key_of: Callable[[Slot], bytes | None]


def check_quorum(
    setting: Setting,
    electorate: Electorate,
    kind: Kind,
    where: tuple[int, int, Topic],
    votes: Sequence[bytes],
    value: bytes,
) -> int:
    """The view in which a quorum voted for ``value``; WireError if these votes are no quorum.

    ``where`` is (round, attempt, topic). Votes of one view only, each by another member.
    """
    statements = [read_statement(setting, vote) for vote in votes]
    if not statements:
        raise WireError("a quorum of no votes")
    view = statements[0].slot.view
    expected = *where[:2], kind, where[2], view
    members: Collection[int] = frozenset(electorate.members)
    signers: set[int] = set()
    for vote in statements:
        slot = vote.slot
        named = slot.round, slot.attempt, slot.kind, slot.subject, slot.view
        if named != expected or vote.payload.outcome != value:
            raise WireError("a vote for something else")
        if slot.signer not in members or slot.signer in signers:
            raise WireError(f"peer {slot.signer} has no vote here, or voted twice")
        _check_signature(setting, electorate, vote)
        signers.add(slot.signer)
    if len(signers) < electorate.quorum:
        raise WireError(f"{len(signers)} votes where {electorate.quorum} make a quorum")
    return view


def _check_signature(setting: Setting, electorate: Electorate, vote: Statement) -> None:
    key = electorate.key_of(vote.slot)
    if key is None or not is_signed(setting, vote, key):
        raise WireError(f"a vote that peer {vote.signer} did not sign")
