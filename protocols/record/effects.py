"""What the core asks for: effects, one ``Step`` of them for each thing that happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from protocols.record.certificate import CertifiedRound, Close
from protocols.wire.payloads import Act


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
    FORGOTTEN = "forgotten"  # this store may be an old one, and too few remember its round
    ATTEMPTS = "attempts"  # the plan pays for no further draw, or attempts have no more numbers


class Event:
    """What a timer is for (protocols.record.timers)."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Persist:
    """Durable before any effect that follows. ``key`` belongs to the round's journal."""

    round: int
    key: str
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keep:
    """An operator's approval (protocols.record.approval), durable before any effect that follows.
    It belongs to no round: a peer that starts again gets it back while it may still count.
    """

    approval: bytes = field(repr=False)


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
    """Call ``on_timer`` with it after ``delay`` milliseconds. ``place``: (round, attempt)."""

    place: tuple[int, int]
    event: Event
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
    """A verified certificate. ``model`` is the new one; ``transcript`` is what an auditor reads.
    ``close``: how it came to its end; unless something was opened the model is the old one.
    """

    round: int
    certificate: bytes = field(repr=False)
    transcript: bytes = field(repr=False)
    polynomials: bytes = field(repr=False)
    model: npt.NDArray[np.float32] = field(repr=False)
    model_hash: bytes
    dealers: tuple[int, ...]
    absent: tuple[int, ...]
    close: Close = Close.OPENED

    @property
    def opened(self) -> bool:
        return self.close is Close.OPENED


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
    """The group can't go on without its operators (§6), unless what is missing comes after all.
    ``cohort``: the hash of the decided one that operators may give up; empty where there is none.
    """

    round: int
    reason: Stop
    attempt: int = 0
    cohort: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Approved:
    """``peer``'s operator approves this (protocols.wire.payloads.Approve)."""

    peer: int
    act: Act
    about: bytes
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Spent:
    """The pause that ended this round is what this peer's operator has approved, perhaps before it
    was known here: behind it the approval counts for nothing.
    """

    round: int


@dataclass(frozen=True, slots=True)
class Abandonment:
    """So far these peers' operators have given up the cohort of this attempt (§6)."""

    round: int
    attempt: int
    signers: tuple[int, ...]


class Record(StrEnum):
    """What a peer keeps of rounds that are over, and gives to whoever asks."""

    HEAD = "head"  # its last certified round, whichever is asked for
    CERTIFICATE = "certificate"
    MODEL = "model"
    POLYNOMIALS = "polynomials"
    SUCCESSOR = "successor"  # the genesis of the group that this round hands over to
    BEGINNING = "beginning"  # of a successor: the old genesis, and the handover's certificate


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask ``peer`` for a record of ``round``; answer with ``on_answer``, also where none comes."""

    peer: int
    record: Record
    round: int


@dataclass(frozen=True, slots=True)
class Staying:
    """This peer takes no part from round ``since`` on; None: it takes part (§6). Durable where it
    ``lasts``.
    """

    since: int | None
    lasts: bool = True


@dataclass(frozen=True, slots=True)
class Announced:
    """All that have said that they are away, each from a round on; whenever that changes."""

    since: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class AwaitTime:
    """Call ``on_timer`` with ``TimeCome`` when the group's rhythm has this round begin, by this
    machine's clock; and, where no round begins any more, with one that says so.
    """

    round: int


@dataclass(frozen=True, slots=True)
class Adopted:
    """Rounds that others have certified, in order, and the last one's model."""

    rounds: tuple[CertifiedRound, ...]
    model: npt.NDArray[np.float32] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A message was refused at the boundary; ``peer`` sent it, which proves nothing about it."""

    peer: int
    reason: str


Effect: TypeAlias = (
    Persist
    | Keep
    | Erase
    | Send
    | Timer
    | Train
    | Phase
    | Blame
    | Completed
    | Aborted
    | Stopped
    | Approved
    | Spent
    | Abandonment
    | Ask
    | AwaitTime
    | Adopted
    | Staying
    | Announced
    | Dropped
)


class Outcome:
    """What came of an event, for the machine that called (protocols.record.outcomes)."""

    __slots__ = ()


Notice: TypeAlias = (
    Phase | Blame | Aborted | Stopped | Approved | Spent | Abandonment | Announced | Dropped
)
"""What is only to be told, to the operator or the log."""
Request: TypeAlias = Send | Train | Ask | AwaitTime
"""What leaves the core: others, the training or the clock will answer."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one transition calls for. Whoever carries it out keeps the order of the fields.

    ``persist`` is durable before anything else happens: what is sent was signed, and what was
    signed is journaled (faults 21, 42). ``complete`` is durable before ``erase``: a crash in
    between would leave a peer in a round whose journal is gone. ``erase`` comes before
    ``request``: what must not be found on a stolen disk is gone before others learn that it may.

    ``outcomes`` are what came of it for the machine that called; none leaves the session.
    """

    persist: tuple[Persist | Keep, ...] = ()
    complete: tuple[Completed | Adopted | Staying, ...] = ()
    erase: tuple[Erase, ...] = ()
    request: tuple[Request, ...] = ()
    timers: tuple[Timer, ...] = ()
    notices: tuple[Notice, ...] = ()
    outcomes: tuple[Outcome, ...] = ()

    def __iter__(self) -> Iterator[Effect]:
        yield from self.persist
        yield from self.complete
        yield from self.erase
        yield from self.request
        yield from self.timers
        yield from self.notices

    def __bool__(self) -> bool:
        return self is not NOTHING


class Draft:
    """A step while it is made: effects go in as they come up, each kind keeps its order."""

    def __init__(self, effects: Iterable[Effect] = ()) -> None:
        self._fields: dict[str, list[Any]] = {}  # most steps of most machines are empty
        self._whole = NOTHING  # or one step of another machine, and most go up as they are
        self.emit_all(effects)

    def emit(self, effect: Effect | Outcome) -> None:
        if self._whole is not NOTHING:
            self._unfold()
        self._fields.setdefault(_FIELD.get(type(effect), "outcomes"), []).append(effect)

    def emit_all(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            self.emit(effect)

    def absorb(self, step: Step) -> Sequence[Outcome]:
        """Another machine's step becomes part of this one; what came of it is for the caller."""
        if step is NOTHING:
            return ()
        if self._whole is not NOTHING:
            self._unfold()
        if self._fields or step.outcomes:
            self._take_from(step)
        else:
            self._whole = step
        return step.outcomes

    def done(self) -> Step:
        """All that went in since the last time."""
        if not self._fields:
            whole, self._whole = self._whole, NOTHING
            return whole
        fields, self._fields = self._fields, {}
        return Step(**{name: tuple(found) for name, found in fields.items()})

    def _unfold(self) -> None:
        whole, self._whole = self._whole, NOTHING
        self._take_from(whole)

    def _take_from(self, step: Step) -> None:
        for name in _EFFECTS:
            found = getattr(step, name)
            if found:
                self._fields.setdefault(name, []).extend(found)


NOTHING = Step()

_EFFECTS = ("persist", "complete", "erase", "request", "timers", "notices")
_FIELD: dict[type, str] = {
    **dict.fromkeys((Persist, Keep), "persist"),
    **dict.fromkeys((Completed, Adopted, Staying), "complete"),
    Erase: "erase",
    **dict.fromkeys((Send, Train, Ask, AwaitTime), "request"),
    Timer: "timers",
    **dict.fromkeys(
        (Phase, Blame, Aborted, Stopped, Approved, Spent, Abandonment, Announced, Dropped),
        "notices",
    ),
}
"""Where in a Step each kind of effect stands; all else is an outcome."""


def step_of(effects: Iterable[Effect]) -> Step:
    """These effects, each kind in the order in which it came."""
    return Draft(effects).done()
