"""The states of an attempt at a round, at every peer (docs/protocol.md §6)."""

from __future__ import annotations

from enum import Enum


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
