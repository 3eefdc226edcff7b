"""What the core asks for. The runner carries effects out in the order in which they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt


class Abort(StrEnum):
    """Why an attempt ends without a result; every honest peer names the same."""

    FLIP = "flip"  # somebody committed and did not reveal
    QUORUM = "quorum"  # fewer members than a quorum committed: nothing could be decided
    COHORT = "cohort"  # too few dealings stood
    TIMEOUT = "timeout"  # a quorum decided to give up: no cohort in time


class Stop(StrEnum):
    """Why the group can't go on without its operators."""

    QUORUM = "quorum"  # a cohort is decided, and too few sums came
    UNDECIDED = "undecided"  # no cohort was agreed on: fewer than a quorum can vote, or will
    UNCERTIFIED = "uncertified"  # the sum is open here, and too few members signed one result
    UNDECODABLE = "undecodable"  # more sums are wrong than the plan allows for
    ATTEMPTS = "attempts"  # the plan pays for no further draw, or attempts have no more numbers


@dataclass(frozen=True, slots=True)
class Persist:
    """Durable before any effect that follows. ``key`` belongs to the round's journal."""

    round: int
    key: str
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Erase:
    """Forget these keys of the round's journal for good; None: the whole round's."""

    round: int
    keys: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Send:
    """One frame to each of these peers (roster indices, never the sender)."""

    peers: tuple[int, ...]
    frame: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Timer:
    """Call ``on_timer(name)`` after ``delay`` milliseconds."""

    name: tuple[str | int, ...]
    delay: int


@dataclass(frozen=True, slots=True)
class Train:
    """Compute and encode this peer's update from ``model``; answer with ``on_update``."""

    round: int
    model: npt.NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Phase:
    """The machine is now here, in plain English."""

    round: int
    attempt: int
    name: str


@dataclass(frozen=True, slots=True)
class Blame:
    """``peer`` is proven guilty by ``evidence`` (protocols.record.evidence)."""

    round: int
    peer: int
    reason: str
    evidence: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Completed:
    """A verified certificate. ``model`` is the new one; ``transcript`` is what an auditor reads."""

    round: int
    certificate: bytes = field(repr=False)
    transcript: bytes = field(repr=False)
    polynomials: bytes = field(repr=False)
    model: npt.NDArray[np.float32] = field(repr=False)
    model_hash: bytes
    dealers: tuple[int, ...]
    absent: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Aborted:
    """This attempt ends without a result, for one of ``Abort``'s reasons. ``awaited``: whose word
    was wanting, for people to read; of a timeout as this peer sees it, hence no part of a trace.
    """

    round: int
    attempt: int
    reason: Abort
    awaited: tuple[int, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Stopped:
    """The group can't go on without its operators (§6), unless what is missing comes after all."""

    round: int
    reason: Stop


@dataclass(frozen=True, slots=True)
class FetchPolynomials:
    """Ask these peers for the opened polynomials of a certified round; ``on_polynomials``."""

    round: int
    root: bytes
    peers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CatchUp:
    """``peer`` says that ``round`` is certified, and this peer is further back than that."""

    round: int
    peer: int


@dataclass(frozen=True, slots=True)
class Dropped:
    """A message was refused at the boundary; ``peer`` sent it, which proves nothing about it."""

    peer: int
    reason: str


Effect: TypeAlias = (
    Persist
    | Erase
    | Send
    | Timer
    | Train
    | Phase
    | Blame
    | Completed
    | Aborted
    | Stopped
    | FetchPolynomials
    | CatchUp
    | Dropped
)
