"""Leaders and voters that lie in the agreement on the cohort."""

from __future__ import annotations

from dataclasses import replace

from peerd.laboratory.adversaries.members import FalseAsker, LyingMember, Word
from peerd.laboratory.adversaries.trick import Shown
from protocols.record.votes import outcome_hash
from protocols.wire.frames import Frame, HaveFrame, NewViewFrame, StatementFrame
from protocols.wire.payloads import Ballot, Kind, NewView, Seen, Topic
from protocols.wire.statement import Statement


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


class TwoLister(LyingMember):
    """21, 89: shows half of the others a list of reports that lacks one."""

    def frame_for(self, peer: int, frame: Frame) -> Frame | None:
        if not isinstance(frame, StatementFrame) or peer % 2:
            return frame
        at, said = self.at, self.at.read(frame.statement)
        listed = (at.me, Kind.SEEN, Topic.COHORT)
        if said is None or (said.signer, said.kind, said.slot.subject) != listed:
            return frame
        fewer = Seen(said.payload.statements[1:], ())
        return StatementFrame(at.forge(Kind.SEEN, fewer, Topic.COHORT).wire)


class LateAsker(FalseAsker):
    """89: keeps its report, which asks honest dealers, to itself. Leading view 0 it shows it in its
    proposal only, and that just before the view ends: the next leader has the asks, and no answer.
    """

    victims = 1

    def word(self, honest: Word) -> Word:
        chosen = self.at.next_of(self.at.panel.selected)[: self.victims]
        return super().word(honest) if honest[0] in chosen else honest

    def frame_for(self, peer: int, frame: Frame) -> Frame | None:
        report = self.at.report
        if isinstance(frame, HaveFrame) and report is not None:
            return replace(frame, hashes=tuple(key for key in frame.hashes if key != report.hash))
        if isinstance(frame, StatementFrame):
            said = self.at.read(frame.statement)
            if said is not None and (said.kind, said.signer) == (Kind.REPORT, self.at.me):
                return None
        return frame

    def propose(self, shown: Shown) -> Shown | None:
        return None

    def reported(self) -> None:
        """The others wait so long for its report, and then are in view 0."""
        deadlines = self.at.setting.deadlines
        self.at.wake(deadlines.check + deadlines.agreement + 3 * deadlines.grace // 2)

    def woken(self) -> None:
        if self.at.leaders[0] != self.at.me or self.at.report is None:
            return
        shown = self.at.evidence()
        self.at.propose(self.at.cohort_of(shown).encode(), shown)
        unlocked = NewView(0, bytes(32))
        said = self.at.forge(Kind.NEW_VIEW, unlocked, Topic.COHORT, 1)  # the next one may begin
        self.at.send(self.at.panel.seats, NewViewFrame(said.wire, b"", ()))
