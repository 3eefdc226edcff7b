"""The agreement by hand: four members, one liar, and messages delivered as the test likes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from peerd.laboratory.simulation.seeded import swarm_secrets
from protocols.agreement.machine import Agreement
from protocols.agreement.terms import Proposal, Terms
from protocols.errors import WireError
from protocols.record.effects import NOTHING, Effect, Persist, Send, Step
from protocols.record.elected import roster_electorate
from protocols.record.journal import Journal
from protocols.record.outcomes import Decision
from protocols.record.party import Party
from protocols.record.timers import LocksDue, ViewOver, ViewWaits
from protocols.record.votes import check_quorum, outcome_hash
from protocols.wire.frames import (
    DecisionFrame,
    NewViewFrame,
    ProposalFrame,
    StatementFrame,
    decode_frame,
)
from protocols.wire.payloads import Ballot, Kind, Topic
from protocols.wire.statement import Slot, Statement, sign
from tests.simulation.swarm import FOUR, setting_of

SETTING = setting_of(FOUR, 1)
SECRETS, _ = swarm_secrets(SETTING.crypto, 4, 1)
TOPIC = Topic.COMMITS


class Judging:
    """Its inputs: always the same outcome, and what it thinks of others'."""

    def __init__(self, own: bytes, accepts: Callable[[bytes], bool]) -> None:
        self._own = own
        self._accepts = accepts

    def propose(self) -> Proposal:
        return self._own, ()

    def judge(self, outcome: bytes, inputs: tuple[bytes, ...]) -> tuple[bool, Step]:
        return self._accepts(outcome), NOTHING


class Peer:
    """One member, with what is on its disk; it asks for ``effects``, and comes to ``decisions``.
    ``accepts`` is what it thinks of a proposal's outcome.
    """

    def __init__(
        self,
        me: int,
        disk: dict[str, bytes] | None = None,
        accepts: Callable[[bytes], bool] = lambda outcome: True,
        own: bytes | None = None,
        resort: bytes | None = None,
    ) -> None:
        self.me = me
        self.disk = {} if disk is None else disk
        self.effects: list[Effect] = []
        self.decisions: list[bytes] = []
        self.party = Party(SETTING, me, SECRETS[me], 0, Journal(0, self.disk))
        inputs = Judging(own or f"outcome {me}".encode(), accepts)
        electorate = roster_electorate(SETTING)
        terms = Terms(TOPIC, electorate, (0, 1, 2, 3), inputs, resort)
        self.agreement = Agreement(self.party, terms)

    # -- events --------------------------------------------------------------------------------

    def take(self, step: Step) -> None:
        self.effects += step
        self.disk |= {effect.key: effect.value for effect in step.persist}
        self.decisions += [o.outcome for o in step.outcomes if isinstance(o, Decision)]

    def begin(self) -> None:
        self.take(self.agreement.begin())

    def lose_patience(self) -> None:
        self.take(self.agreement.lose_patience())

    def time_out(self, view: int) -> None:
        """The time of a view has passed."""
        self.take(self.agreement.on_timer(ViewOver(int(TOPIC), view)))

    def waited(self, view: int) -> None:
        """So has a leader's wait for the locks of all."""
        self.take(self.agreement.on_timer(LocksDue(int(TOPIC), view)))

    def waits(self, view: int) -> None:
        """Still no quorum has announced this view."""
        self.take(self.agreement.on_timer(ViewWaits(int(TOPIC), view)))

    def propose(self, statement: Statement, frame: ProposalFrame) -> None:
        self.take(self.agreement.on_proposal(statement, frame))

    def vote(self, statement: Statement) -> None:
        self.take(self.agreement.on_vote(statement))

    def announce(self, statement: Statement, frame: NewViewFrame) -> None:
        self.take(self.agreement.on_new_view(statement, frame))

    def hear(self, data: bytes) -> None:
        frame = decode_frame(data)
        if isinstance(frame, DecisionFrame):
            self.take(self.agreement.on_decision(frame))
            return
        assert isinstance(frame, StatementFrame | ProposalFrame | NewViewFrame)
        statement = self.party.inbox.read(frame.statement)
        if isinstance(frame, ProposalFrame):
            self.propose(statement, frame)
        elif isinstance(frame, NewViewFrame):
            self.announce(statement, frame)
        else:
            self.vote(statement)

    # -- what came of them ---------------------------------------------------------------------

    def sent(self) -> list[tuple[tuple[int, ...], bytes]]:
        found = [(e.peers, e.frame) for e in self.effects if isinstance(e, Send)]
        self.effects.clear()
        return found

    @property
    def locked(self) -> bool:
        return bool(self.agreement._locks)

    def cast(self, kind: Kind) -> list[Statement]:
        """What it signed of a kind, in all its lives."""
        prefix = f"slot/0/{int(kind)}/{int(TOPIC)}/"
        wires = [value for key, value in self.disk.items() if key.startswith(prefix)]
        return [self.party.inbox.read(wire) for wire in wires]


def exchange(peers: list[Peer], *, lost: Callable[[int, int, bytes], bool] | None = None) -> None:
    """Until nobody has anything more to say."""
    by_index = {peer.me: peer for peer in peers}
    for _ in range(50):
        post = [(p.me, to, data) for p in peers for tos, data in p.sent() for to in tos]
        if not post:
            return
        for sender, to, data in post:
            if to in by_index and not (lost and lost(sender, to, data)):
                by_index[to].hear(data)
    raise AssertionError("they never stop talking")


def vote(signer: int, kind: Kind, outcome: bytes, view: int = 0) -> Statement:
    slot = Slot(0, 0, kind, int(TOPIC), view, signer)
    ballot = Ballot(outcome_hash(TOPIC, outcome))
    return sign(SETTING.crypto, SECRETS[signer].reveal(), SETTING.group, slot, ballot)


def proposal(signer: int, outcome: bytes, view: int = 0) -> tuple[Statement, ProposalFrame]:
    statement = vote(signer, Kind.PROPOSAL, outcome, view)
    return statement, ProposalFrame(statement.wire, outcome, (), ())


def test_the_first_leaders_outcome_is_decided_by_all() -> None:
    peers = [Peer(index) for index in range(4)]
    for peer in peers:
        peer.begin()
    exchange(peers)
    assert [peer.decisions for peer in peers] == [[b"outcome 0"]] * 4


def test_a_silent_leader_is_followed_by_the_next() -> None:
    peers = [Peer(index) for index in (1, 2, 3)]
    for peer in peers:
        peer.begin()
        peer.time_out(0)
    exchange(peers)
    for peer in peers:
        peer.waited(1)
    exchange(peers)
    assert [peer.decisions for peer in peers] == [[b"outcome 1"]] * 3


def test_two_proposals_of_one_leader_decide_at_most_one() -> None:
    for split in range(1, 4):
        peers = [Peer(index) for index in (1, 2, 3)]
        for position, peer in enumerate(peers):
            peer.begin()
            peer.propose(*proposal(0, b"left" if position < split else b"right"))
            for outcome in (b"left", b"right"):
                peer.vote(vote(0, Kind.FIRST_VOTE, outcome))
        exchange(peers)
        assert len({outcome for peer in peers for outcome in peer.decisions}) <= 1


def test_a_lock_is_carried_to_the_next_leader() -> None:
    """One member alone sees the first votes; its lock binds the next view's outcome."""
    peers = [Peer(index) for index in (1, 2, 3)]
    for peer in peers:
        peer.begin()
        peer.propose(*proposal(0, b"first"))
    exchange(peers, lost=lambda sender, to, data: to != 3)
    assert [peer.locked for peer in peers] == [False, False, True]
    for peer in peers:
        peer.time_out(0)
    exchange(peers)
    for peer in peers:
        peer.waited(1)
    exchange(peers)
    assert {outcome for peer in peers for outcome in peer.decisions} == {b"first"}


def test_a_locked_member_refuses_another_outcome() -> None:
    disk: dict[str, bytes] = {}
    peer = Peer(3, disk)
    peer.begin()
    peer.propose(*proposal(0, b"first"))
    for signer in (0, 1):
        peer.vote(vote(signer, Kind.FIRST_VOTE, b"first"))
    assert [s.payload.outcome for s in peer.cast(Kind.SECOND_VOTE)] == [
        outcome_hash(TOPIC, b"first")
    ]
    peer.time_out(0)
    peer.propose(*proposal(1, b"other", 1))
    assert not [s for s in peer.cast(Kind.FIRST_VOTE) if s.slot.view == 1]


def test_a_restart_remembers_the_lock_and_signs_nothing_else() -> None:
    disk: dict[str, bytes] = {}
    peer = Peer(3, disk)
    peer.begin()
    peer.propose(*proposal(0, b"first"))
    for signer in (0, 1):
        peer.vote(vote(signer, Kind.FIRST_VOTE, b"first"))
    before = dict(disk)
    again = Peer(3, disk)
    again.begin()
    again.propose(*proposal(0, b"other"))
    again.time_out(0)
    again.propose(*proposal(1, b"other", 1))
    signed = {key: value for key, value in disk.items() if key.startswith("slot/")}
    kept = {key: value for key, value in before.items() if key.startswith("slot/")}
    assert kept.items() <= signed.items()
    assert not [s for s in again.cast(Kind.FIRST_VOTE) if s.slot.view == 1]
    assert len(again.cast(Kind.SECOND_VOTE)) == 1


def test_a_vote_is_durable_before_it_is_sent() -> None:
    peer = Peer(2)
    peer.begin()
    peer.propose(*proposal(0, b"first"))
    kinds = [type(effect) for effect in peer.effects if isinstance(effect, Persist | Send)]
    assert kinds[0] is Persist
    for number, effect in enumerate(peer.effects):
        if isinstance(effect, Send):
            frame = decode_frame(effect.frame)
            assert isinstance(frame, StatementFrame)
            durable = [e.value for e in peer.effects[:number] if isinstance(e, Persist)]
            assert frame.statement in durable


GIVE_UP = b"give up"


def next_view(peers: list[Peer]) -> None:
    """All time out together, and the leader's wait for locks is over."""
    view = max(peer.agreement.view for peer in peers)
    for peer in peers:
        peer.time_out(view)
    exchange(peers)
    for peer in peers:
        peer.waited(view + 1)
    exchange(peers)


def quarrelling(*, lost: Callable[[int, int, bytes], bool] | None = None) -> list[Peer]:
    """Three members of whom each accepts nothing but its own inputs' outcome, in view 0."""
    peers = [
        Peer(
            index,
            accepts=lambda outcome, index=index: outcome == f"outcome {index}".encode(),  # type: ignore[misc]
            resort=GIVE_UP,
        )
        for index in (1, 2, 3)
    ]
    for peer in peers:
        peer.begin()
    exchange(peers, lost=lost)
    return peers


def test_members_that_would_never_agree_give_up_together() -> None:
    peers = quarrelling()
    for _ in range(4):
        next_view(peers)
    assert not any(peer.decisions for peer in peers), "before their patience is over they try on"
    for peer in peers:
        peer.lose_patience()
    next_view(peers)
    assert [peer.decisions for peer in peers] == [[GIVE_UP]] * 3


def test_whoever_still_has_patience_refuses_to_give_up() -> None:
    """One impatient member, and a liar with it, can't end an attempt."""
    peers = quarrelling()
    peers[0].lose_patience()
    next_view(peers)
    assert peers[0].cast(Kind.PROPOSAL)[-1].payload.outcome == outcome_hash(TOPIC, GIVE_UP)
    for peer in peers[1:]:
        assert peer.cast(Kind.FIRST_VOTE) == []
    assert not any(peer.decisions for peer in peers)


def test_a_refusal_to_give_up_ends_with_the_patience_in_the_same_view() -> None:
    peers = quarrelling()
    peers[0].lose_patience()
    next_view(peers)
    for peer in peers[1:]:
        peer.lose_patience()
    exchange(peers)
    assert [peer.agreement.view for peer in peers] == [1, 1, 1]
    assert [peer.decisions for peer in peers] == [[GIVE_UP]] * 3


def test_a_locked_member_never_gives_up_on_its_lock() -> None:
    """Its outcome may be decided already, and be opened: another attempt would open a second."""
    peers = [Peer(index, resort=GIVE_UP) for index in (1, 2, 3)]
    for peer in peers:
        peer.begin()
        peer.propose(*proposal(0, b"first"))
    exchange(peers, lost=lambda sender, to, data: to != 3)
    assert [peer.locked for peer in peers] == [False, False, True]
    for peer in peers:
        peer.lose_patience()
    next_view(peers)
    assert {outcome for peer in peers for outcome in peer.decisions} == {b"first"}


def test_a_locked_member_refuses_to_give_up() -> None:
    peer = Peer(3, resort=GIVE_UP)
    peer.begin()
    peer.lose_patience()
    peer.propose(*proposal(0, b"first"))
    for signer in (0, 1):
        peer.vote(vote(signer, Kind.FIRST_VOTE, b"first"))
    peer.time_out(0)
    peer.propose(*proposal(1, GIVE_UP, 1))
    assert not [s for s in peer.cast(Kind.FIRST_VOTE) if s.slot.view == 1]


def test_without_a_resort_nobody_gives_up() -> None:
    """An election has none: its outcomes are unions, which every honest leader can propose."""
    peers = [Peer(index, accepts=lambda outcome: False) for index in (1, 2, 3)]
    for peer in peers:
        peer.begin()
        peer.lose_patience()
    next_view(peers)
    assert not any(peer.cast(Kind.FIRST_VOTE) for peer in peers)


def test_a_proposal_with_first_votes_is_not_refused_for_its_inputs() -> None:
    """Fault 84: a lock on a proposal that lacks evidence would stop the group for good."""
    peer = Peer(3, accepts=lambda outcome: False)
    peer.begin()
    peer.propose(*proposal(0, b"first"))
    assert peer.cast(Kind.FIRST_VOTE) == []
    peer.time_out(0)
    lock = tuple(vote(signer, Kind.FIRST_VOTE, b"first").wire for signer in (0, 1, 2))
    statement, frame = proposal(1, b"first", 1)
    peer.propose(statement, ProposalFrame(frame.statement, b"first", (), lock))
    assert [s.slot.view for s in peer.cast(Kind.FIRST_VOTE)] == [1]


def test_a_second_proposal_is_not_kept() -> None:
    peer = Peer(3)
    peer.begin()
    for number in range(50):
        peer.propose(*proposal(0, f"outcome {number}".encode()))
    assert len(peer.agreement._proposals._outcomes) == 1


@pytest.mark.parametrize(
    "votes",
    [
        [(0, Kind.SECOND_VOTE, b"x", 0), (1, Kind.SECOND_VOTE, b"x", 0)],
        [(0, Kind.SECOND_VOTE, b"x", 0)] * 3,
        [(s, Kind.FIRST_VOTE, b"x", 0) for s in (0, 1, 2)],
        [(s, Kind.SECOND_VOTE, b"y", 0) for s in (0, 1, 2)],
        [(s, Kind.SECOND_VOTE, b"x", s) for s in (0, 1, 2)],
        [],
    ],
    ids=["too few", "repeated", "first votes", "another outcome", "several views", "none"],
)
def test_what_is_no_quorum(votes: list[tuple[int, Kind, bytes, int]]) -> None:
    electorate, value = roster_electorate(SETTING), outcome_hash(TOPIC, b"x")
    wires = [vote(*item).wire for item in votes]
    place = (0, 0, TOPIC)
    good = [vote(signer, Kind.SECOND_VOTE, b"x").wire for signer in (0, 1, 2)]
    assert check_quorum(SETTING, electorate, Kind.SECOND_VOTE, place, good, value) == 0
    with pytest.raises(WireError):
        check_quorum(SETTING, electorate, Kind.SECOND_VOTE, place, wires, value)
    peer = Peer(3)
    with pytest.raises(WireError):
        peer.agreement.on_decision(DecisionFrame(b"x", tuple(wires)))
    assert peer.agreement.decision is None
