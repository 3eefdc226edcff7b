"""What a liar knows of one attempt: its own secrets, and what it reads in the frames that its
honest session sends and is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peerd.laboratory.adversaries.keys import Keys
from protocols.errors import WireError
from protocols.record.asks import ask_frame, asked, boxes_of, keys_in, word_of
from protocols.record.base import Base, Values
from protocols.record.brief import restore, shorten
from protocols.record.cohort import Cohort, Panel, decide, gather, two_faced
from protocols.record.door import is_signed, read_statement
from protocols.record.effects import Event, Send, Timer
from protocols.record.elected import Elected, ElectionCertificate, elected, key_lookup, panel_of
from protocols.record.election import Commitments
from protocols.record.evidence import Evidence, Fault, judge
from protocols.record.inbox import Inbox
from protocols.record.position import Position, tip_of
from protocols.record.resolution import Tip
from protocols.record.setting import Setting
from protocols.record.votes import outcome_hash
from protocols.wire.frames import (
    DealingFrame,
    Frame,
    ProposalFrame,
    StatementFrame,
    encode_frame,
)
from protocols.wire.payloads import Ballot, Kind, Payload, Topic
from protocols.wire.statement import Slot, Statement, sign

Words = npt.NDArray[np.unsignedinteger]


@dataclass(frozen=True, slots=True)
class Woken(Event):
    """The time that a trick has waited for has come."""


class Place:
    """``outbox`` is sent to others, ``inbox`` told to the liar's own honest session. ``panel`` is
    there once there is a committee, ``values`` once the liar has trained. ``pool`` is what it has
    heard and said about dealings, ``approvals`` what it has ever heard operators approve, ``kept``
    what a peer that says hello is sent once more.
    """

    def __init__(self, setting: Setting, me: int, place: tuple[int, int], keys: Keys) -> None:
        self.setting = setting
        self.me = me
        self.round, self.attempt = place
        self.position: Position | None = None
        self.approvals: dict[bytes, Statement] = {}
        self._base: Base | None = None
        self.values: Values | None = None
        self.commitments: Commitments | None = None
        self.flip: Elected | None = None
        self.decided = False
        self.dealings: dict[int, DealingFrame] = {}
        self.report: Statement | None = None
        self.pool: dict[bytes, Statement] = {}
        self.outbox: list[Send | Timer] = []
        self.kept: list[Send] = []
        self.inbox: list[Frame] = []
        self.boxes = boxes_of(setting)
        self._ask_keys: dict[bytes, bytes] = {}  # by what stands for them in an ASK
        self._keys = keys
        self._panel: Panel | None = None

    # -- what it knows -------------------------------------------------------------------------

    @property
    def panel(self) -> Panel:
        assert self._panel is not None, "nobody is elected yet"
        return self._panel

    @property
    def is_elected(self) -> bool:
        return self._panel is not None

    def take_election(self, certificate: ElectionCertificate) -> None:
        self.flip = elected(self.setting, certificate)
        self._panel = panel_of(self.setting, self.flip)

    @property
    def base(self) -> Base:
        assert self._base is not None, "this attempt has not begun"
        return self._base

    @base.setter
    def base(self, base: Base) -> None:
        self._base = base

    @property
    def tip(self) -> Tip:
        """What the liar's round goes on from."""
        assert self.position is not None, "this attempt has not begun"
        return tip_of(self.setting, self.position)

    @property
    def nonce(self) -> bytes:
        draw = self._keys.draw(self.round, self.attempt)
        assert draw is not None
        return draw.nonce

    @property
    def dealing_secret(self) -> bytes:
        return self._keys.dealing_secret(self.round, self.attempt)

    @property
    def everyone(self) -> range:
        return range(self.setting.peers)

    def next_of(self, peers: Iterable[int]) -> list[int]:
        """These peers in the order of the roster after the liar, cyclically; never itself."""
        size, known = self.setting.peers, set(peers)
        order = [(self.me + step) % size for step in range(1, size)]
        return [peer for peer in order if peer in known]

    def context(self, base_model: bytes) -> bytes:
        """What a dealing of the liar's from this base is bound to."""
        assert self.flip is not None
        named = self.flip.hash, base_model
        return self.setting.dealing_context(self.round, self.attempt, *named, self.me)

    def cohort_of(self, statements: Iterable[Statement]) -> Cohort:
        """The outcome that follows from these."""
        kept = list(statements)
        return decide(self.panel, gather(self.panel, kept, self._convicted(kept)))

    def _convicted(self, statements: list[Statement]) -> set[int]:
        known = {item.hash: item for item in statements}
        liars, found = two_faced(statements), set()
        for statement in statements:
            evidence = self._charge(statement, known)
            if evidence is None or (
                statement.kind is Kind.DISCLOSURE and statement.signer in liars
            ):
                continue
            try:
                found.add(judge(self.setting, evidence).culprit)
            except WireError:
                continue
        return found

    def _charge(self, statement: Statement, known: dict[bytes, Statement]) -> Evidence | None:
        base = self.base.items()
        election = self.flip.certificate if self.flip is not None else None
        if statement.kind is Kind.COMPLAINT:
            return Evidence(Fault.COMPLAINT, election, (statement,), base)
        if statement.kind is not Kind.DISCLOSURE:
            return None
        asked = known.get(statement.payload.report)
        delivery = known.get(statement.payload.delivery)
        if asked is None or delivery is None:
            return None
        return Evidence(Fault.DISCLOSURE, election, (asked, delivery, statement), base)

    # -- what it reads -------------------------------------------------------------------------

    def read(self, wire: bytes) -> Statement | None:
        """A statement of this attempt, validly signed; None for anything else."""
        try:
            statement = read_statement(self.setting, wire)
        except WireError:
            return None
        slot = statement.slot
        if (slot.round, slot.attempt) != (self.round, self.attempt):
            return None
        key = self._key_of(slot)
        valid = key is not None and is_signed(self.setting, statement, key)
        return statement if valid else None

    def _key_of(self, slot: Slot) -> bytes | None:
        if self.flip is not None:
            return key_lookup(self.setting, self.flip.keys)(slot)
        known = slot.by_identity and slot.signer < self.setting.peers
        return self.setting.roster[slot.signer] if known else None

    def learn_keys(self, frame: StatementFrame) -> None:
        """Of asks, from a report that was said or heard."""
        report = self.read(frame.statement)
        if report is None or report.kind is not Kind.REPORT:
            return
        try:
            keys = keys_in(self.setting.version, report, frame)
        except WireError:
            return
        for key in keys.values():
            self.ask_with(key)

    def ask_with(self, key: bytes) -> bytes:
        """What stands for this key in an ASK."""
        word = word_of(self.setting.version, key)
        self._ask_keys[word] = key
        return word

    def keys_of(self, report: Statement) -> dict[int, bytes]:
        """By dealer, the keys of its asks that are known here."""
        words = asked(report).items()
        return {dealer: self._ask_keys[w] for dealer, w in words if w in self._ask_keys}

    def framed(self, said: Statement) -> StatementFrame:
        """As it is sent; a report with its keys."""
        keys = self.keys_of(said) if said.kind is Kind.REPORT else {}
        return ask_frame(self.setting.version, said, keys)

    # -- what it says --------------------------------------------------------------------------

    @property
    def can_sign(self) -> bool:
        """Whether the committee knows the liar's one-round key."""
        draw = self._keys.draw(self.round, self.attempt)
        if draw is None or self.flip is None:
            return False
        mine = self.setting.crypto.signing_public(draw.round_secret.reveal())
        return self.flip.keys.get(self.me) == mine

    def forge(self, kind: Kind, payload: Payload, subject: int = 0, view: int = 0) -> Statement:
        """Signed with the liar's own key, past the journal that keeps honest peers from it."""
        return self.sign(Slot(self.round, self.attempt, kind, subject, view, self.me), payload)

    def sign(self, slot: Slot, payload: Payload) -> Statement:
        """The same for a slot that may be another's."""
        secret = self._keys.identity
        if not slot.by_identity:
            draw = self._keys.draw(self.round, self.attempt)
            assert draw is not None
            secret = draw.round_secret
        return sign(self.setting.crypto, secret.reveal(), self.setting.group, slot, payload)

    def evidence(self) -> tuple[Statement, ...]:
        """What it has heard and said that may stand in a proposal."""
        opened = {
            said.payload.delivery for said in self.pool.values() if said.kind is Kind.DISCLOSURE
        }
        return tuple(
            said
            for key, said in self.pool.items()
            if said.kind is not Kind.HEADER and (said.kind is not Kind.DELIVERY or key in opened)
        )

    @property
    def leaders(self) -> list[int]:
        """Of the agreement on the cohort, in the order of their views."""
        assert self.flip is not None
        return [peer for peer in self.panel.seats if peer in self.flip.keys]

    def propose(self, outcome: bytes, statements: Iterable[Statement], view: int = 0) -> None:
        """A cohort, beside what the honest session proposes."""
        ballot = Ballot(outcome_hash(Topic.COHORT, outcome))
        signed = self.forge(Kind.PROPOSAL, ballot, Topic.COHORT, view)
        frame = ProposalFrame(signed.wire, outcome, self.brief(statements), ())
        self.send(self.panel.seats, frame)

    def brief(self, statements: Iterable[Statement]) -> tuple[bytes, ...]:
        """What a proposal carries of these."""
        kept = list(statements)
        findings = gather(self.panel, kept, self._convicted(kept))
        return shorten(kept, self.panel, findings.usual(self.panel))

    def shown_by(self, frame: ProposalFrame) -> list[Statement]:
        """What a proposal on the cohort carries. WireError for what is no such thing."""
        inbox = Inbox(self.setting, (self.round, self.attempt))
        return restore(inbox, self.panel, frame.inputs)

    def send(self, peers: Iterable[int], frame: Frame, *, again: bool = True) -> None:
        """``again`` keeps it for a peer that says hello later."""
        others = tuple(sorted({peer for peer in peers if peer != self.me}))
        if others:
            sent = Send(others, encode_frame(frame))
            self.outbox.append(sent)
            self.kept += [sent] if again else []

    def wake(self, delay: int) -> None:
        """The tricks are told when so many milliseconds have passed."""
        self.outbox.append(Timer((self.round, self.attempt), Woken(), delay))

    def tell_self(self, frame: Frame) -> None:
        """As if the liar had sent it to itself."""
        self.inbox.append(frame)
