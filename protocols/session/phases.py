"""The phases of an attempt: each is a type that has what it needs, and goes on from the one before.

A message goes to the one role that it concerns; what the phase has no role for is dropped by rule.
The order of things is the paper's Figure 3; docs/protocol.md has the diagram.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocols.agreement.machine import Agreement
from protocols.committee.abandoning import Abandoning
from protocols.committee.committee import Committee
from protocols.committee.dealer import Dealer
from protocols.committee.member import Member
from protocols.committee.opening import Opening, Previous
from protocols.committee.states import Seat
from protocols.committee.sums import Sums
from protocols.election.flip import Flip
from protocols.election.states import FlipState
from protocols.errors import WireError
from protocols.record.door import Message
from protocols.record.effects import NOTHING, Event, Step
from protocols.record.outcomes import Abandoned, CohortDecided, RoundOver, SumOpened
from protocols.record.party import Party, Role
from protocols.record.timers import CommitsDue, OfView, RevealsDue, SumsDue
from protocols.secret import Secret
from protocols.wire.frames import (
    AskFrame,
    DealingFrame,
    DecisionFrame,
    HaveFrame,
    NewViewFrame,
    ProposalFrame,
    SeenFrame,
    StatementFrame,
    SumFrame,
)
from protocols.wire.payloads import Kind, Topic
from protocols.wire.statement import Statement

BALLOTS = frozenset({Kind.FIRST_VOTE, Kind.SECOND_VOTE})


@dataclass(frozen=True, slots=True)
class Electing:
    """The roster flips the coin (§2)."""

    party: Party
    flip: Flip

    @property
    def state(self) -> FlipState | Seat:
        """What is shown of it."""
        return self.flip.state

    @property
    def decided(self) -> bytes:
        """The hash of the cohort that is to be opened; empty where none is."""
        return b""

    def closing(self) -> Iterator[Agreement]:
        """Whose decisions show a peer that is still in this attempt that it is over."""
        yield self.flip.agreement(self.party.setting.elects_by)

    def on_timer(self, event: Event) -> Step:
        match event:
            case OfView():
                agreement = self._agreement(event.topic)
                return (
                    self._talked(event.topic, agreement.on_timer(event)) if agreement else NOTHING
                )
            case CommitsDue() | RevealsDue():
                return self.flip.on_timer(event)
        return NOTHING

    def on_message(self, message: Message, said: Statement | None) -> Step:
        """``said``: the message's statement, verified. WireError for one that breaks a rule."""
        frame = message.frame
        if isinstance(frame, DecisionFrame) and message.slot is not None:
            topic = message.slot.subject
            agreement = self._agreement(topic)
            return self._talked(topic, agreement.on_decision(frame) if agreement else NOTHING)
        if said is None:
            raise WireError(f"{type(frame).__name__} belongs to no attempt")
        match frame:
            case SeenFrame():
                return self.flip.on_seen(_expect(said, Kind.SEEN), frame)
            case ProposalFrame() | NewViewFrame():
                return self._on_agreement(message.sender, said, frame)
            case StatementFrame():
                return self._on_statement(said)
        return NOTHING

    def compare(self, statement: Statement, frame: SumFrame | StatementFrame) -> Step:
        """Late words, of which nothing comes but proof against liars."""
        listener = Role(self.party)
        listener.admit(statement)
        return listener.done()

    def _agreement(self, topic: int) -> Agreement | None:
        """The agreement on this topic, once there is one."""
        return None if topic == Topic.COHORT else self.flip.agreement(Topic(topic))

    def _talked(self, topic: int, step: Step) -> Step:
        """What an agreement calls for goes through the role whose it is."""
        return step if step is NOTHING else self.flip.on_agreement(step)

    def _on_agreement(
        self, sender: int, said: Statement, frame: ProposalFrame | NewViewFrame
    ) -> Step:
        proposes = isinstance(frame, ProposalFrame)
        _expect(said, Kind.PROPOSAL if proposes else Kind.NEW_VIEW)
        if proposes and said.signer != sender:
            # its inputs are not signed: only the frame that comes from the leader itself counts
            raise WireError(f"a proposal of peer {said.signer}")
        topic = said.slot.subject
        agreement = self._agreement(topic)
        if agreement is None:
            return NOTHING
        if isinstance(frame, ProposalFrame):
            return self._talked(topic, agreement.on_proposal(said, frame))
        return self._talked(topic, agreement.on_new_view(said, frame))

    def _on_statement(self, said: Statement) -> Step:
        if said.kind in BALLOTS:
            agreement = self._agreement(said.slot.subject)
            vote = agreement.on_vote(said) if agreement else NOTHING
            return self._talked(said.slot.subject, vote)
        if said.kind in (Kind.COMMIT, Kind.REVEAL):
            return self.flip.on_statement(said)
        if said.kind is Kind.ABANDON:  # from one that knows the cohort, as this peer does not yet
            listener = Role(self.party)
            listener.admit(said)
            return listener.done()
        raise WireError(f"{said.kind.name} does not come alone")


@dataclass(frozen=True, slots=True)
class Aggregating(Electing):
    """The committee is dealt to, and agrees on the cohort (§3, §5)."""

    committee: Committee
    dealer: Dealer
    member: Member
    sums: Sums

    @property
    def state(self) -> FlipState | Seat:
        return self.member.state

    def closing(self) -> Iterator[Agreement]:
        yield self.flip.agreement(self.party.setting.elects_by)
        yield self.member.agreement

    def on_timer(self, event: Event) -> Step:
        if isinstance(event, OfView | CommitsDue | RevealsDue):
            return Electing.on_timer(self, event)
        return self.member.on_timer(event)

    def on_message(self, message: Message, said: Statement | None) -> Step:
        frame = message.frame
        if isinstance(frame, HaveFrame):
            return self.member.on_have(message.sender, frame)
        if isinstance(frame, DealingFrame) and said is not None:
            return self.member.on_dealing(message.sender, said, frame)
        if isinstance(frame, SumFrame) and said is not None:
            return self._on_opening(said, frame)
        if isinstance(frame, AskFrame) and said is not None:
            return self.member.on_statement(said, frame)
        return Electing.on_message(self, message, said)

    def compare(self, statement: Statement, frame: SumFrame | StatementFrame) -> Step:
        if isinstance(frame, SumFrame) or statement.kind is Kind.RESULT:
            return self._on_opening(statement, frame)
        return Electing.compare(self, statement, frame)

    def _agreement(self, topic: int) -> Agreement | None:
        return self.member.agreement if topic == Topic.COHORT else self.flip.agreement(Topic(topic))

    def _talked(self, topic: int, step: Step) -> Step:
        role = self.member if topic == Topic.COHORT else self.flip
        return step if step is NOTHING else role.on_agreement(step)

    def _on_statement(self, said: Statement) -> Step:
        if said.kind is Kind.RESULT:
            return self._on_opening(said, None)
        if said.kind in BALLOTS or said.slot.by_identity:
            return Electing._on_statement(self, said)
        return self.member.on_statement(said)

    def _on_opening(self, said: Statement, frame: SumFrame | StatementFrame | None) -> Step:
        """A sum or a result: from a member that knows the cohort before this one does."""
        if isinstance(frame, SumFrame):
            return self.sums.on_sum(said, frame)
        return self.sums.on_result(said)


@dataclass(frozen=True, slots=True)
class Summing(Aggregating):
    """The cohort is decided: its sum is opened and certified (§6)."""

    opening: Opening
    abandoning: Abandoning

    @classmethod
    def of(
        cls, phase: Aggregating, decided: CohortDecided, previous: Previous, secret: Secret
    ) -> Summing:
        """What follows the phase in which the cohort was decided."""
        party, committee, sums = phase.party, phase.committee, phase.sums
        opening = Opening(sums, committee, decided, previous, secret)
        abandoning = Abandoning(party, committee, decided, previous)
        roles = committee, phase.dealer, phase.member, sums
        return cls(party, phase.flip, *roles, opening, abandoning)

    def on_timer(self, event: Event) -> Step:
        if isinstance(event, SumsDue):
            return self.opening.on_timer(event)
        return Aggregating.on_timer(self, event)

    def on_message(self, message: Message, said: Statement | None) -> Step:
        step = Aggregating.on_message(self, message, said)
        if isinstance(message.frame, DealingFrame):
            # one that was lacking may be here now, and with it this member's sum
            return self.opening.follow(step, self.member.receiver)
        return step

    @property
    def decided(self) -> bytes:
        return self.abandoning.cohort

    def over(self, opened: SumOpened) -> RoundOver:
        """The certified sum is open, with what a transcript keeps of this attempt."""
        said = opened.certified, opened.polynomials, opened.model
        return RoundOver(*self._kept, *said)

    def given_up(self, abandoned: Abandoned) -> RoundOver:
        """Nothing is opened, and the model stays what it was."""
        return RoundOver(*self._kept, abandoned, b"", self.opening.model)

    @property
    def _kept(self) -> tuple[tuple[int, ...], tuple[bytes, ...], tuple[bytes, ...]]:
        return self.committee.panel.selected, self.opening.votes, self.member.pool

    def _on_statement(self, said: Statement) -> Step:
        if said.kind is Kind.ABANDON:
            return self.abandoning.on_statement(said)
        return Aggregating._on_statement(self, said)

    def _on_opening(self, said: Statement, frame: SumFrame | StatementFrame | None) -> Step:
        step = Aggregating._on_opening(self, said, frame)
        return self.opening.follow(step, self.member.receiver)


def _expect(statement: Statement, kind: Kind) -> Statement:
    if statement.kind is not kind:
        raise WireError(f"{kind.name} was expected, not {statement.kind.name}")
    return statement
