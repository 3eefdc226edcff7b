"""A peer as a party to one attempt, and the roles that it plays there.

Each role (elector, dealer, member …) is a machine of its own: an event goes in, a ``Step`` comes
out. What the roles have in common is here: the keys that sign, the journal that guards them, and
what others said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from protocols.errors import ProtocolError
from protocols.record.door import read_statement, remember
from protocols.record.effects import Draft, Event, Send, Timer
from protocols.record.inbox import Admission, Inbox
from protocols.record.journal import Journal
from protocols.record.outcomes import Conflict
from protocols.record.setting import Setting
from protocols.secret import Secret
from protocols.wire.frames import Frame, encode_frame
from protocols.wire.payloads import Kind, Payload
from protocols.wire.statement import Slot, Statement, sign


class Party:
    """``me`` in ``place``: an attempt of the journal's round. ``sent``: what went out, for a peer
    that says hello later.
    """

    def __init__(
        self, setting: Setting, me: int, identity: Secret, attempt: int, journal: Journal
    ) -> None:
        self.setting = setting
        self.me = me
        self.round = journal.round
        self.attempt = attempt
        self.place = journal.round, attempt
        self.journal = journal
        self.inbox = Inbox(setting, self.place)
        self.sent: list[tuple[tuple[int, ...], bytes]] = []
        self._identity = identity
        self._round_secret: Secret | None = None

    def everyone(self) -> range:
        return range(self.setting.peers)

    def take_round_keys(self, keys: Mapping[int, bytes], mine: Secret | None) -> None:
        self.inbox.take_round_keys(keys)
        self._round_secret = mine

    def erase_round_secret(self) -> None:
        self._round_secret = None

    # -- signing -------------------------------------------------------------------------------

    def slot(self, kind: Kind, subject: int = 0, view: int = 0) -> Slot:
        return Slot(self.round, self.attempt, kind, subject, view, self.me)

    def has_signed(self, kind: Kind, subject: int = 0, view: int = 0) -> bool:
        return self.slot(kind, subject, view).key() in self.journal

    def can_sign(self, kind: Kind, subject: int = 0) -> bool:
        return self.slot(kind, subject).by_identity or self._round_secret is not None

    def signed(self, kind: Kind, payload: Payload, subject: int, view: int) -> Statement:
        """What was signed in this slot before, or else this. It is not journaled yet."""
        slot = self.slot(kind, subject, view)
        earlier = self.journal.get(slot.key())
        if earlier is not None:
            return read_statement(self.setting, earlier)
        secret = self._identity if slot.by_identity else self._round_secret
        if secret is None:
            raise ProtocolError(f"no key to sign a {kind.name} with")
        setting, key = self.setting, secret.reveal()
        return remember(setting, sign(setting.crypto, key, setting.group, slot, payload))


class Component(Draft):
    """A machine whose events return ``done()``: all that they call for."""


class Role(Component):
    """One machine of an attempt."""

    def __init__(self, party: Party) -> None:
        super().__init__()
        self.party = party

    def sign(self, kind: Kind, payload: Payload, subject: int = 0, view: int = 0) -> Statement:
        """The one place where a statement is signed: journaled ahead of whatever is sent."""
        statement = self.party.signed(kind, payload, subject, view)
        self.persist(statement.slot.key(), statement.wire)
        self.party.inbox.remember(statement)
        return statement

    def admit(self, statement: Statement) -> Admission:
        """Remember a verified statement; two in one slot come to light here (fault 21)."""
        admission = self.party.inbox.admit(statement)
        if admission is Admission.CONFLICT:
            known = self.party.inbox.of(statement.slot)
            self.emit(Conflict(known or statement, statement))
        return admission

    def send(self, peers: Iterable[int], frame: Frame, *, again: bool = True) -> bytes:
        """Send to these peers; ``again`` keeps the frame for a peer that says hello later. The
        frame's bytes; none where there is nobody else.
        """
        others = tuple(sorted({peer for peer in peers if peer != self.party.me}))
        if not others:
            return b""
        data = encode_frame(frame)
        self.post(others, data, again=again)
        return data

    def post(self, others: tuple[int, ...], data: bytes, *, again: bool = True) -> None:
        """The same for a frame that is encoded: one that goes to many, to each at its time."""
        if again:
            self.party.sent.append((others, data))
        self.emit(Send(others, data))

    def keep(self, peer: int, frame: Frame) -> None:
        """For a peer that says hello later: now it has what is in the frame."""
        self.party.sent.append(((peer,), encode_frame(frame)))

    def timer(self, event: Event, delay: int) -> None:
        self.emit(Timer(self.party.place, event, delay))

    def persist(self, key: str, value: bytes) -> None:
        self.emit_all(self.party.journal.put(key, value))

    def persist_aside(self, key: str, value: bytes) -> None:
        """For an entry that only a later life reads."""
        self.emit_all(self.party.journal.put_aside(key, value))

    def erase(self, *keys: str) -> None:
        self.emit(self.party.journal.erase(*keys))
