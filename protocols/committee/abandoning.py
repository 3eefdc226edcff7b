"""A decided cohort that can't be opened, given up by a quorum of operators (docs/protocol.md §6).

Nothing is signed here that an operator did not ask for.
"""

from __future__ import annotations

from protocols.aggregation import model_hash
from protocols.committee.committee import Committee
from protocols.committee.opening import Previous
from protocols.committee.own_sum import sum_key
from protocols.committee.receiver import kept_prefix
from protocols.record.abandonment import WORDS, abandons, enough
from protocols.record.certificate import Certificate
from protocols.record.effects import Abandonment, Step
from protocols.record.outcomes import Abandoned, CohortDecided
from protocols.record.party import Party, Role
from protocols.wire.frames import SUM, StatementFrame
from protocols.wire.payloads import Abandon, Kind
from protocols.wire.statement import Statement


class Abandoning(Role):
    """Comes to ``Abandoned``. Others' words may have come before this peer knew the cohort."""

    def __init__(
        self, party: Party, committee: Committee, decided: CohortDecided, previous: Previous
    ) -> None:
        super().__init__(party)
        self._committee = committee
        self._decided = decided
        self._end = Abandon(
            previous.certificate, decided.hash, model_hash(previous.model), WORDS.encode()
        )
        self._signers: tuple[int, ...] = ()

    @property
    def cohort(self) -> bytes:
        """The hash that names it."""
        return self._decided.hash

    def start(self) -> Step:
        """What an earlier life of this peer signed is said again, and erased again: that life may
        have ended in between.
        """
        if self.party.has_signed(Kind.ABANDON):
            return self.abandon()
        self._count()
        return self.done()

    def abandon(self) -> Step:
        """The operator has asked for it. This member's sum and its shares are erased first, so that
        it can't help to open the cohort any more. Its key stays: where members restart the decision
        is made known again by their votes.
        """
        party = self.party
        shares = party.journal.keys_under(kept_prefix(party.attempt))
        self.erase(sum_key(party.attempt), *shares)
        party.sent[:] = [(to, data) for to, data in party.sent if not data.startswith(SUM)]
        statement = self.sign(Kind.ABANDON, self._end)
        self.send(party.everyone(), StatementFrame(statement.wire))
        self._count()
        return self.done()

    def on_statement(self, said: Statement) -> Step:
        self.admit(said)
        self._count()
        return self.done()

    def _count(self) -> None:
        """Who has given up this cohort, in these words; and whether they are enough."""
        said = [s for s in map(self._word_of, self.party.everyone()) if s is not None]
        signers = tuple(statement.signer for statement in said)
        if signers == self._signers:
            return
        self._signers = signers
        self.emit(Abandonment(*self.party.place, signers))
        if enough(self.party.setting, self._committee.panel.seats, signers):
            words = tuple(statement.wire for statement in said)
            election, outcome = self._committee.flip.certificate, self._decided.decision.outcome
            record = Certificate(election, outcome, words).encode()
            self.emit(Abandoned(record, self._end, signers))

    def _word_of(self, peer: int) -> Statement | None:
        slot = self.party.slot(Kind.ABANDON)._replace(signer=peer)
        said = self.party.inbox.of(slot)
        if said is None:
            return None
        end = self._end
        return said if abandons(said.payload, end.cohort, end.previous, end.model) else None
