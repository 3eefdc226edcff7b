"""What a liar says in place of what its honest session says, and the way back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from peerd.laboratory.adversaries.place import Place
from peerd.laboratory.adversaries.trick import Trick
from protocols.errors import WireError
from protocols.record.asks import asked, keys_name
from protocols.record.door import read_statement
from protocols.record.votes import outcome_hash
from protocols.version import V3
from protocols.wire.frames import (
    DealingFrame,
    Frame,
    HaveFrame,
    ProposalFrame,
    SeenFrame,
    StatementFrame,
    encode_frame,
)
from protocols.wire.payloads import Ballot, Kind, Seen, Topic
from protocols.wire.statement import Slot, Statement

VOTES = (Kind.FIRST_VOTE, Kind.SECOND_VOTE)


class Mask:
    """``outward`` and ``inward`` give the frame that passes, or None if it does not."""

    def __init__(self, at: Place, tricks: Sequence[Trick]) -> None:
        self._at = at
        self._tricks = tricks
        self._said: dict[bytes, Statement | None] = {}
        self._unsaid: dict[bytes, bytes] = {}
        self._honest: dict[bytes, bytes] = {}
        self._hashes: dict[bytes, bytes] = {}
        self._keys: dict[tuple[bytes, bytes], tuple[set[bytes], set[bytes]]] = {}
        self._seen: dict[Slot, SeenFrame] = {}
        self._unproposed: set[tuple[int, bytes]] = set()

    # -- outward -------------------------------------------------------------------------------

    def outward(self, frame: Frame) -> Frame | None:
        if isinstance(frame, StatementFrame):
            self._at.learn_keys(frame)
            said = self._instead(self._decode(frame.statement))
            if said is None or said.wire == frame.statement:
                return frame if said else None
            return self._at.framed(said)
        if isinstance(frame, DealingFrame):
            self._instead(self._decode(frame.header))
        if isinstance(frame, SeenFrame):
            return self._as_seen(frame)
        if isinstance(frame, ProposalFrame):
            return self._as_proposed(frame)
        if isinstance(frame, HaveFrame):
            return self._as_held(frame)
        return frame

    def _decode(self, wire: bytes) -> Statement:
        return read_statement(self._at.setting, wire)

    def _instead(self, honest: Statement) -> Statement | None:
        """What is said in place of a statement; others' statements pass."""
        if honest.signer != self._at.me:
            return honest
        if honest.kind in VOTES and honest.slot.subject == Topic.COHORT:
            hidden = (honest.slot.view, honest.payload.outcome) in self._unproposed
            return None if hidden else honest
        said: Statement | None = self._as_listed(honest)
        for trick in self._tricks:
            said = said and trick.instead(said)
        self._remember(honest, said)
        return said

    def _as_listed(self, honest: Statement) -> Statement:
        """A list of reports names the liar's as it was said."""
        if (honest.kind, honest.slot.subject) != (Kind.SEEN, Topic.COHORT):
            return honest
        named = (self._name(key) for key in honest.payload.statements)
        listed = Seen(tuple(sorted(key for key in named if key is not None)), ())
        same = listed == honest.payload
        return honest if same else self._at.forge(Kind.SEEN, listed, Topic.COHORT)

    def _remember(self, honest: Statement, said: Statement | None) -> None:
        if said is not None and said.body == honest.body:
            self._said.pop(honest.hash, None)
            self._unsaid.pop(honest.hash, None)
            return
        self._said[honest.hash] = said
        self._unsaid[honest.hash] = honest.wire
        if said is not None:
            self._honest[said.wire] = honest.wire
            self._hashes[said.hash] = honest.hash
            if said.kind is Kind.REPORT:
                names = self._names_keys(honest), self._names_keys(said)
                self._keys[honest.hash, said.hash] = names

    def _names_keys(self, report: Statement) -> set[bytes]:
        """How HAVE names the keys that come beside a report."""
        beside = self._at.setting.version >= V3 and asked(report)
        return {keys_name(report)} if beside else set()

    def _as_seen(self, frame: SeenFrame) -> SeenFrame:
        """The list as far as it was said; once signed, it stays."""
        listed = [self._instead(self._decode(item)) for item in frame.statements]
        kept = sorted((item for item in listed if item is not None), key=lambda item: item.hash)
        wires = tuple(item.wire for item in kept)
        signed = self._decode(frame.statement)
        if wires != frame.statements:
            said = Seen(tuple(item.hash for item in kept), signed.payload.evidence)
            forged = self._at.forge(Kind.SEEN, said, signed.slot.subject)
            frame = SeenFrame(forged.wire, wires, frame.evidence)
        frame = self._seen.setdefault(signed.slot, frame)
        self._remember(signed, self._decode(frame.statement))
        return frame

    def _as_held(self, frame: HaveFrame) -> HaveFrame:
        held = {name for key in frame.hashes if (name := self._name(key)) is not None}
        for (_, said), (mine, others) in self._keys.items():
            if said in held:
                held = held - mine | others
        return replace(frame, hashes=tuple(sorted(held)))

    def _name(self, key: bytes) -> bytes | None:
        if key not in self._said:
            return key
        said = self._said[key]
        return None if said is None else said.hash

    # -- proposals -----------------------------------------------------------------------------

    def _as_proposed(self, frame: ProposalFrame) -> ProposalFrame | None:
        signed = self._decode(frame.statement)
        if signed.slot.subject != Topic.COHORT:
            # What the flip's outcome would be without it is not worth a leader that lies.
            return None if _shows(frame, self._unsaid.values()) else frame
        if frame.lock or not frame.inputs:
            return frame
        return self._on_cohort(frame, signed)

    def _on_cohort(self, frame: ProposalFrame, signed: Statement) -> ProposalFrame | None:
        honest = self._at.shown_by(frame)
        kept = [said for said in map(self._instead, honest) if said is not None]
        same = [item.hash for item in kept] == [item.hash for item in honest]
        outcome = frame.outcome if same else self._at.cohort_of(kept).encode()
        shown = (outcome, tuple(kept))
        for trick in self._tricks:
            changed = trick.propose(shown)
            if changed is None:
                self._unproposed.add((signed.slot.view, signed.payload.outcome))
                return None
            shown = changed
        outcome, statements = shown
        if outcome != frame.outcome:
            self._unproposed.add((signed.slot.view, signed.payload.outcome))
            ballot = Ballot(outcome_hash(Topic.COHORT, outcome))
            signed = self._at.forge(Kind.PROPOSAL, ballot, Topic.COHORT, signed.slot.view)
        return ProposalFrame(signed.wire, outcome, self._at.brief(statements), ())

    # -- inward --------------------------------------------------------------------------------

    def inward(self, frame: Frame) -> Frame | None:
        if isinstance(frame, StatementFrame):
            honest = self._honest.get(frame.statement)
            return frame if honest is None else self._at.framed(self._decode(honest))
        if isinstance(frame, SeenFrame):
            return None if not self._honest.keys().isdisjoint(frame.statements) else frame
        if isinstance(frame, HaveFrame):
            held = {self._hashes.get(key, key) for key in frame.hashes}
            for (honest, _), (mine, others) in self._keys.items():
                if honest in held:
                    held = held - others | mine
            return replace(frame, hashes=tuple(sorted(held)))
        if isinstance(frame, ProposalFrame):
            return None if _shows(frame, self._honest) else self._as_heard(frame)
        return frame

    def _as_heard(self, frame: ProposalFrame) -> ProposalFrame:
        """A proposal on the cohort, with its own statements in place of what was said instead."""
        on_cohort = self._decode(frame.statement).slot.subject == Topic.COHORT
        if not (on_cohort and self._honest and self._at.is_elected):
            return frame
        try:
            shown = self._at.shown_by(frame)
        except WireError:
            return frame
        told = [self._decode(self._honest.get(said.wire, said.wire)) for said in shown]
        return replace(frame, inputs=self._at.brief(told)) if told != shown else frame


def _shows(frame: ProposalFrame, wires: Iterable[bytes]) -> bool:
    """Whether a proposal of the election shows one of these statements."""
    return not {encode_frame(StatementFrame(wire)) for wire in wires}.isdisjoint(frame.inputs)
