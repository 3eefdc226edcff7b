"""Which view a member is in, and how it says so (docs/protocol.md §5)."""

from __future__ import annotations

from protocols.agreement import rules
from protocols.agreement.ballots import Ballots
from protocols.agreement.clock import Clock
from protocols.agreement.locks import Lock, Locks
from protocols.agreement.terms import Terms
from protocols.errors import WireError
from protocols.record.door import read_statement
from protocols.record.effects import Step
from protocols.record.party import Party, Role
from protocols.record.votes import check_quorum, outcome_hash
from protocols.wire.frames import NewViewFrame
from protocols.wire.payloads import Kind, NewView
from protocols.wire.statement import Statement


class Views(Role):
    """A member announces each view but the first with its lock; the clock counts who has."""

    def __init__(self, party: Party, terms: Terms, locks: Locks, ballots: Ballots) -> None:
        super().__init__(party)
        self.clock = Clock(party, terms)
        self._terms = terms
        self._locks = locks
        self._ballots = ballots

    def first(self) -> int:
        """Where this member begins: in no earlier view than one in which it has signed."""
        begun = max(rules.restored_view(self._signed()), self.clock.honest_view())
        return self._locks.reached(begun)

    def further(self, view: int) -> int | None:
        """A later view than this, in which an honest member is; None where none shows."""
        ahead = self.clock.honest_view()
        return self._locks.reached(ahead) if ahead > view else None

    def announce(self, view: int) -> Step:
        """NEW_VIEW, with the highest lock below it."""
        topic = self._terms.topic
        below = self._locks.below(view)
        payload = NewView(0, bytes(32))
        if below is not None:
            payload = NewView(below.view + 1, outcome_hash(topic, below.outcome))
        statement = self.sign(Kind.NEW_VIEW, payload, int(topic), view)
        first = self._ballots.take(statement)
        self.clock.note(self.party.me, view)
        lock = self._locks.of(statement.payload.lock_view - 1)
        shown = (lock.outcome, lock.votes) if lock else (b"", ())
        frame = NewViewFrame(statement.wire, *shown)
        self.send(self._terms.electorate.members, frame, again=first)
        return self.done()

    def shown_lock(self, statement: Statement, frame: NewViewFrame) -> Lock | None:
        """The lock that a NEW_VIEW shows. WireError where its votes don't prove it."""
        said = statement.payload
        if not said.lock_view:
            return None
        if said.lock_view > statement.slot.view:
            raise WireError("a lock from a view that was not over")
        value = outcome_hash(self._terms.topic, frame.outcome)
        view = self.check(Kind.FIRST_VOTE, frame.lock, value)
        if said.lock_outcome != value or said.lock_view != view + 1:
            raise WireError("a lock that its votes don't prove")
        return Lock(view, frame.outcome, frame.lock)

    def check(self, kind: Kind, votes: tuple[bytes, ...], value: bytes) -> int:
        """The view in which these votes are a quorum for this outcome. WireError if in none."""
        where = (*self.party.place, self._terms.topic)
        electorate = self._terms.electorate
        return check_quorum(self.party.setting, electorate, kind, where, votes, value)

    def _signed(self) -> list[int]:
        """The views in which an earlier life of this member signed something."""
        party, topic = self.party, int(self._terms.topic)
        return [
            read_statement(party.setting, wire).slot.view
            for kind in (Kind.PROPOSAL, Kind.FIRST_VOTE, Kind.SECOND_VOTE, Kind.NEW_VIEW)
            for wire in party.journal.under(f"slot/{party.attempt}/{int(kind)}/{topic}/")
        ]
