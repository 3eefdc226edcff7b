"""Single-shot Byzantine agreement (docs/protocol.md §5).

Leaders rotate without end. In a view the leader proposes; a member that accepts signs a first
vote; a quorum of first votes locks its outcome, and a member that sees it signs a second vote; a
quorum of second votes decides. A member that times out moves on and shows its lock to all; the
next leader proposes the highest lock that it sees, or, where there is none, the outcome of its own
inputs. The time of a view runs only once a quorum has announced it, and whoever sees that an honest
member is further goes there: so views don't drift apart, however long members were away.

Safety: two quorums share an honest member (§1 (C)). That member, locked on the decided outcome,
accepts another one only with first votes of a later view, and by induction there are none.
Liveness, under synchrony: an honest leader waits for the locks of all honest members that are
online, so that none of them refuses its proposal.
"""

from __future__ import annotations

from protocols.agreement import rules
from protocols.agreement.ballots import Ballots
from protocols.agreement.leader import Leader
from protocols.agreement.locks import Lock, Locks
from protocols.agreement.proposals import Proposals
from protocols.agreement.states import AGREEMENT, Talk, TalkEvent
from protocols.agreement.terms import Terms
from protocols.agreement.views import Views
from protocols.errors import WireError
from protocols.record.effects import Step
from protocols.record.outcomes import Decision
from protocols.record.party import Party, Role
from protocols.record.states import Machine
from protocols.record.timers import LocksDue, OfView, ViewOver, ViewWaits
from protocols.record.votes import outcome_hash
from protocols.wire.frames import DecisionFrame, NewViewFrame, ProposalFrame, StatementFrame
from protocols.wire.payloads import MAX_VIEW, Ballot, Kind
from protocols.wire.statement import Statement

MAX_VIEWS_AHEAD = 64
"""Messages of views further ahead than this are dropped: they can't be needed yet. Of a NEW_VIEW
its number counts all the same: that the others are there."""


class Agreement(Role):
    """One agreement, as one member (or an observer, who only accepts decisions) sees it.

    ``view`` is the current one, -1 before this member's inputs are complete.
    """

    def __init__(self, party: Party, terms: Terms) -> None:
        super().__init__(party)
        self.terms = terms
        self.view = -1
        self.decision: Decision | None = None
        self._state = Machine(Talk.LISTENING, AGREEMENT)
        self._locks = Locks(party, terms.topic)
        self._proposals = Proposals(terms, (lock.outcome for lock in self._locks))
        self._ballots = Ballots(terms.electorate)
        self._views = Views(party, terms, self._locks, self._ballots)
        self._leader = Leader(party, terms, self._locks, self._ballots)

    # -- events --------------------------------------------------------------------------------

    def begin(self) -> Step:
        """This member's inputs are complete, or their deadline has passed."""
        if self._state.allows(TalkEvent.BEGIN):
            self._state.move(TalkEvent.BEGIN)
            self._enter(self._views.first())
        return self.done()

    def refresh(self) -> Step:
        """Inputs have changed: a leader that had too few may now propose."""
        if self.view >= 0:
            self._advance()
        return self.done()

    def lose_patience(self) -> Step:
        """From now on this member may give up (§6); what it refused too early it judges again."""
        self._leader.patience_over = True
        self._proposals.refused.clear()
        return self.refresh()

    def on_timer(self, event: OfView) -> Step:
        view, current = event.view, event.view == self.view
        match event:
            case ViewOver() if current and self.decision is None and view < MAX_VIEW:
                self._enter(self._locks.reached(view + 1))
            case LocksDue() if current:  # the time in which honest members' locks arrive is over
                self._leader.waited = True
                self._advance()
            case ViewWaits() if (
                current and self.decision is None and not self._views.clock.runs(view)
            ):
                self._announce(view)  # a NEW_VIEW may be lost
                self.absorb(self._views.clock.wait(view))
        return self.done()

    def on_proposal(self, statement: Statement, frame: ProposalFrame) -> Step:
        leader = self.terms.leader(statement.slot.view)
        if self._current(statement) and statement.signer == leader:
            if statement.payload.outcome != outcome_hash(self.terms.topic, frame.outcome):
                raise WireError("a proposal whose outcome is not the one that it names")
            # a leader's second proposal in a view is evidence, and no second outcome to keep
            if self.admit(statement).counts:
                self._proposals.take(statement, frame, self.view)
                self._advance()
        return self.done()

    def on_vote(self, statement: Statement) -> Step:
        if self._current(statement) and self.admit(statement).counts:
            self._ballots.take(statement)
            self._advance()
        return self.done()

    def on_new_view(self, statement: Statement, frame: NewViewFrame) -> Step:
        electors = self.terms.electorate.members
        if statement.signer not in electors or self._is_late(statement):
            return self.done()
        if self._current(statement):
            lock = self._views.shown_lock(statement, frame)
            if lock is not None:
                self._take_lock(lock)
            if not self.admit(statement).counts:
                return self.done()
            self._ballots.take(statement)
        # However far ahead: a number for each member is all that is kept.
        self._views.clock.note(statement.signer, statement.slot.view)
        self._follow()
        self._advance()
        return self.done()

    def on_decision(self, frame: DecisionFrame) -> Step:
        """A decision is accepted at any time, from anyone (§6)."""
        if self.decision is None:
            value = outcome_hash(self.terms.topic, frame.outcome)
            self._views.check(Kind.SECOND_VOTE, frame.votes, value)
            self._decide(frame.outcome, frame.votes)
        return self.done()

    # -- views ---------------------------------------------------------------------------------

    def _current(self, statement: Statement) -> bool:
        """Whether a message may still matter: bounded views, by a member."""
        return (
            statement.signer in self.terms.electorate.members
            and not self._is_late(statement)
            and statement.slot.view <= max(self.view, 0) + MAX_VIEWS_AHEAD
        )

    def _is_late(self, statement: Statement) -> bool:
        """Behind the decision a member's words are remembered, and no more: it may ask for them if
        its store is old (§6).
        """
        if self.decision is not None:
            self.admit(statement)
        return self.decision is not None

    def _enter(self, view: int) -> None:
        self._state.move(TalkEvent.VIEW)
        self.view = view
        self._proposals.begun(view, view)
        self._leader.waited = view == 0
        if view > 0:
            self._announce(view)
        self.absorb(self._views.clock.enter(view))
        self._advance()

    def _announce(self, view: int) -> None:
        if self._may_vote(Kind.NEW_VIEW):
            self.absorb(self._views.announce(view))

    def _follow(self) -> None:
        """An honest member is further: go there. Else see whether this view may be timed."""
        if self.view < 0:
            return
        further = self._views.further(self.view)
        if further is not None:
            self._enter(further)
        else:
            self.absorb(self._views.clock.run(self.view))

    # -- what may happen now, in the order in which it enables the next -------------------------

    def _advance(self) -> None:
        if self.decision is None and self.view >= 0:
            self._lead()
            self._vote_first()
            self._vote_second()
        self._try_decide()

    def _may_vote(self, kind: Kind) -> bool:
        party = self.party
        electors = self.terms.electorate.members
        return party.me in electors and party.can_sign(kind, int(self.terms.topic))

    def _lead(self) -> None:
        if self._proposals.of(self.view) is None and self._may_vote(Kind.PROPOSAL):
            if not self._leader.may_lead(self.view):
                return
            proposed = self._leader.propose(self.view)
            self.absorb(self._leader.done())
            if proposed is not None:
                self._proposals.take(*proposed, self.view)

    def _vote_first(self) -> None:
        view, proposal = self.view, self._proposals.of(self.view)
        voted = self._ballots.has(Kind.FIRST_VOTE, view, self.party.me)
        refused = view in self._proposals.refused
        if proposal is None or not rules.may_first_vote(voted, refused):
            return
        if not self._may_vote(Kind.FIRST_VOTE):
            return
        statement, frame = proposal
        if self._accepts(view, frame):
            self._cast(Kind.FIRST_VOTE, statement.payload.outcome)
        else:
            self._proposals.refused.add(view)

    def _accepts(self, view: int, frame: ProposalFrame) -> bool:
        shown = None
        if frame.lock:
            try:
                value = outcome_hash(self.terms.topic, frame.outcome)
                shown = self._views.check(Kind.FIRST_VOTE, frame.lock, value)
            except WireError:
                return False
        mine = self._locks.highest
        accepted = rules.accepts(view, mine, frame.outcome, shown, lambda: self._approves(frame))
        if accepted and shown is not None:
            self._take_lock(Lock(shown, frame.outcome, frame.lock))
        return accepted

    def _approves(self, frame: ProposalFrame) -> bool:
        gives_up = frame.outcome == self.terms.resort
        return rules.approves(gives_up, self._leader.patience_over, lambda: self._judges(frame))

    def _judges(self, frame: ProposalFrame) -> bool:
        """What can't be judged is refused: it is judged again at each timer, where nobody listens
        to errors.
        """
        try:
            accepted, step = self.terms.inputs.judge(frame.outcome, frame.inputs)
        except WireError:
            return False
        for outcome in self.absorb(step):
            self.emit(outcome)
        return accepted

    def _vote_second(self) -> None:
        """For what is locked in this view, by votes that came here or by those that others show."""
        view = self.view
        for value, votes in self._ballots.quorums(Kind.FIRST_VOTE, view):
            outcome = self._proposals.outcome(value)
            if outcome is not None:
                self._take_lock(Lock(view, outcome, votes))
        lock = self._locks.of(view)
        voted = self._ballots.has(Kind.SECOND_VOTE, view, self.party.me)
        if lock is None or not rules.may_second_vote(view, self.view, voted):
            return
        if self._may_vote(Kind.SECOND_VOTE):
            self._cast(Kind.SECOND_VOTE, outcome_hash(self.terms.topic, lock.outcome))

    def _cast(self, kind: Kind, value: bytes) -> None:
        statement = self.sign(kind, Ballot(value), int(self.terms.topic), self.view)
        self._ballots.take(statement)
        self.send(self.terms.electorate.members, StatementFrame(statement.wire))
        if kind is Kind.FIRST_VOTE:
            self._vote_second()

    def _take_lock(self, lock: Lock) -> None:
        self._proposals.keep(lock.outcome)
        self.absorb(self._locks.take(lock))

    def _try_decide(self) -> None:
        if self.decision is not None:
            return
        for view in self._ballots.views(Kind.SECOND_VOTE):
            for value, votes in self._ballots.quorums(Kind.SECOND_VOTE, view):
                outcome = self._proposals.outcome(value)
                if outcome is not None:
                    self._decide(outcome, votes)
                    return

    def _decide(self, outcome: bytes, votes: tuple[bytes, ...]) -> None:
        self._state.move(TalkEvent.DECIDE)
        self.decision = Decision(self.terms.topic, outcome, votes)
        self.send(self.party.everyone(), DecisionFrame(outcome, votes))
        self.emit(self.decision)
