"""Leaders and voters that lie in the agreement on the cohort."""

from __future__ import annotations

from peerd.laboratory.adversaries.forging import forge
from protocols.committee.member import Member
from protocols.record.votes import outcome_hash
from protocols.wire.frames import StatementFrame
from protocols.wire.statement import Ballot, Kind, Statement


class RubbishLeader(Member):
    """22: proposes an outcome that does not follow from its inputs."""

    def _propose(self) -> tuple[bytes, tuple[bytes, ...]] | None:
        proposal = super()._propose()
        return None if proposal is None else (b"rubbish", proposal[1])


class CensoringLeader(Member):
    """71, 83: leaves one piece of evidence out."""

    def _propose(self) -> tuple[bytes, tuple[bytes, ...]] | None:
        hidden = sorted(self.pool)[:1]
        kept = {key: self.pool.pop(key) for key in hidden}
        try:
            return super()._propose()
        finally:
            self.pool.update(kept)


class SilentLeader(Member):
    """22: never proposes."""

    def _propose(self) -> tuple[bytes, tuple[bytes, ...]] | None:
        return None


class DoubleVoter(Member):
    """21: beside each vote, another vote for another outcome."""

    def on_statement(self, statement: Statement) -> None:
        super().on_statement(statement)
        if self.desk._round_secret is None or getattr(self, "_voted", False):
            return
        self._voted = True
        for kind in (Kind.FIRST_VOTE, Kind.SECOND_VOTE):
            for half in (0, 1):
                ballot = Ballot(outcome_hash(self.agreement.topic, bytes((half, kind))))
                vote = forge(self.desk, kind, ballot, int(self.agreement.topic))
                self.desk.send(self.panel.seats[half::2], StatementFrame(vote.wire))
