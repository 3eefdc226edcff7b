"""Leaders that leave something out of their proposal, so that a dealer is in who should be out, or
out who should be in (71, 83). The outcome follows from what is left: only a member that held what
is missing can tell.
"""

from __future__ import annotations

from peerd.laboratory.adversaries.members import FalseAsker, LyingMember, Word
from peerd.laboratory.adversaries.trick import Shown
from protocols.record.cohort import Cohort
from protocols.wire.payloads import Check, Kind
from protocols.wire.statement import Statement


class OmittingLeader(LyingMember):
    """Proposes what follows from all that it holds but what it ``omits``."""

    def omits(self, statement: Statement) -> bool:
        raise NotImplementedError

    def propose(self, shown: Shown) -> Shown | None:
        kept = tuple(item for item in shown[1] if not self.omits(item))
        return self.at.cohort_of(kept).encode(), kept

    @property
    def victim(self) -> int:
        """The next selected dealer after the liar."""
        return self.at.next_of(self.at.panel.selected)[0]


class FalselyAskingLeader(OmittingLeader, FalseAsker):
    """Asks one honest dealer for what it has, so that this dealer needs every word for it."""

    def word(self, honest: Word) -> Word:
        return FalseAsker.word(self, honest) if honest[0] == self.victim else honest


class AttestationOmitter(FalselyAskingLeader):
    """83: leaves out that its ask was answered: the honest dealer would be absent."""

    def omits(self, statement: Statement) -> bool:
        return statement.kind is Kind.ATTESTATION


class OkOmitter(FalselyAskingLeader):
    """71: leaves out as many members' OKs as there may be absent, and one more."""

    def omits(self, statement: Statement) -> bool:
        others = sorted({*self.at.panel.seats} - {self.at.me, self.victim})
        count = self.at.panel.plan.absent + 1
        return statement.kind is Kind.REPORT and statement.signer in others[:count]


class ComplaintOmitter(OmittingLeader):
    """71: leaves out every complaint, so that its own bad dealing would stand."""

    def omits(self, statement: Statement) -> bool:
        return statement.kind is Kind.COMPLAINT


class AskOmitter(OmittingLeader):
    """83: leaves out the report of whoever asks for its dealing, which it withholds."""

    def omits(self, statement: Statement) -> bool:
        return statement.kind is Kind.REPORT and any(
            (dealer, word) == (self.at.me, Check.ASK) for dealer, word, _ in statement.payload.words
        )


class OpeningOmitter(OmittingLeader):
    """83: leaves out the disclosure that convicts it, and the delivery that was opened."""

    def omits(self, statement: Statement) -> bool:
        return statement.kind in (Kind.DISCLOSURE, Kind.DELIVERY)


class HeaderOmitter(LyingMember):
    """83: shows all that it holds, and leaves one honest dealer's header out of the outcome."""

    def propose(self, shown: Shown) -> Shown | None:
        cohort, victim = Cohort.decode(shown[0]), self.at.next_of(self.at.panel.selected)[0]
        kept = tuple((peer, header) for peer, header in cohort.dealers if peer != victim)
        return Cohort(kept, cohort.excluded).encode(), shown[1]
