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

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from protocols.agreement import rules
from protocols.agreement.clock import Clock
from protocols.agreement.locks import Lock, Locks
from protocols.errors import WireError
from protocols.record.desk import Admission, Desk
from protocols.record.votes import Electorate, check_quorum, outcome_hash
from protocols.wire.frames import DecisionFrame, NewViewFrame, ProposalFrame, StatementFrame
from protocols.wire.statement import (
    MAX_VIEW,
    Ballot,
    Kind,
    NewView,
    Statement,
    Topic,
    decode_statement,
)

MAX_VIEWS_AHEAD = 64
"""Messages of views further ahead than this are dropped: they can't be needed yet. Of a NEW_VIEW
its number counts all the same: that the others are there."""

Proposal = tuple[bytes, tuple[bytes, ...]]


@dataclass(frozen=True, slots=True)
class Decision:
    """An outcome with its quorum of second votes. Only ``outcome`` is ever hashed or bound."""

    outcome: bytes
    votes: tuple[bytes, ...]


class Agreement:
    """One agreement, as one member (or an observer, who only accepts decisions) sees it.

    ``propose`` gives the outcome of this member's own inputs, or None while there are too few;
    ``judge`` says whether a proposal's outcome follows from its inputs, and lacks nothing that
    this member held at the deadline. ``resort`` is the outcome by which members give up once their
    patience is over (§6); without one they try for ever.
    """

    def __init__(
        self,
        desk: Desk,
        topic: Topic,
        electorate: Electorate,
        leaders: Sequence[int],
        *,
        propose: Callable[[], Proposal | None],
        judge: Callable[[bytes, tuple[bytes, ...]], bool],
        decided: Callable[[Decision], None],
        resort: bytes | None = None,
    ) -> None:
        self.topic = topic
        self.decision: Decision | None = None
        self.view = -1
        self._desk = desk
        self._electorate = electorate
        self._leaders = tuple(leaders)
        self._propose = propose
        self._judge = judge
        self._decided = decided
        self._resort = resort
        self._locks = Locks(desk, topic)
        self._may_lead = False
        self._patience_over = False
        self._outcomes = {outcome_hash(topic, lock.outcome): lock.outcome for lock in self._locks}
        self._proposals: dict[int, tuple[Statement, ProposalFrame]] = {}
        self._votes: dict[tuple[Kind, int], dict[int, Statement]] = {}
        self._new_views: dict[int, dict[int, Statement]] = {}
        self._clock = Clock(desk, topic, electorate)
        self._refused: set[int] = set()

    # -- events --------------------------------------------------------------------------------

    def begin(self) -> None:
        """This member's inputs are complete, or their deadline has passed."""
        if self.view < 0 and self.decision is None:
            begun = max(rules.restored_view(self._signed_views()), self._clock.honest_view())
            self._enter(self._locks.reached(begun))

    def refresh(self) -> None:
        """Inputs have changed: a leader that had too few may now propose."""
        if self.view >= 0:
            self._step()

    def lose_patience(self) -> None:
        """From now on this member may give up (§6); what it refused too early it judges again."""
        self._patience_over = True
        self._refused.clear()
        if self.view >= 0:
            self._step()

    def on_timeout(self, view: int) -> None:
        if view == self.view and self.decision is None and view < MAX_VIEW:
            self._enter(self._locks.reached(view + 1))

    def on_patience(self, view: int) -> None:
        """The time in which honest members' locks arrive is over: this view's leader may go on."""
        if view == self.view:
            self._may_lead = True
            self._step()

    def on_proposal(self, statement: Statement, frame: ProposalFrame) -> None:
        view = statement.slot.view
        if not self._current(statement) or statement.signer != self._leader(view):
            return
        value = outcome_hash(self.topic, frame.outcome)
        if statement.payload.outcome != value:
            raise WireError("a proposal whose outcome is not the one that it names")
        if self._desk.admit(statement) not in (Admission.NEW, Admission.KNOWN):
            return  # a leader's second proposal in a view: evidence, and no second outcome to keep
        if self._is_newest(view):
            self._proposals.setdefault(view, (statement, frame))
            self._keep_outcome(view)
        self._step()

    def _is_newest(self, view: int) -> bool:
        """Of each leader the last proposal is kept: each may fill a frame, nothing is judged before
        its view, and an honest leader has left the views that it led before.
        """
        leader = self._leader(view)
        led = [known for known in self._proposals if self._leader(known) == leader]
        for known in led:
            if known < view:
                del self._proposals[known]
        return all(known <= view for known in led)

    def _keep_outcome(self, view: int) -> None:
        """Of this view's proposal, for good, once the view has begun. Until then it waits with it,
        and goes with it: each may fill a statement, and a leader has many views ahead.
        """
        if view <= self.view and view in self._proposals:
            statement, frame = self._proposals[view]
            self._outcomes[statement.payload.outcome] = frame.outcome

    def _outcome(self, value: bytes) -> bytes | None:
        """The outcome of this hash, if it is here."""
        waiting = (
            frame for said, frame in self._proposals.values() if said.payload.outcome == value
        )
        known = self._outcomes.get(value)
        return known if known is not None else next((f.outcome for f in waiting), None)

    def on_vote(self, statement: Statement) -> None:
        if not self._current(statement):
            return
        if self._desk.admit(statement) in (Admission.NEW, Admission.KNOWN):
            self._record_vote(statement)
            self._step()

    def on_new_view(self, statement: Statement, frame: NewViewFrame) -> None:
        if statement.signer not in self._electorate.members or self._is_late(statement):
            return
        if self._current(statement):
            self._check_new_view(statement, frame)
            if self._desk.admit(statement) not in (Admission.NEW, Admission.KNOWN):
                return
            self._new_views.setdefault(statement.slot.view, {})[statement.signer] = statement
        # However far ahead: a number for each member is all that is kept.
        self._clock.note(statement.signer, statement.slot.view)
        self._follow()
        self._step()

    def on_waiting(self, view: int) -> None:
        """Still in this view without a quorum: a NEW_VIEW may be lost, so say it again."""
        if view == self.view and self.decision is None and not self._clock.runs(view):
            self._announce(view)
            self._clock.wait(view)

    def on_decision(self, frame: DecisionFrame) -> None:
        """A decision is accepted at any time, from anyone (§6)."""
        if self.decision is None:
            self._check(Kind.SECOND_VOTE, frame.votes, outcome_hash(self.topic, frame.outcome))
            self._decide(Decision(frame.outcome, frame.votes))

    # -- views ---------------------------------------------------------------------------------

    def _leader(self, view: int) -> int:
        return self._leaders[view % len(self._leaders)]

    def _current(self, statement: Statement) -> bool:
        """Whether a message may still matter: bounded views, by a member."""
        return (
            statement.signer in self._electorate.members
            and not self._is_late(statement)
            and statement.slot.view <= max(self.view, 0) + MAX_VIEWS_AHEAD
        )

    def _is_late(self, statement: Statement) -> bool:
        """Behind the decision a member's words are remembered, and no more: it may ask for them if
        its store is old (§6).
        """
        if self.decision is not None:
            self._desk.admit(statement)
        return self.decision is not None

    def _enter(self, view: int) -> None:
        self.view = view
        self._keep_outcome(view)
        self._may_lead = view == 0
        if view > 0:
            self._announce(view)
        self._clock.enter(view)
        self._step()

    def _announce(self, view: int) -> None:
        if not self._may_vote(Kind.NEW_VIEW):
            return
        lock = self._locks.below(view)
        payload = (
            NewView(lock.view + 1, outcome_hash(self.topic, lock.outcome))
            if lock
            else NewView(0, bytes(32))
        )
        statement = self._desk.sign(Kind.NEW_VIEW, payload, int(self.topic), view)
        again = self._desk.me in self._new_views.setdefault(view, {})
        self._new_views[view][self._desk.me] = statement
        self._clock.note(self._desk.me, view)
        lock = self._locks.of(statement.payload.lock_view - 1)
        frame = NewViewFrame(
            statement.wire, lock.outcome if lock else b"", lock.votes if lock else ()
        )
        self._desk.send(self._electorate.members, frame, again=not again)

    def _follow(self) -> None:
        if self.view < 0:
            return
        ahead = self._clock.honest_view()
        if ahead > self.view:
            self._enter(self._locks.reached(ahead))
        else:
            self._clock.run(self.view)

    def _signed_views(self) -> list[int]:
        """The views in which an earlier life of this member signed something."""
        desk = self._desk
        return [
            decode_statement(wire, desk.setting.group).slot.view
            for kind in (Kind.PROPOSAL, Kind.FIRST_VOTE, Kind.SECOND_VOTE, Kind.NEW_VIEW)
            for wire in desk.remembered_under(f"slot/{desk.attempt}/{int(kind)}/{int(self.topic)}/")
        ]

    def _check_new_view(self, statement: Statement, frame: NewViewFrame) -> None:
        said = statement.payload
        if not said.lock_view:
            return
        if said.lock_view > statement.slot.view:
            raise WireError("a lock from a view that was not over")
        value = outcome_hash(self.topic, frame.outcome)
        view = self._check(Kind.FIRST_VOTE, frame.lock, value)
        if said.lock_outcome != value or said.lock_view != view + 1:
            raise WireError("a lock that its votes don't prove")
        self._take_lock(Lock(view, frame.outcome, frame.lock))

    # -- steps ---------------------------------------------------------------------------------

    def _step(self) -> None:
        """Everything that may happen now, in the order in which it enables the next."""
        if self.decision is None and self.view >= 0:
            self._lead()
            self._vote_first()
            self._vote_second()
        self._try_decide()

    def _may_vote(self, kind: Kind) -> bool:
        desk = self._desk
        return desk.me in self._electorate.members and desk.can_sign(kind, int(self.topic))

    def _lead(self) -> None:
        view = self.view
        if self._leader(view) != self._desk.me or view in self._proposals:
            return
        if not self._may_vote(Kind.PROPOSAL) or not self._heard_enough(view):
            return
        lock = self._locks.below(view)
        proposal = (lock.outcome, ()) if lock else self._own_proposal()
        if proposal is None:
            return
        outcome, inputs = proposal
        ballot = Ballot(outcome_hash(self.topic, outcome))
        statement = self._desk.sign(Kind.PROPOSAL, ballot, int(self.topic), view)
        if statement.payload != ballot:
            return  # an earlier life proposed something else here, and that stands
        frame = ProposalFrame(statement.wire, outcome, inputs, lock.votes if lock else ())
        self._outcomes[ballot.outcome] = outcome
        self._proposals[view] = (statement, frame)
        self._desk.send(self._electorate.members, frame)

    def _own_proposal(self) -> Proposal | None:
        """Without a lock to propose."""
        if self._resort is not None and rules.gives_up(self._patience_over, self._locks.highest):
            return self._resort, ()
        return self._propose()

    def _heard_enough(self, view: int) -> bool:
        electorate = self._electorate
        heard = len(self._new_views.get(view, {}))
        return rules.may_lead(
            view, heard, len(electorate.members), electorate.quorum, self._may_lead
        )

    def _vote_first(self) -> None:
        view = self.view
        voted = self._desk.me in self._votes.get((Kind.FIRST_VOTE, view), {})
        if view not in self._proposals or not rules.may_first_vote(voted, view in self._refused):
            return
        if not self._may_vote(Kind.FIRST_VOTE):
            return
        statement, frame = self._proposals[view]
        if self._accepts(view, frame):
            self._cast(Kind.FIRST_VOTE, statement.payload.outcome)
        else:
            self._refused.add(view)

    def _accepts(self, view: int, frame: ProposalFrame) -> bool:
        shown = None
        if frame.lock:
            try:
                value = outcome_hash(self.topic, frame.outcome)
                shown = self._check(Kind.FIRST_VOTE, frame.lock, value)
            except WireError:
                return False
        accepted = rules.accepts(
            view,
            self._locks.highest,
            frame.outcome,
            shown,
            lambda: self._approves(frame),
        )
        if accepted and shown is not None:
            self._take_lock(Lock(shown, frame.outcome, frame.lock))
        return accepted

    def _approves(self, frame: ProposalFrame) -> bool:
        return rules.approves(
            frame.outcome == self._resort,
            self._patience_over,
            lambda: self._judges(frame),
        )

    def _judges(self, frame: ProposalFrame) -> bool:
        """What can't be judged is refused: it is judged again at each timer, where nobody listens
        to errors.
        """
        try:
            return self._judge(frame.outcome, frame.inputs)
        except WireError:
            return False

    def _vote_second(self) -> None:
        """For what is locked in this view, by votes that came here or by those that others show."""
        view = self.view
        for value, votes in self._tally(Kind.FIRST_VOTE, view):
            outcome = self._outcome(value)
            if outcome is not None and rules.is_quorum(len(votes), self._electorate.quorum):
                self._take_lock(Lock(view, outcome, _wires(votes)))
        lock = self._locks.of(view)
        voted = self._desk.me in self._votes.get((Kind.SECOND_VOTE, view), {})
        if lock is None or not rules.may_second_vote(view, self.view, voted):
            return
        if self._may_vote(Kind.SECOND_VOTE):
            self._cast(Kind.SECOND_VOTE, outcome_hash(self.topic, lock.outcome))

    def _cast(self, kind: Kind, value: bytes) -> None:
        statement = self._desk.sign(kind, Ballot(value), int(self.topic), self.view)
        self._record_vote(statement)
        self._desk.send(self._electorate.members, StatementFrame(statement.wire))
        if kind is Kind.FIRST_VOTE:
            self._vote_second()

    def _record_vote(self, statement: Statement) -> None:
        key = (statement.kind, statement.slot.view)
        self._votes.setdefault(key, {}).setdefault(statement.signer, statement)

    def _take_lock(self, lock: Lock) -> None:
        self._outcomes[outcome_hash(self.topic, lock.outcome)] = lock.outcome
        self._locks.take(lock)

    def _tally(self, kind: Kind, view: int) -> list[tuple[bytes, list[Statement]]]:
        """The outcomes that were voted for in a view, with their votes."""
        by_value: dict[bytes, list[Statement]] = {}
        for statement in self._votes.get((kind, view), {}).values():
            by_value.setdefault(statement.payload.outcome, []).append(statement)
        return list(by_value.items())

    def _try_decide(self) -> None:
        if self.decision is not None:
            return
        views = [view for kind, view in self._votes if kind is Kind.SECOND_VOTE]
        for view in views:
            for value, votes in self._tally(Kind.SECOND_VOTE, view):
                outcome = self._outcome(value)
                if outcome is not None and rules.is_quorum(len(votes), self._electorate.quorum):
                    self._decide(Decision(outcome, _wires(votes)))
                    return

    def _decide(self, decision: Decision) -> None:
        self.decision = decision
        self._desk.send(self._desk.everyone(), DecisionFrame(decision.outcome, decision.votes))
        self._decided(decision)

    def _check(self, kind: Kind, votes: Sequence[bytes], value: bytes) -> int:
        desk = self._desk
        where = (desk.round, desk.attempt, self.topic)
        return check_quorum(
            desk.setting.crypto, desk.setting.group, self._electorate, kind, where, votes, value
        )


def _wires(votes: Sequence[Statement]) -> tuple[bytes, ...]:
    return tuple(vote.wire for vote in votes)
