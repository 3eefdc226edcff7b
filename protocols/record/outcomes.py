"""What comes of an event, for the machine that called: values, one type each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from protocols.record.certificate import CertifiedRound
from protocols.record.cohort import Cohort
from protocols.record.effects import Abort, Outcome, Stop
from protocols.record.elected import Elected
from protocols.record.evidence import Evidence
from protocols.record.resolution import Resolution
from protocols.wire.frames import Frame
from protocols.wire.payloads import Abandon, Result, Topic
from protocols.wire.statement import Statement


@dataclass(frozen=True, slots=True)
class Decision(Outcome):
    """A quorum of second votes for an outcome. Only ``outcome`` is ever hashed or bound."""

    topic: Topic
    outcome: bytes = field(repr=False)
    votes: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Conflict(Outcome):
    """Two statements in one slot: their signer lies."""

    first: Statement
    second: Statement


@dataclass(frozen=True, slots=True)
class Accused(Outcome):
    """What this peer can prove."""

    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Flipped(Outcome):
    """The roster agrees on who revealed."""

    flip: Elected


@dataclass(frozen=True, slots=True)
class Wasted(Outcome):
    """These peers were connected, and let the deadline for commitments pass."""

    peers: frozenset[int]


@dataclass(frozen=True, slots=True)
class CohortDecided(Outcome):
    """``hash`` is what sums and results name."""

    decision: Decision
    cohort: Cohort
    hash: bytes


@dataclass(frozen=True, slots=True)
class Told(Outcome):
    """This peer's own word, which its own member hears like anybody's: ``frame`` is there for
    ``statement``."""

    statement: Statement
    frame: Frame = field(repr=False)


@dataclass(frozen=True, slots=True)
class Said(Outcome):
    """A statement about dealings that this member has signed."""

    statement: Statement


@dataclass(frozen=True, slots=True)
class Reported(Outcome):
    """A report that this member takes for its signer's, with ``keys`` of its asks by dealer: who
    deals answers.
    """

    report: Statement
    keys: Mapping[int, bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Certified(Outcome):
    """A quorum of members signed one result."""

    certificate: bytes = field(repr=False)
    result: Result
    signers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Abandoned(Outcome):
    """Enough operators have given up the cohort: the round is over, and the model stays."""

    certificate: bytes = field(repr=False)
    result: Abandon
    signers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Resolved(Outcome):
    """The roster decided to rest, or to hand over: the round is over, and the model stays."""

    certificate: bytes = field(repr=False)
    result: Resolution
    signers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SumOpened(Outcome):
    """The certified sum is open here. ``model``: what this machine computes from it."""

    certified: Certified
    polynomials: bytes = field(repr=False)
    model: npt.NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RoundOver(Outcome):
    """The round's end, its model, and what a transcript keeps of the attempt: who was to deal, the
    votes that decided the cohort, and the evidence on dealings. Nothing is open, and nothing kept
    of a cohort, where a resolution ended it; nothing is open where the cohort was given up.
    """

    selected: tuple[int, ...]
    votes: tuple[bytes, ...] = field(repr=False)
    pool: tuple[bytes, ...] = field(repr=False)
    certified: Certified | Abandoned | Resolved
    polynomials: bytes = field(repr=False)
    model: npt.NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hopeless(Outcome):
    """The group can't go on by itself."""

    reason: Stop


@dataclass(frozen=True, slots=True)
class Drawn(Outcome):
    """The coin has this peer deal, and its update is not here."""


@dataclass(frozen=True, slots=True)
class Aborting(Outcome):
    """The attempt ends without a result; ``flip`` is its election, void for one reason. ``cohort``
    is what was decided, where it came so far, and ``reporters`` those whose report came here.
    """

    reason: Abort
    flip: Elected
    cohort: Cohort | None = None
    reporters: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Left(Outcome):
    """This peer goes on behind these rounds."""

    rounds: tuple[CertifiedRound, ...]


@dataclass(frozen=True, slots=True)
class Begun(Outcome):
    """An attempt takes messages: what came ahead of it is heard now."""


@dataclass(frozen=True, slots=True)
class Behind(Outcome):
    """``peer`` shows that ``round`` is certified, and this peer is further back than that."""

    round: int
    peer: int


@dataclass(frozen=True, slots=True)
class Adopting(Outcome):
    """What leads on from where this peer stands, verified."""

    rounds: tuple[CertifiedRound, ...]
    model: npt.NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Surveyed(Outcome):
    """``shown``: the last round that somebody proved to be certified, -1 for none."""

    shown: int
