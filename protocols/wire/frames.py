"""Frames: what one peer sends another, around signed statements.

A frame itself is not signed: the channel authenticates its sender, and everything in it that
matters later is a signed statement or opens a hash in one. ``decode_frame`` gives a frame whose
fields are bounded; statements inside are still bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from protocols.errors import WireError
from protocols.ports import HYBRID_KEY_BYTES
from protocols.wire.canonical import pack, unpack
from protocols.wire.schema import (
    HASH,
    MAX_BULK,
    MAX_EVIDENCE,
    MAX_PEERS,
    MAX_ROUND,
    MAX_STATEMENT,
    Bytes,
    Integer,
    ListOf,
    from_value,
    to_value,
    wire,
)
from protocols.wire.statement import MAX_ATTEMPT

FRAME_VERSION = 1
MAX_POOL = 1 << 20
MAX_RECALLED = 1024
"""Statements of its own that a peer which starts is shown."""
MAX_RECALLED_BYTES = 4 << 20
"""Of the latest attempts first, the smallest statements first."""

_STATEMENT = Bytes(MAX_STATEMENT)
_OUTCOME = Bytes(MAX_STATEMENT)
_VOTES = ListOf(Bytes(1024), MAX_PEERS)
_INPUT = Bytes(MAX_EVIDENCE + 16)
"""On a cohort, a statement; in an election, the frame of a statement or of evidence, each once."""


@dataclass(frozen=True, slots=True)
class StatementFrame:
    statement: bytes = wire(_STATEMENT)


@dataclass(frozen=True, slots=True)
class AskFrame(StatementFrame):
    """A REPORT with keys of its asks, all or some, one behind the other in the order of their
    dealers (record/asks.py). In version 3 of the protocol.
    """

    keys: bytes = wire(Bytes(HYBRID_KEY_BYTES * MAX_PEERS))


@dataclass(frozen=True, slots=True)
class SeenFrame:
    """A SEEN statement with everything that it lists."""

    statement: bytes = wire(_STATEMENT)
    statements: tuple[bytes, ...] = wire(ListOf(Bytes(1024), 2 * MAX_PEERS))
    evidence: tuple[bytes, ...] = wire(ListOf(Bytes(MAX_EVIDENCE), MAX_PEERS))


@dataclass(frozen=True, slots=True)
class ProposalFrame:
    """A proposal, the inputs whose outcome it is, and the first votes of an earlier view."""

    statement: bytes = wire(_STATEMENT)
    outcome: bytes = wire(_OUTCOME)
    inputs: tuple[bytes, ...] = wire(ListOf(_INPUT, MAX_POOL))
    lock: tuple[bytes, ...] = wire(_VOTES)


@dataclass(frozen=True, slots=True)
class NewViewFrame:
    """The signer's lock with the first votes that prove it; empty for none."""

    statement: bytes = wire(_STATEMENT)
    outcome: bytes = wire(_OUTCOME)
    lock: tuple[bytes, ...] = wire(_VOTES)


@dataclass(frozen=True, slots=True)
class DecisionFrame:
    """An outcome and the quorum of second votes for it."""

    outcome: bytes = wire(_OUTCOME)
    votes: tuple[bytes, ...] = wire(_VOTES)


@dataclass(frozen=True, slots=True)
class DealingFrame:
    header: bytes = wire(_STATEMENT)
    package: bytes = wire(Bytes(MAX_STATEMENT), shown=False)


@dataclass(frozen=True, slots=True)
class SumFrame:
    statement: bytes = wire(_STATEMENT)
    words: bytes = wire(Bytes(MAX_BULK), shown=False)


@dataclass(frozen=True, slots=True)
class HaveFrame:
    """Hashes of the evidence that the sender holds for the cohort: send me what else you have."""

    round: int = wire(Integer(MAX_ROUND))
    attempt: int = wire(Integer(MAX_ATTEMPT))
    hashes: tuple[bytes, ...] = wire(ListOf(HASH, MAX_POOL, rising=True))


@dataclass(frozen=True, slots=True)
class EvidenceFrame:
    evidence: bytes = wire(Bytes(MAX_EVIDENCE))


@dataclass(frozen=True, slots=True)
class CertificateFrame:
    certificate: bytes = wire(Bytes(MAX_STATEMENT))


@dataclass(frozen=True, slots=True)
class HelloFrame:
    """Where the sender stands; whoever is further sends what it lacks."""

    round: int = wire(Integer(MAX_ROUND))
    attempt: int = wire(Integer(MAX_ATTEMPT))


@dataclass(frozen=True, slots=True)
class RecallFrame:
    """The sender has started, and is to sign in this round: what do you hold that it signed?"""

    round: int = wire(Integer(MAX_ROUND))


@dataclass(frozen=True, slots=True)
class RecalledFrame:
    """Statements of whoever asked, from the round that it named and from later ones. The sender
    stands in ``round``; ``there`` 1: and has run since that round began.
    """

    statements: tuple[bytes, ...] = wire(ListOf(_STATEMENT, MAX_RECALLED))
    round: int = wire(Integer(MAX_ROUND))
    there: int = wire(Integer(1))


@dataclass(frozen=True, slots=True)
class ReadyFrame:
    """The time of this round has come for the sender, which stands ahead of it and waits."""

    round: int = wire(Integer(MAX_ROUND))


@dataclass(frozen=True, slots=True)
class AwayFrame:
    """From this round on the sender takes no part (``away`` 1), or takes part again (0)."""

    round: int = wire(Integer(MAX_ROUND))
    away: int = wire(Integer(1))


Frame: TypeAlias = (
    StatementFrame
    | SeenFrame
    | ProposalFrame
    | NewViewFrame
    | DecisionFrame
    | DealingFrame
    | SumFrame
    | HaveFrame
    | EvidenceFrame
    | CertificateFrame
    | HelloFrame
    | RecallFrame
    | RecalledFrame
    | ReadyFrame
    | AwayFrame
    | AskFrame
)

FRAMES: dict[int, type[Any]] = {
    1: StatementFrame,
    2: SeenFrame,
    3: ProposalFrame,
    4: NewViewFrame,
    5: DecisionFrame,
    6: DealingFrame,
    7: SumFrame,
    8: HaveFrame,
    9: EvidenceFrame,
    10: CertificateFrame,
    11: HelloFrame,
    12: RecallFrame,
    13: RecalledFrame,
    14: ReadyFrame,
    15: AwayFrame,
    16: AskFrame,
}
_CODES = {kind: code for code, kind in FRAMES.items()}
DEALING = bytes((0x93, FRAME_VERSION, _CODES[DealingFrame]))
"""How every dealing begins on the wire: a list of three, the version, the type."""
SUM = bytes((0x93, FRAME_VERSION, _CODES[SumFrame]))
"""The same of a sum."""
STATEMENT = bytes((0x93, FRAME_VERSION, _CODES[StatementFrame]))
"""The same of a statement that comes alone."""


def encode_frame(frame: Frame) -> bytes:
    return pack([FRAME_VERSION, _CODES[type(frame)], to_value(frame)])


def decode_frame(data: bytes) -> Frame:
    """Raises WireError for whatever is not a frame of this version."""
    value = unpack(data)
    if not isinstance(value, list) or len(value) != 3:
        raise WireError("a frame has three fields")
    version, code, payload = value
    if type(version) is not int or version != FRAME_VERSION:
        raise WireError(f"frame of version {version!r}; this daemon speaks version {FRAME_VERSION}")
    if type(code) is not int or code not in FRAMES:
        raise WireError(f"frame type {code!r} is unknown")
    frame: Frame = from_value(FRAMES[code], payload)
    return frame
