"""One attempt as its liar plays it: what it knows, its tricks, and what it says and hears."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from peerd.laboratory.adversaries.mask import Mask
from peerd.laboratory.adversaries.place import Place
from peerd.laboratory.adversaries.trick import Shown, Trick
from protocols.errors import WireError
from protocols.record.cohort import POOL_KINDS
from protocols.record.door import slot_of
from protocols.record.effects import Effect, Send
from protocols.record.elected import ElectionCertificate
from protocols.record.election import Commitments, Election
from protocols.record.resolution import is_resolution
from protocols.record.votes import outcome_hash
from protocols.wire.frames import (
    DealingFrame,
    DecisionFrame,
    Frame,
    ProposalFrame,
    SeenFrame,
    StatementFrame,
    decode_frame,
    encode_frame,
)
from protocols.wire.payloads import Ballot, Kind, Topic
from protocols.wire.statement import Statement

MAX_EARLY = 4096
"""Frames that wait until the liar knows who is elected."""


class Scene:
    def __init__(self, place: Place, kinds: Iterable[type[Trick]]) -> None:
        self.place = place
        self.tricks = [kind(place) for kind in kinds]
        self._mask = Mask(place, self.tricks)
        self._early: list[tuple[int, Frame]] = []
        self._voted: set[int] = set()
        self._reported_otherwise = False

    # -- what comes in -------------------------------------------------------------------------

    def admit(self, frame: Frame) -> Frame | None:
        """What the honest session is told; None: nothing."""
        told = self._mask.inward(frame)
        if isinstance(frame, ProposalFrame) and told is not None and told != frame:
            self._vote(frame)
        return told

    def _vote(self, frame: ProposalFrame) -> None:
        """For a cohort that follows from what the liar has said: its session, which has said
        something else, may not find that it does.
        """
        place = self.place
        signed = place.read(frame.statement)
        shown = self._read_proposal(frame)
        if signed is None or signed.slot.view in self._voted or not place.can_sign:
            return
        if shown and self._follows(frame.outcome, shown):
            self._voted.add(signed.slot.view)
            ballot = Ballot(outcome_hash(Topic.COHORT, frame.outcome))
            vote = place.forge(Kind.FIRST_VOTE, ballot, Topic.COHORT, signed.slot.view)
            place.send(place.panel.seats, StatementFrame(vote.wire))
            place.tell_self(StatementFrame(vote.wire))

    def _read_proposal(self, frame: ProposalFrame) -> list[Statement]:
        """What it carries, if all of that is signed; else nothing."""
        try:
            shown = self.place.shown_by(frame)
        except WireError:
            return []
        return shown if all(self.place.read(said.wire) for said in shown) else []

    def _follows(self, outcome: bytes, shown: list[Statement]) -> bool:
        try:
            return self.place.cohort_of(shown).encode() == outcome
        except WireError:  # a statement about nobody
            return False

    def hear(self, sender: int, frame: Frame) -> None:
        """What a frame tells the tricks."""
        place = self.place
        slot = slot_of(place.setting, frame)
        if place.flip is None and not (slot is not None and slot.by_identity):
            if len(self._early) < MAX_EARLY:
                self._early.append((sender, frame))
            return
        if isinstance(frame, DealingFrame):
            header = place.read(frame.header)
            if header is not None and header.signer == sender:
                place.dealings.setdefault(sender, frame)
            return
        if isinstance(frame, StatementFrame):
            place.learn_keys(frame)
        for statement in map(place.read, self._listed(frame)):
            if statement is not None:
                self._take_heard(statement)

    def _take_heard(self, statement: Statement) -> None:
        if statement.kind in POOL_KINDS and not statement.slot.by_identity:
            self.place.pool[statement.hash] = statement
        for trick in self.tricks:
            trick.heard(statement)

    def wake(self) -> None:
        self._tell(lambda trick: trick.woken())

    def leads(self, view: int) -> None:
        """The agreement on the cohort is in a view of the liar's. Its session has another report
        than the others, which list what was said: it can't propose what follows from theirs.
        """
        place, shown = self.place, self.place.evidence()
        if not self._reported_otherwise or place.decided or not place.can_sign:
            return
        kept: Shown | None = (place.cohort_of(shown).encode(), shown)
        for trick in self.tricks:
            kept = kept and trick.propose(kept)
        if kept is not None:
            place.propose(*kept, view)

    # -- what goes out -------------------------------------------------------------------------

    def say(self, send: Send, frame: Frame) -> list[Effect]:
        """What is sent in place of a frame of the honest session, and what the tricks add."""
        said = self._mask.outward(frame)
        if isinstance(said, StatementFrame) and said != frame:
            changed = self.place.read(said.statement)
            self._reported_otherwise |= changed is not None and changed.kind is Kind.REPORT
        out = [] if said is None else self._sends(send, said)
        if isinstance(frame, DecisionFrame):
            self._take_decision(frame)
        elif isinstance(said, StatementFrame):
            self._take_own(said)
        return [*out, *self.added()]

    def added(self) -> list[Effect]:
        """What the tricks have to send."""
        effects, self.place.outbox[:] = list(self.place.outbox), []
        return list[Effect](effects)

    def repeated(self, peer: int) -> list[Effect]:
        """What the tricks have sent to a peer that has restarted."""
        return [Send((peer,), item.frame) for item in self.place.kept if peer in item.peers]

    def told(self) -> list[Frame]:
        """What the tricks have to tell the honest session."""
        frames, self.place.inbox[:] = list(self.place.inbox), []
        return frames

    def _sends(self, send: Send, said: Frame) -> list[Effect]:
        peers_of: dict[Frame, list[int]] = {}
        for peer in send.peers:
            frame: Frame | None = said
            for trick in self.tricks:
                frame = None if frame is None else trick.frame_for(peer, frame)
            if frame is not None:
                peers_of.setdefault(frame, []).append(peer)
        return [Send(tuple(peers), encode_frame(frame)) for frame, peers in peers_of.items()]

    def _take_decision(self, frame: DecisionFrame) -> None:
        place = self.place
        slot = slot_of(place.setting, frame)
        if slot is None:
            return
        if slot.subject == Topic.COHORT:
            place.decided = True
        elif slot.subject == Topic.COMMITS and is_resolution(frame.outcome):
            return
        elif slot.subject == place.setting.elects_by:
            self._take_election(frame)
        elif place.commitments is None:
            place.commitments = Commitments.decode(frame.outcome)
            self._tell(lambda trick: trick.committed())

    def _take_election(self, frame: DecisionFrame) -> None:
        place = self.place
        if place.flip is not None or Election.decode(frame.outcome).missing:
            return
        certificate = ElectionCertificate(place.round, place.attempt, frame.outcome, frame.votes)
        place.take_election(certificate)
        self._tell(lambda trick: trick.elected())
        early, self._early = self._early, []
        for sender, waiting in early:
            self.hear(sender, waiting)

    def _take_own(self, said: StatementFrame) -> None:
        place, statement = self.place, self.place.read(said.statement)
        if statement is None or statement.signer != place.me:
            return
        if statement.kind in POOL_KINDS and not statement.slot.by_identity:
            self.place.pool[statement.hash] = statement
        if statement.kind is Kind.REPORT and place.report is None:
            place.report = statement
            self._tell(lambda trick: trick.reported())
        if (statement.kind, statement.slot.subject) == (Kind.FIRST_VOTE, Topic.COHORT):
            self._voted.add(statement.slot.view)

    def _listed(self, frame: Frame) -> Iterator[bytes]:
        """The statements that a frame brings."""
        if isinstance(frame, StatementFrame):
            yield frame.statement
        elif isinstance(frame, SeenFrame):
            yield from frame.statements
        elif isinstance(frame, ProposalFrame):
            signed = slot_of(self.place.setting, frame)
            if signed is not None and signed.subject == Topic.COHORT:
                yield from (said.wire for said in self._read_proposal(frame))
            else:
                yield from map(_unwrapped, frame.inputs)

    def _tell(self, act: Callable[[Trick], None]) -> None:
        for trick in self.tricks:
            act(trick)


def _unwrapped(item: bytes) -> bytes:
    """The statement in an input of an election's proposal; empty where it is evidence."""
    try:
        frame = decode_frame(item)
    except WireError:
        return b""
    return frame.statement if isinstance(frame, StatementFrame) else b""
