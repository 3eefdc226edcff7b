"""What others signed in one attempt, as far as it came here, within bounds for each signer."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from protocols.errors import WireError
from protocols.ports import SIGNATURE_BYTES
from protocols.record.door import is_signed, read_statement
from protocols.record.elected import key_lookup
from protocols.record.setting import Setting
from protocols.wire.payloads import Kind
from protocols.wire.statement import Slot, Statement

MAX_STATEMENTS_PER_SIGNER = 4096
"""What one peer can make another remember in an attempt, beside one word on every dealer."""
SMALL_STATEMENTS_BYTES = 4 << 20
"""The same in bytes, beside one dealing for every peer: complaints and deliveries carry them."""


class Admission(Enum):
    NEW = "new"
    KNOWN = "known"
    CONFLICT = "conflict"  # the first time that its slot is found to hold two
    DOUBLED = "doubled"  # once more
    REFUSED = "refused"

    @property
    def counts(self) -> bool:
        """Whether it is the statement that counts in its slot."""
        return self in (Admission.NEW, Admission.KNOWN)


class Inbox:
    """``place``: (round, attempt). One-round keys are taken once the election gives them."""

    def __init__(self, setting: Setting, place: tuple[int, int]) -> None:
        self.setting = setting
        self.place = place
        self._key_of = key_lookup(setting, {})
        self._slots: dict[Slot, Statement] = {}
        self._doubled: set[Slot] = set()
        self._counts: dict[int, int] = {}
        self._volumes: dict[int, int] = {}
        self._settled: dict[bytes, bytes] = {}
        shape, seats = setting.shape, setting.plan.committee
        dealing = shape.header_bytes + shape.package_bytes(seats - 1) + 1024
        errands = setting.peers * seats  # a member may attest, answer and disclose each
        self._most = MAX_STATEMENTS_PER_SIGNER + 4 * setting.peers + 3 * errands
        self._room = SMALL_STATEMENTS_BYTES + (setting.peers + 2) * dealing + 1024 * errands

    def take_round_keys(self, keys: Mapping[int, bytes]) -> None:
        """Of the committee and the dealers, from the election's outcome (§2)."""
        self._key_of = key_lookup(self.setting, keys)

    def of(self, slot: Slot) -> Statement | None:
        """The statement that counts in this slot."""
        return self._slots.get(slot)

    def settle(self, statement: Statement) -> None:
        """One that is kept, and of which nothing more comes should it be heard once more: liars
        send what they say a hundred times.
        """
        self._settled[statement.signature] = statement.wire

    def has_settled(self, frame: bytes) -> bool:
        """Whether this is a settled statement: told by the signature, in which it ends, and then
        by all of its bytes.
        """
        wire = self._settled.get(frame[-SIGNATURE_BYTES:])
        return wire is not None and frame.endswith(wire)

    def said_by(self, peer: int) -> list[Statement]:
        """Everything of ``peer`` that was admitted here."""
        return [statement for slot, statement in self._slots.items() if slot.signer == peer]

    def remember(self, statement: Statement) -> None:
        """This peer's own: it is in no bound."""
        self._slots.setdefault(statement.slot, statement)

    def read(self, data: bytes) -> Statement:
        """A statement of this attempt with a valid signature; WireError for anything else."""
        return self.verify(read_statement(self.setting, data))

    def verify(self, statement: Statement) -> Statement:
        """The same for one that came through the door; the one with its body, where it is here."""
        slot = statement.slot
        if slot.place != self.place:
            raise WireError(f"{slot.kind.name} of round {slot.round}.{slot.attempt}")
        known = self._slots.get(slot)
        if known is not None and known.body == statement.body:
            return known
        key = self._key_of(slot)
        if key is None or not is_signed(self.setting, statement, key):
            raise WireError(f"{slot.kind.name}: not signed by peer {slot.signer}")
        return statement

    def admit(self, statement: Statement) -> Admission:
        """Remember a statement whose signature holds. The first in its slot counts."""
        slot = statement.slot
        known = self._slots.get(slot)
        if known is None:
            return self._take(statement)
        if known.body == statement.body:
            return Admission.KNOWN
        if slot in self._doubled:
            return Admission.DOUBLED
        self._doubled.add(slot)
        return Admission.CONFLICT

    def _take(self, statement: Statement) -> Admission:
        signer = statement.signer
        count = self._counts.get(signer, 0)
        volume = self._volumes.get(signer, 0) + len(statement.body)
        # A report is never too much: all must hold the same ones, and there is one a member.
        flood = count >= self._most or volume > self._room
        if flood and statement.kind is not Kind.REPORT:
            return Admission.REFUSED
        self._counts[signer] = count + 1
        self._volumes[signer] = volume
        self._slots[statement.slot] = statement
        return Admission.NEW
