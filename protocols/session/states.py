"""The states of an attempt at a round, at every peer (docs/protocol.md §6)."""

from __future__ import annotations

from enum import Enum


class Stage(Enum):
    """Where an attempt at a round stands."""

    ELECTING = "electing"
    AGGREGATING = "aggregating"
    OPENING = "opening the sum"
    RESOLVED = "over: the group rests, or hands over"
    CERTIFIED = "certified"
    VOID = "void: somebody committed and did not reveal"
    ENDED = "ended without a result"
    LEFT = "over"


class StageEvent(Enum):
    ELECTED = "a committee is elected"
    FLIP_VOID = "the flip is void"
    TOO_FEW = "fewer members than a quorum committed"
    RESOLVED = "a quorum decided that the group rests, or hands over"
    COHORT_DECIDED = "the cohort is decided"
    NO_COHORT = "too few dealings stood"
    GIVEN_UP = "a quorum decided to give up: no cohort in time"
    CERTIFIED = "a quorum of members signed one result"
    LEAVE = "the round is certified and stored, here or by others"
    ABANDON = "others hold what this peer signed in it, and its own store does not"


STAGE: dict[tuple[Stage, StageEvent], Stage] = {
    (Stage.ELECTING, StageEvent.ELECTED): Stage.AGGREGATING,
    (Stage.ELECTING, StageEvent.FLIP_VOID): Stage.VOID,
    (Stage.ELECTING, StageEvent.TOO_FEW): Stage.ENDED,
    (Stage.ELECTING, StageEvent.RESOLVED): Stage.RESOLVED,
    (Stage.AGGREGATING, StageEvent.COHORT_DECIDED): Stage.OPENING,
    (Stage.AGGREGATING, StageEvent.NO_COHORT): Stage.ENDED,
    (Stage.AGGREGATING, StageEvent.GIVEN_UP): Stage.ENDED,
    (Stage.OPENING, StageEvent.CERTIFIED): Stage.CERTIFIED,
    **{(stage, StageEvent.LEAVE): Stage.LEFT for stage in Stage},
    **{(stage, StageEvent.ABANDON): Stage.LEFT for stage in Stage if stage is not Stage.LEFT},
}


class Rounding(Enum):
    """Where a peer stands among the attempts of one round."""

    BEHIND = "no attempt has begun"
    TRYING = "in an attempt"
    PAUSING = "waiting for those without whom there was no quorum"
    AGAIN = "another attempt is to begin"
    SPENT = "no further attempt is paid for"
    OVER = "over"


class RoundEvent(Enum):
    BEGIN = "an attempt begins"
    ENDED = "the attempt ended without a result"
    TOO_FEW = "the attempt ended because too few had committed"
    RETRY = "the pause is over, or more than b peers speak from a later attempt"
    SPEND = "the plan, or the numbers of attempts, allow no other"
    LEAVE = "the round is certified and stored, here or by others"
    ABANDON = "others hold what this peer signed in it, and its own store does not"


ROUND: dict[tuple[Rounding, RoundEvent], Rounding] = {
    (Rounding.BEHIND, RoundEvent.BEGIN): Rounding.TRYING,
    (Rounding.BEHIND, RoundEvent.SPEND): Rounding.SPENT,
    (Rounding.TRYING, RoundEvent.ENDED): Rounding.AGAIN,
    (Rounding.TRYING, RoundEvent.TOO_FEW): Rounding.PAUSING,
    (Rounding.TRYING, RoundEvent.SPEND): Rounding.SPENT,
    (Rounding.PAUSING, RoundEvent.RETRY): Rounding.AGAIN,
    (Rounding.AGAIN, RoundEvent.BEGIN): Rounding.TRYING,
    **{(state, RoundEvent.LEAVE): Rounding.OVER for state in Rounding},
    **{(state, RoundEvent.ABANDON): Rounding.OVER for state in Rounding},
}


class Standing(Enum):
    """Where a peer's session stands."""

    SURVEYING = "asking where the group stands"
    ASKING = "asking what was signed before"
    BETWEEN = "between rounds"
    WAITING = "waiting for the next round's time"
    RUNNING = "in a round"
    SUSPECT = "too few have said what they know that it has signed"
    SITTING_OUT = "sitting out: others hold, or may hold, what its store does not know"
    AWAY = "away, as it has announced: it follows the group, and signs nothing"
    RESTING = "resting: the group has paused"
    HANDED_OVER = "handed over: a successor goes on"
    FINISHED = "finished: it goes on helping those behind"
    BUDGET_SPENT = "budget spent: the group opens nothing more; it goes on helping those behind"


_OUT = (Standing.SUSPECT, Standing.SITTING_OUT)
SITS_OUT = frozenset(_OUT)
ENDED = frozenset({Standing.FINISHED, Standing.BUDGET_SPENT})
"""It makes no round any more, and is of use to whoever is behind."""
ONLY_FOLLOWS = SITS_OUT | ENDED | {Standing.AWAY}
"""It takes no part in its round, and goes on by others' certificates."""
IDLE = SITS_OUT | {Standing.WAITING, Standing.AWAY, Standing.RESTING, Standing.BUDGET_SPENT}
"""It has no attempt in which others' words could be kept, and may need them soon."""


class StandingEvent(Enum):
    SURVEYED = "everyone present has said where it stands, and led on as far as it can"
    ANSWERED = "everyone present has answered, or the time for it is over"
    WAIT = "the next round's time has not come, or too few have said so"
    TIME = "enough others say that its time has come, or this peer is to stay away"
    BEGIN = "the next round begins"
    AWAY = "its operator has this peer stay away"
    BACK = "its operator has it take part again"
    HOLD = "the next round is one that must be sat out"
    DOUBT = (
        "in the next round it may have signed what its store does not know; too few have answered"
    )
    CLEARED = "a quorum has said what it knows, and that is nothing new"
    SHOWN = "somebody shows what this peer signed, and its store does not know"
    OVER = "the round is certified and stored, here or by others"
    LAST = "no further round is to be run"
    SPENT = "so many cohorts are decided as the privacy budget allows"
    SUCCESSION = "a quorum of operators want the group to hand over"
    PAUSED = "the last round ended in a pause"
    RESUMED = "a quorum of operators, or more than b peers, go on"
    SUCCEEDED = "the last round ended in a handover"


SESSION: dict[tuple[Standing, StandingEvent], Standing] = {
    (Standing.SURVEYING, StandingEvent.OVER): Standing.SURVEYING,
    (Standing.SURVEYING, StandingEvent.SHOWN): Standing.SURVEYING,
    (Standing.SURVEYING, StandingEvent.SURVEYED): Standing.ASKING,
    (Standing.ASKING, StandingEvent.OVER): Standing.ASKING,
    (Standing.ASKING, StandingEvent.SHOWN): Standing.ASKING,
    (Standing.ASKING, StandingEvent.ANSWERED): Standing.BETWEEN,
    (Standing.BETWEEN, StandingEvent.WAIT): Standing.WAITING,
    (Standing.BETWEEN, StandingEvent.BEGIN): Standing.RUNNING,
    (Standing.BETWEEN, StandingEvent.AWAY): Standing.AWAY,
    (Standing.BETWEEN, StandingEvent.HOLD): Standing.SITTING_OUT,
    (Standing.BETWEEN, StandingEvent.DOUBT): Standing.SUSPECT,
    (Standing.BETWEEN, StandingEvent.LAST): Standing.FINISHED,
    (Standing.BETWEEN, StandingEvent.SPENT): Standing.BUDGET_SPENT,
    (Standing.BETWEEN, StandingEvent.PAUSED): Standing.RESTING,
    (Standing.BETWEEN, StandingEvent.SUCCEEDED): Standing.HANDED_OVER,
    (Standing.BETWEEN, StandingEvent.SHOWN): Standing.BETWEEN,
    (Standing.WAITING, StandingEvent.TIME): Standing.BETWEEN,
    (Standing.WAITING, StandingEvent.OVER): Standing.BETWEEN,
    (Standing.WAITING, StandingEvent.SHOWN): Standing.WAITING,
    (Standing.WAITING, StandingEvent.LAST): Standing.FINISHED,
    (Standing.RESTING, StandingEvent.RESUMED): Standing.BETWEEN,
    (Standing.RESTING, StandingEvent.OVER): Standing.BETWEEN,
    (Standing.RESTING, StandingEvent.SHOWN): Standing.RESTING,
    (Standing.HANDED_OVER, StandingEvent.SHOWN): Standing.HANDED_OVER,
    (Standing.BUDGET_SPENT, StandingEvent.SUCCESSION): Standing.BETWEEN,
    (Standing.BUDGET_SPENT, StandingEvent.OVER): Standing.BETWEEN,
    (Standing.BUDGET_SPENT, StandingEvent.SHOWN): Standing.BUDGET_SPENT,
    (Standing.RUNNING, StandingEvent.OVER): Standing.BETWEEN,
    (Standing.RUNNING, StandingEvent.SHOWN): Standing.SITTING_OUT,
    **{
        (state, StandingEvent.OVER): Standing.BETWEEN
        for state in (Standing.SUSPECT, Standing.SITTING_OUT)
    },
    **{
        (state, StandingEvent.SHOWN): Standing.SITTING_OUT
        for state in (Standing.SUSPECT, Standing.SITTING_OUT)
    },
    (Standing.SUSPECT, StandingEvent.CLEARED): Standing.BETWEEN,
    (Standing.AWAY, StandingEvent.BACK): Standing.BETWEEN,
    (Standing.AWAY, StandingEvent.OVER): Standing.BETWEEN,
    (Standing.AWAY, StandingEvent.SHOWN): Standing.AWAY,
    (Standing.FINISHED, StandingEvent.TIME): Standing.BETWEEN,
    (Standing.FINISHED, StandingEvent.OVER): Standing.BETWEEN,
    (Standing.FINISHED, StandingEvent.SHOWN): Standing.FINISHED,
}
