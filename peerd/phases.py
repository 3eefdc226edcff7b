"""Which of the phases that a session tells are those of an attempt."""

from __future__ import annotations

from protocols.session.states import Stage, Standing

SITTING_OUT = "sitting out"
IDLE = frozenset(
    {SITTING_OUT}
    | {standing.value for standing in Standing}
    | {stage.value for stage in (Stage.VOID, Stage.ENDED, Stage.LEFT)}
)
"""Phases in which a peer is in no attempt, and owes its group nothing."""
