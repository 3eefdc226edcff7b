"""The states of an election (docs/protocol.md §2)."""

from __future__ import annotations

from enum import Enum


class FlipState(Enum):
    """Where an election stands, in plain English (docs/protocol.md §2)."""

    WAITING = "waiting for peers"
    COMMITTING = "collecting commitments"
    AGREEING_COMMITS = "agreeing on the commitments"
    REVEALING = "collecting reveals"
    AGREEING_REVEALS = "agreeing on the reveals"
    DONE = "elected"
    RESOLVED = "over: the group rests, or hands over"


class FlipEvent(Enum):
    START = "the round begins"
    COMMITS_SEEN = "all awaited commitments are in, or their deadline has passed"
    COMMITS_DECIDED = "a quorum decided the set of commitments"
    RESOLVED = "a quorum decided that the group rests, or hands over"
    REVEALS_SEEN = "all reveals are in, or their deadline has passed"
    ELECTED = "a quorum decided who is elected"


# A decision is accepted at any time (§6): it overtakes whatever this peer was still collecting.
FLIP: dict[tuple[FlipState, FlipEvent], FlipState] = {
    (FlipState.WAITING, FlipEvent.START): FlipState.COMMITTING,
    (FlipState.COMMITTING, FlipEvent.COMMITS_SEEN): FlipState.AGREEING_COMMITS,
    (FlipState.COMMITTING, FlipEvent.COMMITS_DECIDED): FlipState.REVEALING,
    (FlipState.AGREEING_COMMITS, FlipEvent.COMMITS_DECIDED): FlipState.REVEALING,
    (FlipState.COMMITTING, FlipEvent.RESOLVED): FlipState.RESOLVED,
    (FlipState.AGREEING_COMMITS, FlipEvent.RESOLVED): FlipState.RESOLVED,
    (FlipState.REVEALING, FlipEvent.REVEALS_SEEN): FlipState.AGREEING_REVEALS,
    (FlipState.COMMITTING, FlipEvent.ELECTED): FlipState.DONE,
    (FlipState.AGREEING_COMMITS, FlipEvent.ELECTED): FlipState.DONE,
    (FlipState.REVEALING, FlipEvent.ELECTED): FlipState.DONE,
    (FlipState.AGREEING_REVEALS, FlipEvent.ELECTED): FlipState.DONE,
}
