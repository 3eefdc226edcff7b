"""One agreement under a hostile scheduler: real machines, lost messages, restarts, one liar.

Every honest member would propose another outcome and accept any, so that nothing but the voting
rules keeps them together. The liar votes for everything, and shows quorums that are none.
"""

from __future__ import annotations

import contextlib
import random

from peerd.laboratory.simulation.oracle import demand
from peerd.laboratory.simulation.seeded import swarm_secrets
from protocols.agreement.machine import Agreement
from protocols.agreement.terms import Proposal, Terms
from protocols.errors import WireError
from protocols.record.effects import Effect, Persist, Send, Step
from protocols.record.elected import roster_electorate
from protocols.record.journal import Journal
from protocols.record.outcomes import Decision
from protocols.record.party import Party
from protocols.record.timers import LocksDue, ViewOver
from protocols.record.votes import outcome_hash
from protocols.secret import Secret
from protocols.wire.frames import (
    DecisionFrame,
    NewViewFrame,
    ProposalFrame,
    StatementFrame,
    decode_frame,
    encode_frame,
)
from protocols.wire.payloads import Ballot, Kind, NewView, Topic
from protocols.wire.statement import Slot, Statement, sign
from tests.simulation.swarm import FOUR, setting_of

SETTING = setting_of(FOUR, 1, parameters=1)
SECRETS, _ = swarm_secrets(SETTING.crypto, 4, 1)
TOPIC = Topic.COMMITS
LIAR = 3
VIEWS = 5
NOTHING = b"give up"


class Own:
    """Another outcome at each member, and any is accepted."""

    def __init__(self, me: int) -> None:
        self._outcome = f"outcome {me}".encode()

    def propose(self) -> Proposal:
        return self._outcome, ()

    def judge(self, outcome: bytes, inputs: tuple[bytes, ...]) -> tuple[bool, Step]:
        return True, Step()


class Member:
    """An honest member; what it keeps over restarts is its journal, and that patience is over."""

    def __init__(self, me: int) -> None:
        self.me = me
        self.journal: dict[str, bytes] = {}
        self.decided: list[bytes] = []
        self.impatient = False
        self.effects: list[Effect] = []
        self.boot()

    def boot(self) -> None:
        self.effects.clear()
        journal = Journal(0, self.journal)
        self.party = Party(SETTING, self.me, SECRETS[self.me], 0, journal)
        electorate, leaders = roster_electorate(SETTING), tuple(range(4))
        terms = Terms(TOPIC, electorate, leaders, Own(self.me), NOTHING)
        self.agreement = Agreement(self.party, terms)
        if self.impatient:
            self._take(self.agreement.lose_patience())
        self._take(self.agreement.begin())

    def _take(self, step: Step) -> None:
        self.effects += step
        self.decided += [made.outcome for made in step.outcomes if isinstance(made, Decision)]

    def lose_patience(self) -> None:
        self.impatient = True
        self._take(self.agreement.lose_patience())

    def time_out(self) -> None:
        """The time of its view is over."""
        self._take(self.agreement.on_timer(ViewOver(int(TOPIC), self.agreement.view)))

    def stop_waiting(self, view: int) -> None:
        """As leader of this view it waits for no more locks."""
        self._take(self.agreement.on_timer(LocksDue(int(TOPIC), view)))

    def read(self, data: bytes) -> Statement:
        return self.party.inbox.read(data)

    def flush(self) -> list[tuple[tuple[int, ...], bytes]]:
        posts = []
        for effect in self.effects:
            if isinstance(effect, Persist):
                known = self.journal.setdefault(effect.key, effect.value)
                same = known == effect.value or not effect.key.startswith("slot")
                demand(same, "signed-twice", effect.key)
            elif isinstance(effect, Send):
                posts.append((effect.peers, effect.frame))
        self.effects.clear()
        return posts

    def hear(self, data: bytes) -> None:
        frame = decode_frame(data)
        if isinstance(frame, DecisionFrame):
            self._take(self.agreement.on_decision(frame))
            return
        assert isinstance(frame, StatementFrame | ProposalFrame | NewViewFrame)
        statement = self.read(frame.statement)
        if isinstance(frame, ProposalFrame):
            self._take(self.agreement.on_proposal(statement, frame))
        elif isinstance(frame, NewViewFrame):
            self._take(self.agreement.on_new_view(statement, frame))
        else:
            self._take(self.agreement.on_vote(statement))


class Arena:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.members = [Member(index) for index in range(3)]
        self.post: list[tuple[int, bytes]] = []
        self.heard: dict[tuple[int, bytes], dict[int, Statement]] = {}
        self.outcomes = {b"rubbish"}
        self.views = 1
        self.said: set[tuple[int, bytes]] = set()
        self.proposed = (0, b"rubbish")
        self.loss = self.random.choice((0.0, 0.05, 0.2))
        self.restarts = self.random.choice((0.0, 0.02, 0.06))
        self.impatience = seed % 2 == 1

    def run(self) -> None:
        """A few views, each cut short somewhere, so that only some members have seen its end."""
        for _ in range(VIEWS):
            self._talk(self.random.randrange(10, 70))
            if self.random.random() < 0.6:
                self.post.clear()
            for member in self.members:
                if self.random.random() < 0.9:
                    member.time_out()
            self._talk(20)
            for member in self.members:
                member.stop_waiting(member.agreement.view)

    def _talk(self, events: int) -> None:
        for _ in range(events):
            self._collect()
            self._event()
            if any(member.agreement.decision is not None for member in self.members):
                self._judge()

    def _judge(self) -> None:
        decided = {outcome for member in self.members for outcome in member.decided}
        demand(len(decided) <= 1, "agreement", decided)

    def _event(self) -> None:
        draw, member = self.random.random(), self.random.choice(self.members)
        if draw < self.restarts:
            member.boot()
        elif draw < 0.1 and self.impatience:
            member.lose_patience()
        elif draw < 0.3:
            self._lie()
        elif self.post:
            newest = self.random.randrange(max(0, len(self.post) - 12), len(self.post))
            to, data = self.post.pop(newest)
            with contextlib.suppress(WireError):
                self.members[to].hear(data)

    def _collect(self) -> None:
        for member in self.members:
            self.views = max(self.views, member.agreement.view + 1)
            for peers, data in member.flush():
                self._overhear(data)
                loss = self.loss
                frame = decode_frame(data)
                if isinstance(frame, DecisionFrame):
                    loss = 0.97
                elif isinstance(frame, StatementFrame):
                    second = self.members[0].read(frame.statement).kind is Kind.SECOND_VOTE
                    loss = 0.7 if second else loss
                honest = [peer for peer in peers if peer != LIAR]
                self.post += [(p, data) for p in honest if self.random.random() > loss]

    def _overhear(self, data: bytes) -> None:
        frame = decode_frame(data)
        if isinstance(frame, ProposalFrame):
            self.outcomes.add(frame.outcome)
            place = self.members[0].read(frame.statement).slot
            self.proposed = max(self.proposed, (place.view, frame.outcome))
        elif isinstance(frame, StatementFrame):
            vote = self.members[0].read(frame.statement)
            if vote.kind is Kind.FIRST_VOTE:
                place = vote.slot.view, vote.payload.outcome
                self.heard.setdefault(place, {})[vote.signer] = vote

    # -- the liar ------------------------------------------------------------------------------

    def _say(self, kind: Kind, outcome: bytes, view: int) -> Statement:
        payload = Ballot(outcome_hash(TOPIC, outcome))
        return _signed(SECRETS[LIAR], kind, payload, view)

    def _lie(self) -> None:
        latest = self.random.random() < 0.7
        view = self.views - 1 if latest else self.random.randrange(self.views)
        outcome = self.random.choice(sorted(self.outcomes))
        to = self.random.randrange(3)
        draw = self.random.random()
        if draw < 0.85:
            self._support()
            return
        if draw < 0.89:
            kind = self.random.choice((Kind.FIRST_VOTE, Kind.SECOND_VOTE))
            frame: object = StatementFrame(self._say(kind, outcome, view).wire)
        elif draw < 0.94:
            led = self.random.choice([v for v in range(self.views + 4) if v % 4 == LIAR])
            lock = self._lock(outcome, self.random.randrange(self.views))
            wire = self._say(Kind.PROPOSAL, outcome, led).wire
            frame = ProposalFrame(wire, outcome, (), lock if self.random.random() < 0.7 else ())
        elif draw < 0.98:
            payload = NewView(view + 1, outcome_hash(TOPIC, outcome))
            moved = _signed(SECRETS[LIAR], Kind.NEW_VIEW, payload, view + 1)
            frame = NewViewFrame(moved.wire, outcome, self._lock(outcome, view))
        else:
            own = self._say(Kind.SECOND_VOTE, outcome, view).wire
            frame = DecisionFrame(outcome, (own,) * SETTING.roster_quorum)
        self.post.append((to, encode_frame(frame)))  # type: ignore[arg-type]

    def _support(self) -> None:
        """Whatever was proposed last: both votes for it, to all; and a new view, without a lock."""
        view, outcome = self.proposed
        frames: list[StatementFrame | NewViewFrame] = [
            StatementFrame(self._say(kind, outcome, view).wire)
            for kind in (Kind.FIRST_VOTE, Kind.SECOND_VOTE)
        ]
        moved = _signed(SECRETS[LIAR], Kind.NEW_VIEW, NewView(0, bytes(32)), self.views - 1)
        frames.append(NewViewFrame(moved.wire, b"", ()))
        for to in range(3):
            for data in map(encode_frame, frames):
                if (to, data) not in self.said:
                    self.said.add((to, data))
                    self.post.append((to, data))

    def _lock(self, outcome: bytes, view: int) -> tuple[bytes, ...]:
        """What votes there are, the liar's among them, repeated until they seem a quorum."""
        votes = dict(self.heard.get((view, outcome_hash(TOPIC, outcome)), {}))
        votes[LIAR] = self._say(Kind.FIRST_VOTE, outcome, view)
        wires = [votes[peer].wire for peer in sorted(votes)]
        if self.random.random() < 0.5:
            wires += [wires[-1]] * (SETTING.roster_quorum - len(wires))
        return tuple(wires)


def _signed(secret: Secret, kind: Kind, payload: Ballot | NewView, view: int) -> Statement:
    slot = Slot(0, 0, kind, int(TOPIC), view, LIAR)
    return sign(SETTING.crypto, secret.reveal(), SETTING.group, slot, payload)


def schedules(seed: int, *, count: int = 40) -> None:
    """So many hostile schedules."""
    for index in range(count):
        Arena(1000 * seed + index).run()


def late_view(seed: int) -> None:
    """Member 0 alone sees a decision in view 0; the others go on, with the liar's help."""
    arena = Arena(seed)
    first, *others = arena.members

    def relay(view: int, outcome: bytes, hidden: bool) -> None:
        votes = [arena._say(kind, outcome, view) for kind in (Kind.FIRST_VOTE, Kind.SECOND_VOTE)]
        for _ in range(12):
            posts = [(to, d) for m in arena.members for tos, d in m.flush() for to in tos if to < 3]
            posts += [
                (to, encode_frame(StatementFrame(vote.wire))) for vote in votes for to in range(3)
            ]
            for to, data in posts:
                frame = decode_frame(data)
                late = isinstance(frame, DecisionFrame) or (
                    isinstance(frame, StatementFrame)
                    and first.read(frame.statement).kind is Kind.SECOND_VOTE
                )
                if not (late and (to > 0 or not hidden)) or (
                    not hidden and not isinstance(frame, DecisionFrame)
                ):
                    arena.members[to].hear(data)

    relay(0, b"outcome 0", True)
    for member in others:
        if seed % 2:
            member.boot()
        member.time_out()
    moved = _signed(SECRETS[LIAR], Kind.NEW_VIEW, NewView(0, bytes(32)), 1)
    others[0].hear(encode_frame(NewViewFrame(moved.wire, b"", ())))
    others[0].stop_waiting(1)
    relay(1, b"outcome 1", False)
    decided = {outcome for member in arena.members for outcome in member.decided}
    demand(len(decided) == 1, "agreement", decided)
