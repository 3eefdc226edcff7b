"""The states of an agreement, as one member sees it (docs/protocol.md §5)."""

from __future__ import annotations

from enum import Enum


class Talk(Enum):
    LISTENING = "listening: this member's inputs are not complete"
    VOTING = "voting in a view"
    DECIDED = "decided"


class TalkEvent(Enum):
    BEGIN = "all inputs are in, or their deadline has passed"
    VIEW = "a view begins: the first, the next by the clock, or one that an honest member is in"
    DECIDE = "a quorum of second votes of one view, seen here or shown by anyone"


AGREEMENT: dict[tuple[Talk, TalkEvent], Talk] = {
    (Talk.LISTENING, TalkEvent.BEGIN): Talk.VOTING,
    (Talk.VOTING, TalkEvent.VIEW): Talk.VOTING,
    (Talk.LISTENING, TalkEvent.DECIDE): Talk.DECIDED,
    (Talk.VOTING, TalkEvent.DECIDE): Talk.DECIDED,
}
