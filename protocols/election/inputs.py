"""What a proposal in an election shows: a quorum of SEENs, and all that they list, each thing once.

docs/protocol.md §2, §5. Of evidence it shows one piece against each culprit, within half a frame: a
liar signs as many proofs against itself as it likes, and each may hold two dealings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

from protocols.errors import WireError
from protocols.record.evidence import evidence_hash, rank
from protocols.wire.frames import (
    EvidenceFrame,
    Frame,
    SeenFrame,
    StatementFrame,
    encode_frame,
)
from protocols.wire.payloads import Kind, Topic
from protocols.wire.schema import MAX_EVIDENCE
from protocols.wire.statement import Statement

LISTED = {Topic.COMMITS: Kind.COMMIT, Topic.REVEALS: Kind.REVEAL}
"""What a SEEN lists."""

Read = Callable[[bytes], Statement]
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Inputs:
    """``seen``: SEENs, and ``approvals``, by their signers. ``listed`` and ``evidence`` by their
    hashes.
    """

    seen: dict[int, Statement]
    listed: dict[bytes, Statement]
    evidence: dict[bytes, bytes]
    approvals: dict[int, Statement]


def shown(pieces: Iterable[tuple[int, bytes]], room: int) -> dict[int, bytes]:
    """One piece of evidence against each culprit, of (culprit, piece); the smallest go first, while
    there is ``room``, in bytes. A culprit that finds none is named by the set of a later round: its
    evidence is kept until then.
    """
    smallest: dict[int, bytes] = {}
    for culprit, piece in pieces:
        known = smallest.get(culprit)
        if len(piece) <= MAX_EVIDENCE and (known is None or rank(piece) < rank(known)):
            smallest[culprit] = piece
    chosen: dict[int, bytes] = {}
    for culprit, piece in sorted(smallest.items(), key=lambda item: rank(item[1])):
        if len(piece) > room:
            break
        room -= len(piece)
        chosen[culprit] = piece
    return chosen


def unnamed(offered: Mapping[int, bytes], held: Iterable[tuple[int, bytes]], room: int) -> set[int]:
    """Whom ``held`` pieces convict and ``offered`` ones do not, though there was ``room`` for them.

    None of what ``shown`` chose from the same pieces or more.
    """
    room -= sum(map(len, offered.values()))
    return {culprit for culprit, piece in held if culprit not in offered and len(piece) <= room}


def check_listed(topic: Topic, listed: Iterable[Statement], culprits: Iterable[int]) -> None:
    """WireError for a list that no honest peer signs: it has one statement of each signer, and one
    proof against each culprit.
    """
    kind, signers, convicted = LISTED[topic], set[int](), set[int]()
    for statement in listed:
        if statement.kind is not kind:
            raise WireError(f"a list of {kind.name}s with something else in it")
        if statement.signer in signers:
            raise WireError(f"a list with two {kind.name}s of peer {statement.signer}")
        signers.add(statement.signer)
    for culprit in culprits:
        if culprit in convicted:
            raise WireError(f"a list with two proofs against peer {culprit}")
        convicted.add(culprit)


def listed_by(frames: Iterable[SeenFrame], read: Read) -> dict[bytes, Statement]:
    """What these SEENs list, by its hash: a liar can sign one body in more than one way."""
    wires = dict.fromkeys(item for frame in frames for item in frame.statements)
    return {statement.hash: statement for statement in map(read, wires)}


def encode_inputs(
    seen: Iterable[bytes],
    listed: Iterable[Statement],
    evidence: Iterable[bytes],
    approvals: Iterable[Statement],
) -> tuple[bytes, ...]:
    """SEENs, then what they list, then approvals, then the evidence that is shown."""
    statements = [*seen, *(said.wire for said in chain(listed, approvals))]
    frames = [StatementFrame(item) for item in statements], map(EvidenceFrame, evidence)
    return tuple(encode_frame(frame) for some in frames for frame in some)


def sort_inputs(topic: Topic, read: Read, inputs: Iterable[Frame]) -> Inputs:
    """WireError unless each thing is there once, and all that is listed, and nothing else is but
    approvals.

    Of evidence there may be less than is listed, and none that is not.
    """
    found = Inputs({}, {}, {}, {})
    for frame in inputs:
        if isinstance(frame, EvidenceFrame):
            _once(found.evidence, evidence_hash(frame.evidence), frame.evidence)
        elif isinstance(frame, StatementFrame):
            statement = read(frame.statement)
            if statement.kind is Kind.SEEN and statement.slot.subject == topic:
                _once(found.seen, statement.signer, statement)
            elif statement.kind is Kind.APPROVE and topic is Topic.COMMITS:
                _once(found.approvals, statement.signer, statement)
            else:
                _once(found.listed, statement.hash, statement)
        else:
            raise WireError("neither a statement nor evidence in a proposal")
    _check_complete(topic, found)
    return found


def _once(items: dict[K, V], key: K, item: V) -> None:
    if key in items:
        raise WireError("a proposal that shows something twice")
    items[key] = item


def _check_complete(topic: Topic, found: Inputs) -> None:
    named: set[bytes] = set()
    accused: set[bytes] = set()
    for said in found.seen.values():
        hashes = said.payload.statements
        if not set(hashes) <= found.listed.keys():
            raise WireError("a SEEN statement without what it lists")
        check_listed(topic, (found.listed[name] for name in hashes), ())
        named.update(hashes)
        accused.update(said.payload.evidence)
    if named != found.listed.keys() or not found.evidence.keys() <= accused:
        raise WireError("a proposal that shows what no SEEN in it lists")
