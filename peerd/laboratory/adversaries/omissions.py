"""Leaders that leave something out of their proposal, so that a dealer is in who should be out, or
out who should be in (71, 83). The outcome follows from what is left: only a member that held what
is missing can tell.
"""

from __future__ import annotations

from peerd.laboratory.adversaries.members import FalseAsker, Liar
from protocols.committee.member import Member
from protocols.record.cohort import Cohort, decide, gather
from protocols.wire.statement import Check, Kind, Statement


class OmittingLeader(Liar):
    """Proposes what follows from all that it holds but what it ``omits``."""

    def omits(self, statement: Statement) -> bool:
        raise NotImplementedError

    def _propose(self) -> tuple[bytes, tuple[bytes, ...]] | None:
        kept = [self.pool[key] for key in sorted(self.pool) if not self.omits(self.pool[key])]
        guilty = self.evidence.convicted({item.hash: item for item in kept})
        cohort = decide(self.panel, gather(self.panel, kept, guilty))
        return cohort.encode(), tuple(item.wire for item in kept)

    @property
    def victim(self) -> int:
        """The next selected dealer after the liar."""
        size = self.desk.setting.peers
        order = [(self.desk.me + step) % size for step in range(1, size)]
        return next(peer for peer in order if peer in self.panel.selected)


class FalselyAskingLeader(OmittingLeader, FalseAsker):
    """Asks one honest dealer for what it has, so that this dealer needs every word for it."""

    def word_on(self, dealer: int) -> tuple[int, int, bytes]:
        asks = dealer == self.victim
        return FalseAsker.word_on(self, dealer) if asks else Member.word_on(self, dealer)


class AttestationOmitter(FalselyAskingLeader):
    """83: leaves out that its ask was answered: the honest dealer would be absent."""

    def omits(self, statement: Statement) -> bool:
        return statement.kind is Kind.ATTESTATION


class OkOmitter(FalselyAskingLeader):
    """71: leaves out as many members' OKs as there may be absent, and one more."""

    def omits(self, statement: Statement) -> bool:
        others = sorted({*self.panel.seats} - {self.desk.me, self.victim})
        count = self.panel.plan.absent + 1
        return statement.kind is Kind.REPORT and statement.signer in others[:count]


class ComplaintOmitter(OmittingLeader):
    """71: leaves out every complaint, so that its own bad dealing would stand."""

    def omits(self, statement: Statement) -> bool:
        return statement.kind is Kind.COMPLAINT


class AskOmitter(OmittingLeader):
    """83: leaves out the report of whoever asks for its dealing, which it withholds."""

    def omits(self, statement: Statement) -> bool:
        return statement.kind is Kind.REPORT and any(
            (dealer, word) == (self.desk.me, Check.ASK)
            for dealer, word, _ in statement.payload.words
        )


class OpeningOmitter(OmittingLeader):
    """83: leaves out the disclosure that convicts it, and the delivery that was opened."""

    def omits(self, statement: Statement) -> bool:
        return statement.kind in (Kind.DISCLOSURE, Kind.DELIVERY)


class HeaderOmitter(OmittingLeader):
    """83: shows all that it holds, and leaves one honest dealer's header out of the outcome."""

    def omits(self, statement: Statement) -> bool:
        return False

    def _propose(self) -> tuple[bytes, tuple[bytes, ...]] | None:
        proposal = super()._propose()
        if proposal is None:
            return None
        cohort, inputs = Cohort.decode(proposal[0]), proposal[1]
        kept = tuple((peer, header) for peer, header in cohort.dealers if peer != self.victim)
        return Cohort(kept, cohort.excluded).encode(), inputs
