"""Every state of the round's machines, every event that moves them, and where to.

The whole table, and nothing but the table: a machine moves only through ``Machine.move``, a move
that the table does not have raises and changes nothing, and the diagrams in docs/protocol.md are
made from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Generic, TypeVar

State = TypeVar("State", bound=Enum)
Event = TypeVar("Event", bound=Enum)


class IllegalMove(AssertionError):
    """A mistake in this program: an event in a state in which it can't happen."""


class Machine(Generic[State, Event]):
    """A state and the one way to change it."""

    __slots__ = ("_state", "_table")

    def __init__(self, start: State, table: Mapping[tuple[State, Event], State]) -> None:
        self._state = start
        self._table = table

    @property
    def state(self) -> State:
        return self._state

    def allows(self, event: Event) -> bool:
        return (self._state, event) in self._table

    def move(self, event: Event) -> State:
        """The state that follows. Raises IllegalMove, and stays, where there is none."""
        try:
            self._state = self._table[self._state, event]
        except KeyError:
            raise IllegalMove(f"{event.name} while {self._state.value}") from None
        return self._state


class Flip(Enum):
    """Where an election stands, in plain English (docs/protocol.md §2)."""

    WAITING = "waiting for peers"
    COMMITTING = "collecting commitments"
    AGREEING_COMMITS = "agreeing on the commitments"
    REVEALING = "collecting reveals"
    AGREEING_REVEALS = "agreeing on the reveals"
    DONE = "elected"


class FlipEvent(Enum):
    START = "the round begins"
    COMMITS_SEEN = "all awaited commitments are in, or their deadline has passed"
    COMMITS_DECIDED = "a quorum decided the set of commitments"
    REVEALS_SEEN = "all reveals are in, or their deadline has passed"
    REVEALS_DECIDED = "a quorum decided the set of reveals"


# A decision is accepted at any time (§6): it overtakes whatever this peer was still collecting.
FLIP: dict[tuple[Flip, FlipEvent], Flip] = {
    (Flip.WAITING, FlipEvent.START): Flip.COMMITTING,
    (Flip.COMMITTING, FlipEvent.COMMITS_SEEN): Flip.AGREEING_COMMITS,
    (Flip.COMMITTING, FlipEvent.COMMITS_DECIDED): Flip.REVEALING,
    (Flip.AGREEING_COMMITS, FlipEvent.COMMITS_DECIDED): Flip.REVEALING,
    (Flip.REVEALING, FlipEvent.REVEALS_SEEN): Flip.AGREEING_REVEALS,
    (Flip.COMMITTING, FlipEvent.REVEALS_DECIDED): Flip.DONE,
    (Flip.AGREEING_COMMITS, FlipEvent.REVEALS_DECIDED): Flip.DONE,
    (Flip.REVEALING, FlipEvent.REVEALS_DECIDED): Flip.DONE,
    (Flip.AGREEING_REVEALS, FlipEvent.REVEALS_DECIDED): Flip.DONE,
}


class Seat(Enum):
    """Where a committee member stands up to the decision on the cohort (§3, §5)."""

    DEALING = "waiting for dealings"
    REPORTING = "collecting reports"
    COMPARING = "comparing reports"
    RELAYING = "delivering what was asked for"
    ECHOING = "comparing evidence"
    AGREEING = "agreeing on the cohort"
    DECIDED = "cohort decided"


class SeatEvent(Enum):
    DEALT = "all dealings are in, or their deadline has passed"
    REPORTED = "all reports are in, or their deadline has passed"
    REPORTS_COMPARED = "all members hold the same reports, or the deadline has passed"
    RELAYED = "every ask is resolved, or the relays' deadline has passed"
    ASKED_LATE = "a report came to light with an ask that had no time to be answered"
    COMPARED = "all members hold the same evidence, or the deadline has passed"
    COHORT_DECIDED = "a quorum decided the cohort"


SEAT: dict[tuple[Seat, SeatEvent], Seat] = {
    (Seat.DEALING, SeatEvent.DEALT): Seat.REPORTING,
    (Seat.REPORTING, SeatEvent.REPORTED): Seat.COMPARING,
    (Seat.COMPARING, SeatEvent.REPORTS_COMPARED): Seat.RELAYING,
    (Seat.RELAYING, SeatEvent.RELAYED): Seat.ECHOING,
    (Seat.ECHOING, SeatEvent.ASKED_LATE): Seat.RELAYING,
    (Seat.ECHOING, SeatEvent.COMPARED): Seat.AGREEING,
    (Seat.DEALING, SeatEvent.COHORT_DECIDED): Seat.DECIDED,
    (Seat.REPORTING, SeatEvent.COHORT_DECIDED): Seat.DECIDED,
    (Seat.COMPARING, SeatEvent.COHORT_DECIDED): Seat.DECIDED,
    (Seat.RELAYING, SeatEvent.COHORT_DECIDED): Seat.DECIDED,
    (Seat.ECHOING, SeatEvent.COHORT_DECIDED): Seat.DECIDED,
    (Seat.AGREEING, SeatEvent.COHORT_DECIDED): Seat.DECIDED,
}


class Stage(Enum):
    """Where an attempt at a round stands."""

    ELECTING = "electing"
    AGGREGATING = "aggregating"
    OPENING = "opening the sum"
    CERTIFIED = "certified"
    VOID = "void: somebody committed and did not reveal"
    ENDED = "ended without a result"
    LEFT = "over"


class StageEvent(Enum):
    ELECTED = "the coin has seated a committee"
    FLIP_VOID = "the flip is void"
    TOO_FEW = "fewer members than a quorum committed"
    COHORT_DECIDED = "the cohort is decided"
    NO_COHORT = "too few dealings stood"
    GIVEN_UP = "a quorum decided to give up: no cohort in time"
    CERTIFIED = "t + e + 1 members signed one result"
    LEAVE = "the round is certified and stored, here or by others"
    ABANDON = "others hold what this peer signed in it, and its own store does not"


STAGE: dict[tuple[Stage, StageEvent], Stage] = {
    (Stage.ELECTING, StageEvent.ELECTED): Stage.AGGREGATING,
    (Stage.ELECTING, StageEvent.FLIP_VOID): Stage.VOID,
    (Stage.ELECTING, StageEvent.TOO_FEW): Stage.ENDED,
    (Stage.AGGREGATING, StageEvent.COHORT_DECIDED): Stage.OPENING,
    (Stage.AGGREGATING, StageEvent.NO_COHORT): Stage.ENDED,
    (Stage.AGGREGATING, StageEvent.GIVEN_UP): Stage.ENDED,
    (Stage.OPENING, StageEvent.CERTIFIED): Stage.CERTIFIED,
    **{(stage, StageEvent.LEAVE): Stage.LEFT for stage in Stage},
    **{(stage, StageEvent.ABANDON): Stage.LEFT for stage in Stage if stage is not Stage.LEFT},
}
