"""What a member proposes in the views that it leads (docs/protocol.md §5, §6)."""

from __future__ import annotations

from protocols.agreement import rules
from protocols.agreement.ballots import Ballots
from protocols.agreement.locks import Locks
from protocols.agreement.terms import Proposal, Terms
from protocols.record.party import Party, Role
from protocols.record.votes import outcome_hash
from protocols.wire.frames import ProposalFrame
from protocols.wire.payloads import Ballot, Kind
from protocols.wire.statement import Statement


class Leader(Role):
    """``patience_over``: from now on this member may give up. ``waited``: the time in which honest
    members' locks arrive is over in this view.
    """

    def __init__(self, party: Party, terms: Terms, locks: Locks, ballots: Ballots) -> None:
        super().__init__(party)
        self.patience_over = False
        self.waited = False
        self._terms = terms
        self._locks = locks
        self._ballots = ballots

    def may_lead(self, view: int) -> bool:
        """Whether this member leads the view, and has heard enough."""
        if self._terms.leader(view) != self.party.me:
            return False
        electorate = self._terms.electorate
        heard, members = self._ballots.count(Kind.NEW_VIEW, view), len(electorate.members)
        return rules.may_lead(view, heard, members, electorate.quorum, self.waited)

    def propose(self, view: int) -> tuple[Statement, ProposalFrame] | None:
        """None while its inputs are too few; and where an earlier life proposed something else,
        which stands.
        """
        lock = self._locks.below(view)
        proposal = (lock.outcome, ()) if lock else self._own()
        if proposal is None:
            return None
        outcome, inputs = proposal
        ballot = Ballot(outcome_hash(self._terms.topic, outcome))
        statement = self.sign(Kind.PROPOSAL, ballot, int(self._terms.topic), view)
        if statement.payload != ballot:
            return None
        frame = ProposalFrame(statement.wire, outcome, inputs, lock.votes if lock else ())
        self.send(self._terms.electorate.members, frame)
        return statement, frame

    def _own(self) -> Proposal | None:
        """Without a lock to propose."""
        resort = self._terms.resort
        if resort is not None and rules.gives_up(self.patience_over, self._locks.highest):
            return resort, ()
        return self._terms.inputs.propose()
