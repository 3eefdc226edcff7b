"""One attempt's desk: signs once for a slot, journals before it sends, remembers what it said.

Every component of an attempt (election, agreement, dealing, committee) works through the desk, so
there is one place where a statement is signed and one where a statement of another is admitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from enum import Enum

from protocols.errors import ProtocolError, WireError
from protocols.record.effects import Dropped, Effect, Erase, Persist, Send, Timer
from protocols.record.setting import Setting
from protocols.secret import Secret
from protocols.wire.frames import Frame, encode_frame
from protocols.wire.statement import (
    Kind,
    Payload,
    Slot,
    Statement,
    decode_statement,
    sign,
)

MAX_STATEMENTS_PER_SIGNER = 4096
"""What one peer can make another remember in an attempt, beside one word on every dealer."""
SMALL_STATEMENTS_BYTES = 4 << 20
"""The same in bytes, beside one dealing for every peer: complaints and deliveries carry them."""


class Admission(Enum):
    NEW = "new"
    KNOWN = "known"
    CONFLICT = "conflict"
    REFUSED = "refused"


def check_size(setting: Setting, data: bytes) -> None:
    """Raises WireError for a statement that is larger than any of this group needs to be."""
    if len(data) > setting.largest_statement:
        raise WireError(
            f"a statement of {len(data)} bytes; {setting.largest_statement} hold any of this group"
        )


class Desk:
    """``journal`` holds what an earlier life of this daemon signed in this round.

    A slot that the journal knows is never signed again: the journaled bytes are sent instead, even
    when this life would say something else (faults 21, 42).
    """

    def __init__(
        self,
        setting: Setting,
        me: int,
        identity: Secret,
        round_: int,
        attempt: int,
        journal: MutableMapping[str, bytes],
        effects: list[Effect],
    ) -> None:
        self.setting = setting
        self.me = me
        self.round = round_
        self.attempt = attempt
        self.round_keys: dict[int, bytes] = {}
        self.on_conflict: Callable[[Statement, Statement], None] = lambda first, second: None
        self._identity = identity
        self._round_secret: Secret | None = None
        self._journal = journal
        self._effects = effects
        self._slots: dict[Slot, Statement] = {}
        self._conflicts: set[Slot] = set()
        self._counts: dict[int, int] = {}
        self._volumes: dict[int, int] = {}
        shape, seats = setting.shape, setting.plan.committee
        dealing = shape.header_bytes + shape.package_bytes(seats - 1) + 1024
        errands = setting.peers * seats  # a member may attest, answer and disclose each
        self._most = MAX_STATEMENTS_PER_SIGNER + 4 * setting.peers + 3 * errands
        self._room = SMALL_STATEMENTS_BYTES + (setting.peers + 2) * dealing + 1024 * errands
        self._sent: list[tuple[tuple[int, ...], bytes]] = []

    # -- what this peer says -------------------------------------------------------------------

    def take_round_keys(self, keys: dict[int, bytes], mine: Secret | None) -> None:
        """Seat keys of the committee and the dealers, from the election's outcome (§2)."""
        self.round_keys = keys
        self._round_secret = mine

    def erase_round_secret(self) -> None:
        self._round_secret = None

    def has_signed(self, kind: Kind, subject: int = 0, view: int = 0) -> bool:
        return self._slot(kind, subject, view).key() in self._journal

    def can_sign(self, kind: Kind, subject: int = 0) -> bool:
        slot = self._slot(kind, subject, 0)
        return slot.by_identity or self._round_secret is not None

    def sign(self, kind: Kind, payload: Payload, subject: int = 0, view: int = 0) -> Statement:
        slot = self._slot(kind, subject, view)
        earlier = self._journal.get(slot.key())
        if earlier is not None:
            statement = decode_statement(earlier, self.setting.group)
        else:
            secret = self._identity if slot.by_identity else self._round_secret
            if secret is None:
                raise ProtocolError(f"no key to sign a {kind.name} with")
            statement = sign(
                self.setting.crypto, secret.reveal(), self.setting.group, slot, payload
            )
            self.persist(slot.key(), statement.wire)
        self._slots.setdefault(slot, statement)
        return statement

    def persist(self, key: str, value: bytes) -> None:
        if self._journal.get(key) != value:
            self._journal[key] = value
            self._effects.append(Persist(self.round, key, value))

    def erase(self, *keys: str) -> None:
        """Forget these keys of the journal for good: those on disk that ``_journal`` does not hold,
        too. A secret is written there by whoever drew it, ahead of this life's first effect.
        """
        for key in keys:
            self._journal.pop(key, None)
        self._effects.append(Erase(self.round, keys))

    def remembered(self, key: str) -> bytes | None:
        return self._journal.get(key)

    def remembered_under(self, prefix: str) -> list[bytes]:
        return [value for key, value in self._journal.items() if key.startswith(prefix)]

    def send(self, peers: Iterable[int], frame: Frame, *, again: bool = True) -> None:
        """Send to these peers; ``again`` keeps the frame for a peer that says hello later."""
        others = tuple(sorted({peer for peer in peers if peer != self.me}))
        if not others:
            return
        data = encode_frame(frame)
        if again:
            self._sent.append((others, data))
        self.emit(Send(others, data))

    def everyone(self) -> range:
        return range(self.setting.peers)

    def resend(self, peer: int) -> None:
        """All that ``peer`` was sent in this attempt, once more (it has restarted)."""
        for peers, data in self._sent:
            if peer in peers:
                self.emit(Send((peer,), data))

    def timer(self, *name: str | int, delay: int) -> None:
        self.emit(Timer((self.round, self.attempt, *name), delay))

    def emit(self, effect: Effect) -> None:
        self._effects.append(effect)

    def drop(self, sender: int, reason: str) -> None:
        self.emit(Dropped(sender, reason))

    def _slot(self, kind: Kind, subject: int, view: int) -> Slot:
        return Slot(self.round, self.attempt, kind, subject, view, self.me)

    # -- what others say -----------------------------------------------------------------------

    def said_by(self, peer: int) -> list[Statement]:
        """Everything of ``peer`` that was admitted here."""
        return [statement for slot, statement in self._slots.items() if slot.signer == peer]

    def key_of(self, slot: Slot) -> bytes | None:
        if slot.signer >= self.setting.peers:
            return None
        return (
            self.setting.roster[slot.signer]
            if slot.by_identity
            else self.round_keys.get(slot.signer)
        )

    def read(self, data: bytes) -> Statement:
        """A statement of this attempt with a valid signature; WireError for anything else."""
        check_size(self.setting, data)
        statement = decode_statement(data, self.setting.group)
        slot = statement.slot
        if (slot.round, slot.attempt) != (self.round, self.attempt):
            raise WireError(f"{slot.kind.name} of round {slot.round}.{slot.attempt}")
        known = self._slots.get(slot)
        if known is not None and known.body == statement.body:
            return known
        key = self.key_of(slot)
        if key is None or not statement.signed_by(self.setting.crypto, key):
            raise WireError(f"{slot.kind.name}: not signed by peer {slot.signer}")
        return statement

    def admit(self, statement: Statement) -> Admission:
        """Remember a statement whose signature holds. The first in its slot counts."""
        slot = statement.slot
        known = self._slots.get(slot)
        if known is None:
            count = self._counts.get(slot.signer, 0)
            volume = self._volumes.get(slot.signer, 0) + len(statement.body)
            # A report is never too much: all must hold the same ones, and there is one a member.
            flood = count >= self._most or volume > self._room
            if flood and slot.kind is not Kind.REPORT:
                return Admission.REFUSED
            self._counts[slot.signer] = count + 1
            self._volumes[slot.signer] = volume
            self._slots[slot] = statement
            return Admission.NEW
        if known.body == statement.body:
            return Admission.KNOWN
        if slot not in self._conflicts:
            self._conflicts.add(slot)
            self.on_conflict(known, statement)
        return Admission.CONFLICT
