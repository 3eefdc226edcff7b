"""Schedules of one agreement, message by message: what a rule of voting is there for, played out.

Three honest members (0, 1, 2) and a liar (3) who leads every fourth view. Nothing arrives unless it
is handed on. Each schedule ends with two decisions if, and only if, the rule that it is about does
not hold.
"""

from __future__ import annotations

import contextlib

from peerd.laboratory.simulation.oracle import demand
from protocols.errors import WireError
from protocols.record.votes import outcome_hash
from protocols.wire.frames import (
    DecisionFrame,
    Frame,
    NewViewFrame,
    ProposalFrame,
    StatementFrame,
    decode_frame,
    encode_frame,
)
from protocols.wire.payloads import Ballot, Kind, NewView
from protocols.wire.statement import Statement
from tests.mutation.arena import LIAR, NOTHING, SECRETS, TOPIC, Member, _signed

X, Y = b"outcome 0", b"outcome 1"
"""What member 0 proposes in view 0, and member 1 in view 1."""
Wanted = tuple[Kind, int, int]
"""A kind of statement, its view, and who said it."""


class Talk:
    """What honest members have said, and what the liar says in between."""

    def __init__(self) -> None:
        self.members = [Member(index) for index in range(3)]
        self._said: dict[Wanted, Frame] = {}

    def _listen(self) -> None:
        for member in self.members:
            for _, data in member.flush():
                frame = decode_frame(data)
                if not isinstance(frame, DecisionFrame):
                    slot = member.read(frame.statement).slot  # type: ignore[union-attr]
                    self._said[slot.kind, slot.view, slot.signer] = frame

    def hand(self, to: int, *wanted: Wanted) -> None:
        """Hand on what was said; nothing where it was not said. Rejections are the member's own."""
        for kind, view, signer in wanted:
            self._listen()
            frame = self._said.get((kind, view, signer))
            if frame is not None:
                self.tell(to, frame)

    def tell(self, to: int, frame: Frame) -> None:
        with contextlib.suppress(WireError):
            self.members[to].hear(encode_frame(frame))

    def statement(self, kind: Kind, view: int, signer: int) -> Statement:
        self._listen()
        frame = self._said[kind, view, signer]
        return self.members[0].read(frame.statement)  # type: ignore[union-attr]

    def lie(self, kind: Kind, view: int, outcome: bytes) -> Statement:
        return _signed(SECRETS[LIAR], kind, Ballot(outcome_hash(TOPIC, outcome)), view)

    def support(self, to: int, kind: Kind, view: int, outcome: bytes) -> None:
        """The liar's vote."""
        self.tell(to, StatementFrame(self.lie(kind, view, outcome).wire))

    def move(self, *members: int, to: int) -> None:
        """These time out until they are in that view."""
        for member in members:
            agreement = self.members[member].agreement
            while 0 <= agreement.view < to and agreement.decision is None:
                self.members[member].time_out()

    def lead(self, member: int, view: int, *others: int) -> None:
        """The leader of a view has the new views of these, and of the liar, who shows no lock."""
        self.hand(member, *((Kind.NEW_VIEW, view, other) for other in others))
        moved = _signed(SECRETS[LIAR], Kind.NEW_VIEW, NewView(0, bytes(32)), view)
        self.tell(member, NewViewFrame(moved.wire, b"", ()))
        self.members[member].stop_waiting(view)

    def judge(self) -> None:
        decided = {outcome for member in self.members for outcome in member.decided}
        demand(len(decided) <= 1, "agreement", decided)
        demand(bool(decided), "vacuous", "nobody has decided anything")


def _locked_on_x(talk: Talk) -> None:
    """View 0: members 0 and 1 first-vote for X, member 0 alone sees it and signs a second vote."""
    talk.hand(1, (Kind.PROPOSAL, 0, 0))
    talk.hand(0, (Kind.FIRST_VOTE, 0, 1))
    talk.support(0, Kind.FIRST_VOTE, 0, X)


def _y_is_proposed(talk: Talk) -> None:
    """View 1: members 1 and 2, without a lock, first-vote for Y; member 0 looks on."""
    talk.move(1, 2, to=1)
    talk.lead(1, 1, 2)
    talk.hand(2, (Kind.PROPOSAL, 1, 1))
    talk.move(0, to=1)
    talk.hand(0, (Kind.PROPOSAL, 1, 1))


def _y_is_decided(talk: Talk) -> None:
    """Members 0 and 2 see a quorum for Y, with the liar's help, and member 2 its decision."""
    for member, other in ((0, 2), (2, 0)):
        firsts = [(Kind.FIRST_VOTE, 1, signer) for signer in (1, other)]
        talk.hand(member, *firsts)
        talk.support(member, Kind.FIRST_VOTE, 1, Y)
    talk.hand(2, (Kind.SECOND_VOTE, 1, 0), (Kind.SECOND_VOTE, 1, 1))
    talk.support(2, Kind.SECOND_VOTE, 1, Y)


def _late_votes_for_x(talk: Talk) -> None:
    """Member 1 has first-voted for Y in view 1; now it sees all that was said in view 0."""
    talk.hand(1, (Kind.PROPOSAL, 0, 0), (Kind.FIRST_VOTE, 0, 0))
    talk.support(1, Kind.FIRST_VOTE, 0, X)
    talk.hand(1, (Kind.SECOND_VOTE, 0, 0))
    talk.support(1, Kind.SECOND_VOTE, 0, X)


def back_to_an_old_view(seed: int) -> None:
    """Member 1 restarts between its vote in view 1 and late votes of view 0."""
    talk = Talk()
    _locked_on_x(talk)
    _y_is_proposed(talk)
    talk._listen()
    talk.members[1].boot()
    _late_votes_for_x(talk)
    _y_is_decided(talk)
    talk.judge()


def late_votes(seed: int) -> None:
    """As above, without the restart."""
    talk = Talk()
    _locked_on_x(talk)
    _y_is_proposed(talk)
    _late_votes_for_x(talk)
    _y_is_decided(talk)
    talk.judge()


def forgotten_lock(seed: int) -> None:
    """Member 0 alone sees that X is decided; 1 and 2, who voted twice for X, restart, and member 1
    leads view 1.
    """
    talk = Talk()
    for member in (1, 2):
        talk.hand(member, (Kind.PROPOSAL, 0, 0))
    for member in range(3):
        talk.hand(member, *((Kind.FIRST_VOTE, 0, other) for other in range(3) if other != member))
    talk.hand(0, *((Kind.SECOND_VOTE, 0, other) for other in (1, 2)))
    for member in (1, 2):
        talk.members[member].boot()
    talk.move(1, 2, to=1)
    talk.lead(1, 1, 2)
    talk.hand(2, (Kind.PROPOSAL, 1, 1))
    outcome = b"outcome 1"
    for member, other in ((1, 2), (2, 1)):
        talk.hand(member, (Kind.FIRST_VOTE, 1, other))
        talk.support(member, Kind.FIRST_VOTE, 1, outcome)
    talk.hand(1, (Kind.SECOND_VOTE, 1, 2))
    talk.support(1, Kind.SECOND_VOTE, 1, outcome)
    talk.judge()


def older_lock(seed: int) -> None:
    """Y is decided in view 1, before member 0 alone; the liar leads view 3 with a quorum for X of
    view 0 that only it has seen.
    """
    talk = Talk()
    talk.hand(1, (Kind.PROPOSAL, 0, 0))
    stale = [talk.statement(Kind.FIRST_VOTE, 0, signer) for signer in (0, 1)]
    talk.move(0, 1, 2, to=1)
    talk.lead(1, 1, 0, 2)
    for member in (0, 2):
        talk.hand(member, (Kind.PROPOSAL, 1, 1))
    for member in range(3):
        talk.hand(member, *((Kind.FIRST_VOTE, 1, other) for other in range(3) if other != member))
    talk.hand(0, *((Kind.SECOND_VOTE, 1, other) for other in (1, 2)))
    talk.move(1, 2, to=3)
    lock = tuple(vote.wire for vote in (*stale, talk.lie(Kind.FIRST_VOTE, 0, X)))
    frame = ProposalFrame(talk.lie(Kind.PROPOSAL, 3, X).wire, X, (), lock)
    for member in (1, 2):
        talk.tell(member, frame)
    for member, other in ((1, 2), (2, 1)):
        talk.hand(member, (Kind.FIRST_VOTE, 3, other))
        talk.support(member, Kind.FIRST_VOTE, 3, X)
    talk.hand(1, (Kind.SECOND_VOTE, 3, 2))
    talk.support(1, Kind.SECOND_VOTE, 3, X)
    talk.judge()


def short_of_a_vote(seed: int) -> None:
    """Member 0 has second-voted for X, and nobody else; Y is decided. The liar shows member 1, who
    has not heard of that, both second votes for X that there are.
    """
    talk = Talk()
    _locked_on_x(talk)
    votes = (talk.statement(Kind.SECOND_VOTE, 0, 0), talk.lie(Kind.SECOND_VOTE, 0, X))
    _y_is_proposed(talk)
    _y_is_decided(talk)
    talk.tell(1, DecisionFrame(X, tuple(vote.wire for vote in votes)))
    talk.judge()


def _the_liar_gives_up(talk: Talk) -> None:
    """The liar leads view 3, and proposes to give up, without a lock to show; 1 and 2 are there."""
    talk.move(1, 2, to=3)
    frame = ProposalFrame(talk.lie(Kind.PROPOSAL, 3, NOTHING).wire, NOTHING, (), ())
    for member, other in ((1, 2), (2, 1)):
        talk.tell(member, frame)
        talk.tell(other, frame)
        talk.hand(member, (Kind.FIRST_VOTE, 3, other))
        talk.support(member, Kind.FIRST_VOTE, 3, NOTHING)
    talk.hand(1, (Kind.SECOND_VOTE, 3, 2))
    talk.support(1, Kind.SECOND_VOTE, 3, NOTHING)


def given_up(seed: int) -> None:
    """Member 0 alone sees that X is decided; 1 and 2, who voted twice for X, have lost patience
    when the liar proposes to give up.
    """
    talk = Talk()
    for member in (1, 2):
        talk.hand(member, (Kind.PROPOSAL, 0, 0))
    for member in range(3):
        talk.hand(member, *((Kind.FIRST_VOTE, 0, other) for other in range(3) if other != member))
    talk.hand(0, *((Kind.SECOND_VOTE, 0, other) for other in (1, 2)))
    for member in (1, 2):
        talk.members[member].lose_patience()
    _the_liar_gives_up(talk)
    talk.judge()


def given_up_at_once(seed: int) -> None:
    """Nobody has voted for anything, and nobody's patience is over, when the liar proposes it."""
    talk = Talk()
    _the_liar_gives_up(talk)
    decided = {outcome for member in talk.members for outcome in member.decided}
    demand(NOTHING not in decided, "abort", "members gave up although their patience was not over")
