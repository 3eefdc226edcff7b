"""Leaders and voters that lie in the agreement on the cohort."""

from __future__ import annotations

from peerd.laboratory.adversaries.members import LyingMember
from peerd.laboratory.adversaries.trick import Shown
from protocols.record.votes import outcome_hash
from protocols.wire.frames import StatementFrame
from protocols.wire.statement import Ballot, Kind, Statement, Topic


class RubbishLeader(LyingMember):
    """22: proposes an outcome that does not follow from its inputs."""

    def propose(self, shown: Shown) -> Shown | None:
        return b"rubbish", shown[1]


class CensoringLeader(LyingMember):
    """71, 83: leaves one piece of evidence out."""

    def propose(self, shown: Shown) -> Shown | None:
        kept = shown[1][1:]
        return self.at.cohort_of(kept).encode(), kept


class SilentLeader(LyingMember):
    """22: never proposes."""

    def propose(self, shown: Shown) -> Shown | None:
        return None


class DoubleVoter(LyingMember):
    """21: beside each vote, another vote for another outcome."""

    voted = False

    def heard(self, statement: Statement) -> None:
        at = self.at
        if self.voted or not at.can_sign or statement.slot.by_identity:
            return
        self.voted = True
        for kind in (Kind.FIRST_VOTE, Kind.SECOND_VOTE):
            for half in (0, 1):
                ballot = Ballot(outcome_hash(Topic.COHORT, bytes((half, kind))))
                vote = at.forge(kind, ballot, Topic.COHORT)
                at.send(at.panel.seats[half::2], StatementFrame(vote.wire))
